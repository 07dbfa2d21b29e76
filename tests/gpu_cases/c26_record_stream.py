# expect: clean
# pyright: basic
"""``record_stream`` tells the allocator that the side stream uses the tensor, too."""

import torch

side = torch.cuda.Stream()
batch = torch.randn(64, 256, device="cuda")
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    scores = batch.softmax(dim=1)
batch.record_stream(side)
del batch
table = torch.zeros(1024, 1024, device="cuda")
side.synchronize()
print(scores.sum().item(), table.sum().item())

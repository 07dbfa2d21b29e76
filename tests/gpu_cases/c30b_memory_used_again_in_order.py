# expect: clean
# pyright: basic
"""``record_stream`` keeps the memory back until the side stream has read it."""

import torch

side = torch.cuda.Stream()
batch = torch.randn(64, 256, device="cuda")
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    scores = batch.softmax(dim=1)
    batch.record_stream(side)
del batch
table = torch.zeros(64, 256, device="cuda")
side.synchronize()
print(scores.sum().item(), table.sum().item())

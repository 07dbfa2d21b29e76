# expect: clean
# pyright: basic
"""The tensor's own stream waits for the side stream before it is dropped: whoever gets the memory comes later."""

import torch

side = torch.cuda.Stream()
batch = torch.randn(64, 256, device="cuda")
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    scores = batch.softmax(dim=1)
torch.cuda.current_stream().wait_stream(side)
del batch
table = torch.zeros(1024, 1024, device="cuda")
print(scores.sum().item(), table.sum().item())

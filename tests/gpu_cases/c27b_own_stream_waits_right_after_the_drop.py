# expect: clean
# pyright: basic
"""The tensor is dropped a line too early, but its stream waits before anything else is made or launched there."""

import torch

side = torch.cuda.Stream()
batch = torch.randn(64, 256, device="cuda")
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    scores = batch.softmax(dim=1)
del batch
torch.cuda.current_stream().wait_stream(side)
table = torch.zeros(64, 256, device="cuda")
print(scores.sum().item(), table.sum().item())

# expect: clean
# pyright: basic
"""The host has waited for the side stream when the tensor is dropped."""

import torch

side = torch.cuda.Stream()
batch = torch.randn(64, 256, device="cuda")
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    scores = batch.softmax(dim=1)
side.synchronize()
del batch
table = torch.zeros(64, 256, device="cuda")
print(scores.sum().item(), table.sum().item())

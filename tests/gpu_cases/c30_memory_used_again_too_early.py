# expect: G002
# certainty: confirmed
# pyright: basic
"""The memory of a dropped tensor is given to the next one and overwritten, while the side stream may still read it."""

import torch

side = torch.cuda.Stream()
batch = torch.randn(64, 256, device="cuda")
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    scores = batch.softmax(dim=1)
del batch
table = torch.zeros(64, 256, device="cuda")
side.synchronize()
print(scores.sum().item(), table.sum().item())

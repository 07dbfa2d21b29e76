# expect: clean
# pyright: basic
"""The wait is issued after the batch is made, so it covers that."""

import torch

side = torch.cuda.Stream()
batch = torch.randn(64, 256, device="cuda")
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    scores = batch.softmax(dim=1)
side.synchronize()
print(scores.sum().item())

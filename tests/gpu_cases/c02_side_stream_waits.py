# expect: clean
# pyright: basic
"""The side stream waits for the default stream before it multiplies."""

import torch

batch = torch.randn(64, 256, device="cuda")
weights = torch.randn(256, 32, device="cuda")
side = torch.cuda.Stream()
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    scores = batch @ weights
side.synchronize()
print(scores.sum().item())

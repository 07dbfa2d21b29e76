# expect: G001
# twin: c02_side_stream_waits
# pyright: basic
"""The side stream multiplies what the default stream is still filling: nothing makes it wait."""

import torch

batch = torch.randn(64, 256, device="cuda")
weights = torch.randn(256, 32, device="cuda")
side = torch.cuda.Stream()
with torch.cuda.stream(side):
    scores = batch @ weights
side.synchronize()
print(scores.sum().item())

# expect: G001
# pyright: basic
"""The side stream waits for the default stream, but before the batch is made there."""

import torch

side = torch.cuda.Stream()
side.wait_stream(torch.cuda.current_stream())
batch = torch.randn(64, 256, device="cuda")
with torch.cuda.stream(side):
    scores = batch.softmax(dim=1)
side.synchronize()
print(scores.sum().item())

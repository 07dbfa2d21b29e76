# expect: G002
# certainty: latent
# twin: c26_record_stream
# pyright: basic
"""A tensor of the default stream is dropped while the side stream reads it: its memory may be given out again."""

import torch

side = torch.cuda.Stream()
batch = torch.randn(64, 256, device="cuda")
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    scores = batch.softmax(dim=1)
del batch
table = torch.zeros(1024, 1024, device="cuda")
side.synchronize()
print(scores.sum().item(), table.sum().item())

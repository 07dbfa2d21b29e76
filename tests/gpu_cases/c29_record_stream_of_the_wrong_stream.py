# expect: G002
# certainty: latent
# twin: c26_record_stream
# pyright: basic
"""``record_stream`` names the current stream, which the tensor belongs to anyway, and not the one that reads it."""

import torch

side = torch.cuda.Stream()
batch = torch.randn(64, 256, device="cuda")
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    scores = batch.softmax(dim=1)
batch.record_stream(torch.cuda.current_stream())
del batch
table = torch.zeros(1024, 1024, device="cuda")
side.synchronize()
print(scores.sum().item(), table.sum().item())

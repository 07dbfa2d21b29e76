# expect: G001
# pyright: basic
"""``matrix.T`` is written on one stream and ``matrix.view(-1)`` read on another: two views of one storage."""

import torch

matrix = torch.randn(64, 64, device="cuda")
writer, reader = torch.cuda.Stream(), torch.cuda.Stream()
for stream in (writer, reader):
    stream.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(writer):
    matrix.T.clamp_(min=0)
with torch.cuda.stream(reader):
    total = matrix.view(-1).sum()
torch.cuda.synchronize()
print(total.item())

# expect: clean
# pyright: basic
"""The reader of the one view waits for the writer of the other."""

import torch

matrix = torch.randn(64, 64, device="cuda")
writer, reader = torch.cuda.Stream(), torch.cuda.Stream()
writer.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(writer):
    matrix.T.clamp_(min=0)
reader.wait_stream(writer)
with torch.cuda.stream(reader):
    total = matrix.view(-1).sum()
torch.cuda.synchronize()
print(total.item())

# expect: G001
# twin: c12_disjoint_slices
# pyright: basic
"""``x[:-1]`` is scaled on one stream while ``x[1:]`` is read on another: they share all but one element."""

import torch

x = torch.randn(4096, device="cuda")
left, right = torch.cuda.Stream(), torch.cuda.Stream()
for stream in (left, right):
    stream.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(left):
    x[:-1].mul_(2)
with torch.cuda.stream(right):
    total = x[1:].sum()
torch.cuda.synchronize()
print(total.item())

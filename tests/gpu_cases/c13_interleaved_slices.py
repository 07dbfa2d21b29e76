# expect: clean
# pyright: basic
"""Two streams work on the even and the odd elements: their hulls overlap, their elements do not."""

import torch

x = torch.randn(4096, device="cuda")
even, odd = torch.cuda.Stream(), torch.cuda.Stream()
for stream in (even, odd):
    stream.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(even):
    x[0::2].mul_(2)
with torch.cuda.stream(odd):
    x[1::2].add_(1)
torch.cuda.synchronize()
print(x.sum().item())

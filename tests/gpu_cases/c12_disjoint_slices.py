# expect: clean
# pyright: basic
"""Two streams work on the two halves of a tensor."""

import torch

x = torch.randn(4096, device="cuda")
left, right = torch.cuda.Stream(), torch.cuda.Stream()
for stream in (left, right):
    stream.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(left):
    x[:2048].mul_(2)
with torch.cuda.stream(right):
    total = x[2048:].sum()
torch.cuda.synchronize()
print(total.item())

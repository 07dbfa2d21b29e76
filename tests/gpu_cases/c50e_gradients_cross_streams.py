# expect: clean
# pyright: basic
"""In the backward pass a gradient goes from one stream to another: the engine lets it wait, and records that stream."""

import torch

x = torch.randn(64, 64, device="cuda", requires_grad=True)
side = torch.cuda.Stream()
doubled = x * 2
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    tripled = doubled * 3
torch.cuda.current_stream().wait_stream(side)
loss = (tripled * 4).sum()
loss.backward()
assert x.grad is not None
print(x.grad.sum().item())

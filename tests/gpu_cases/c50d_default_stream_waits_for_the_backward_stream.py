# expect: clean
# pyright: basic
"""The default stream waits for the one on which ``backward()`` was called."""

import torch

weights = torch.randn(256, 32, device="cuda", requires_grad=True)
batch = torch.randn(64, 256, device="cuda")
side = torch.cuda.Stream()
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    (batch @ weights).square().mean().backward()
torch.cuda.current_stream().wait_stream(side)
assert weights.grad is not None
print(weights.grad.norm().item())

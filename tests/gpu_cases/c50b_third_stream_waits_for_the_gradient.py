# expect: clean
# pyright: basic
"""The third stream waits for the one on which ``backward()`` was called."""

import torch

weights = torch.randn(256, 32, device="cuda", requires_grad=True)
batch = torch.randn(64, 256, device="cuda")
side, third = torch.cuda.Stream(), torch.cuda.Stream()
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    loss = (batch @ weights).square().mean()
loss.backward()
assert weights.grad is not None
third.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(third):
    print(weights.grad.norm().item())

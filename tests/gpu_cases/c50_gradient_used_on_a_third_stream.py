# expect: G001
# pyright: basic
"""The gradient is used on a third stream, which waits for nobody."""

import torch

weights = torch.randn(256, 32, device="cuda", requires_grad=True)
batch = torch.randn(64, 256, device="cuda")
side, third = torch.cuda.Stream(), torch.cuda.Stream()
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    loss = (batch @ weights).square().mean()
loss.backward()
assert weights.grad is not None
with torch.cuda.stream(third):
    print(weights.grad.norm().item())

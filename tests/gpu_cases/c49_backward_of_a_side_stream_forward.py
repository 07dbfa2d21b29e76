# expect: clean
# pyright: basic
"""The loss is made on a side stream, ``backward()`` called on the default one: that one waits for the gradients."""

import torch

weights = torch.randn(256, 32, device="cuda", requires_grad=True)
batch = torch.randn(64, 256, device="cuda")
side = torch.cuda.Stream()
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    loss = (batch @ weights).square().mean()
loss.backward()
assert weights.grad is not None
print(weights.grad.norm().item())

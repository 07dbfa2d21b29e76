# expect: G001
# pyright: basic
"""``backward()`` is called on a side stream and the gradient used on the default one: only the caller's stream waits."""

import torch

weights = torch.randn(256, 32, device="cuda", requires_grad=True)
batch = torch.randn(64, 256, device="cuda")
side = torch.cuda.Stream()
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    (batch @ weights).square().mean().backward()
assert weights.grad is not None
print(weights.grad.norm().item())

# expect: clean
# gpus: 2
# pyright: basic
"""``to("cuda:1")`` lets the current streams of both devices wait for each other, before and after the copy."""

import torch

part = torch.randn(4096, device="cuda:0")
moved = part.to("cuda:1", non_blocking=True)
part.zero_()
print(moved.sum().item(), part.sum().item())

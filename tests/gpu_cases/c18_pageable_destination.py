# expect: clean
# pyright: basic
"""The destination is not pinned: such a copy to the host has ended when the call returns, whatever was asked for."""

import torch

scores = torch.randn(4096, device="cuda")
host = torch.empty(4096)
host.copy_(scores, non_blocking=True)
print(host.mean().item())

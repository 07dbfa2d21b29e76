# expect: G001
# pyright: basic
"""The type is changed on the device, so the pinned source is still read when the call returns, and overwritten too early."""

import torch

staging = torch.zeros(4096).pin_memory()
half = torch.empty(4096, device="cuda", dtype=torch.float16)
half.copy_(staging, non_blocking=True)
staging.fill_(1.0)
print(half.sum().item())

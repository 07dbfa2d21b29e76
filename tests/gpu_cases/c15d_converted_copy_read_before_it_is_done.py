# expect: G001
# pyright: basic
"""The copy changes the type, which a copy that does not block does on the device, and the host reads too early."""

import torch

scores = torch.randn(4096, device="cuda", dtype=torch.float16)
host = torch.empty(4096, pin_memory=True)
host.copy_(scores, non_blocking=True)
print(host.mean().item())

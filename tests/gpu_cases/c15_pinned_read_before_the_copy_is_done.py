# expect: G001
# twin: c16_pinned_read_after_the_event
# pyright: basic
"""The host reads pinned memory into which the device may still be copying."""

import torch

scores = torch.randn(4096, device="cuda")
host = torch.empty(4096, pin_memory=True)
host.copy_(scores, non_blocking=True)
print(host.mean().item())

# expect: G001
# pyright: basic
"""``to("cpu", non_blocking=True)`` copies into fresh pinned memory, and comes back before that is done."""

import torch

scores = torch.randn(4096, device="cuda")
host = scores.to("cpu", non_blocking=True)
print(host.argmax().item())

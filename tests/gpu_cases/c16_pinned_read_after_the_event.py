# expect: clean
# pyright: basic
"""The host waits for an event recorded after the copy."""

import torch

scores = torch.randn(4096, device="cuda")
host = torch.empty(4096, pin_memory=True)
host.copy_(scores, non_blocking=True)
copied = torch.cuda.Event()
copied.record()
copied.synchronize()
print(host.mean().item())

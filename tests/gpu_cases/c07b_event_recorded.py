# expect: clean
# pyright: basic
"""The event is recorded before the wait."""

import torch

hidden = torch.randn(4096, device="cuda")
ready = torch.cuda.Event()
ready.record()
side = torch.cuda.Stream()
side.wait_event(ready)
with torch.cuda.stream(side):
    active = hidden.relu()
side.synchronize()
print(active.mean().item())

# expect: G001,G005
# pyright: basic
"""Nobody records the event, so the wait is for nothing."""

import torch

hidden = torch.randn(4096, device="cuda")
ready = torch.cuda.Event()
side = torch.cuda.Stream()
side.wait_event(ready)
with torch.cuda.stream(side):
    active = hidden.relu()
side.synchronize()
print(active.mean().item())

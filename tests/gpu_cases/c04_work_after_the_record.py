# expect: G001
# pyright: basic
"""The event is recorded before the last kernel that writes: the waiting stream may miss that one."""

import torch

hidden = torch.zeros(4096, device="cuda")
ready = torch.cuda.Event()
ready.record()
hidden.normal_()
side = torch.cuda.Stream()
side.wait_event(ready)
with torch.cuda.stream(side):
    active = hidden.relu()
side.synchronize()
print(active.mean().item())

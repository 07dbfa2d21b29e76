# expect: clean
# pyright: basic
"""The event is recorded after the last kernel that writes."""

import torch

hidden = torch.zeros(4096, device="cuda")
ready = torch.cuda.Event()
hidden.normal_()
ready.record()
side = torch.cuda.Stream()
side.wait_event(ready)
with torch.cuda.stream(side):
    active = hidden.relu()
side.synchronize()
print(active.mean().item())

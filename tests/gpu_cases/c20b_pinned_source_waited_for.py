# expect: clean
# pyright: basic
"""Before the staging buffer is filled again the host waits for the copy out of it."""

import torch

staging = torch.empty(4096, pin_memory=True)
total = torch.zeros((), device="cuda")
copied = torch.cuda.Event()
for step in range(3):
    copied.synchronize()
    staging.fill_(step)
    batch = staging.to("cuda", non_blocking=True)
    copied.record()
    total += batch.sum()
print(total.item())

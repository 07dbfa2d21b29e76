# expect: G001
# pyright: basic
"""One pinned staging buffer for all steps: the next step overwrites it while the copy may still read it."""

import torch

staging = torch.empty(4096, pin_memory=True)
total = torch.zeros((), device="cuda")
for step in range(3):
    staging.fill_(step)
    batch = staging.to("cuda", non_blocking=True)
    total += batch.sum()
print(total.item())

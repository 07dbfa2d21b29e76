# expect: clean
# pyright: basic
"""The source is not pinned: it has been read, into memory of the driver's, when the call returns."""

import torch

staging = torch.empty(4096)
total = torch.zeros((), device="cuda")
for step in range(3):
    staging.fill_(step)
    batch = staging.to("cuda", non_blocking=True)
    total += batch.sum()
print(total.item())

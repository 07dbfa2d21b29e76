# expect: clean
# pyright: basic
"""Each step drops its pinned buffer right after the copy: the allocator of pinned memory waits for copies by itself."""

import torch

total = torch.zeros((), device="cuda")
for step in range(3):
    staging = torch.full((4096,), float(step)).pin_memory()
    batch = staging.to("cuda", non_blocking=True)
    del staging
    total += batch.sum()
print(total.item())

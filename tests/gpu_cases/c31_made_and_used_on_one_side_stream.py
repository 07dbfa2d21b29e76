# expect: clean
# pyright: basic
"""Temporaries are made, used and dropped on one stream: whatever gets their memory comes later there."""

import torch

side = torch.cuda.Stream()
with torch.cuda.stream(side):
    total = torch.zeros((), device="cuda")
    for _ in range(3):
        batch = torch.randn(64, 256, device="cuda")
        total += batch.softmax(dim=1).max()
        del batch
side.synchronize()
print(total.item())

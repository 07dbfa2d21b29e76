# expect: clean
# pyright: basic
"""The host asks the event until it says yes."""

import time

import torch

scores = torch.randn(4096, device="cuda")
host = torch.empty(4096, pin_memory=True)
host.copy_(scores, non_blocking=True)
copied = torch.cuda.Event()
copied.record()
while not copied.query():
    time.sleep(1e-4)
print(host.mean().item())

# expect: clean
# pyright: basic
"""The host asks the stream until it says yes."""

import time

import torch

scores = torch.randn(4096, device="cuda")
host = scores.to("cpu", non_blocking=True)
while not torch.cuda.current_stream().query():
    time.sleep(1e-4)
print(host.mean().item())

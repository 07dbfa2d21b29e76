# expect: clean
# pyright: basic
"""Another library's blocking stream writes, the default stream reads: in CUDA these two wait for each other."""

import torch

hidden = torch.zeros(4096, device="cuda")
theirs = torch.cuda.ExternalStream(0x5A10)  # cupy.cuda.Stream().ptr
with torch.cuda.stream(theirs):
    hidden.normal_()
print(hidden.sum().item())

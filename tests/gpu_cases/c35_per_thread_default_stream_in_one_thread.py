# expect: clean
# pyright: basic
"""The thread's own default stream (``cudaStreamPerThread``), twice in one thread: that is one stream."""

import torch

PER_THREAD = 2
hidden = torch.zeros(4096, device="cuda")
with torch.cuda.stream(torch.cuda.ExternalStream(PER_THREAD)):
    hidden.normal_()
with torch.cuda.stream(torch.cuda.ExternalStream(PER_THREAD)):
    total = hidden.sum()
    print(total.item())

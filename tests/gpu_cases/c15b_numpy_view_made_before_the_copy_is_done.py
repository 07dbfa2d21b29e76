# expect: clean
# pyright: basic
"""``numpy()`` makes a view and reads nothing yet; what it shows is read after the host has waited."""

import torch

scores = torch.randn(4096, device="cuda")
host = scores.to("cpu", non_blocking=True)
values = host.numpy()
torch.cuda.current_stream().synchronize()
print(values.sum())

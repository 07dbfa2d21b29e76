# expect: G001
# twin: c15b_numpy_view_made_before_the_copy_is_done
# pyright: basic
"""The numpy view of a pinned buffer is made once, and read while the device may still be copying into the buffer."""

import torch

host = torch.zeros(4096).pin_memory()
values = host.numpy()
scores = torch.randn(4096, device="cuda")
host.copy_(scores, non_blocking=True)
print(values.sum())

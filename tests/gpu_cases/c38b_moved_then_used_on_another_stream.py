# expect: G001
# gpus: 2
# twin: c38_tensor_moved_to_another_device
# pyright: basic
"""Only the streams that are current during the copy wait; a side stream of cuda:1 does not."""

import torch

part = torch.randn(4096, device="cuda:0")
side = torch.cuda.Stream("cuda:1")
moved = part.to("cuda:1", non_blocking=True)
with torch.cuda.stream(side):
    print(moved.sum().item())

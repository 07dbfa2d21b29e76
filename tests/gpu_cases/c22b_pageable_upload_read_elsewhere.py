# expect: G001
# twin: c22c_blocking_upload_read_elsewhere
# pyright: basic
"""The source has been read when the call returns, but the copy to the device may go on: a side stream must wait."""

import torch

batch = torch.ones(4096)
on_device = batch.to("cuda", non_blocking=True)
side = torch.cuda.Stream()
with torch.cuda.stream(side):
    print(on_device.sum().item())

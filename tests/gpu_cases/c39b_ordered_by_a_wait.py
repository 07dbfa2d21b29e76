# expect: clean
# pyright: basic
"""The one stream waits for the other, whether or not they are the same."""

import torch

hidden = torch.zeros(4096, device="cuda")
torch.cuda.synchronize()
streams = [torch.cuda.Stream() for _ in range(33)]
with torch.cuda.stream(streams[0]):
    hidden.normal_()
streams[32].wait_stream(streams[0])
with torch.cuda.stream(streams[32]):
    print(hidden.sum().item())

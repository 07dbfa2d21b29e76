# expect: G001
# twin: c33_blocking_external_stream
# pyright: basic
"""A stream of torch's own writes, the default stream reads: torch's streams are non-blocking, nobody waits."""

import torch

hidden = torch.zeros(4096, device="cuda")
side = torch.cuda.Stream()
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side):
    hidden.normal_()
print(hidden.sum().item())

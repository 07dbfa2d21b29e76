# expect: clean
# pyright: basic
"""The host waits for the stream before it reads what was copied without blocking."""

import torch

scores = torch.randn(4096, device="cuda")
host = scores.to("cpu", non_blocking=True)
torch.cuda.current_stream().synchronize()
print(host.argmax().item())

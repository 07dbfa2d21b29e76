# expect: G002
# certainty: confirmed
# pyright: basic
"""The storage is given up with ``resize_(0)`` while it is being copied to the host, and the next tensor gets its place."""

import torch

offload = torch.cuda.Stream()
activations = torch.randn(64, 256, device="cuda")
host = torch.empty(64, 256, pin_memory=True)
offload.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(offload):
    host.copy_(activations, non_blocking=True)
activations.untyped_storage().resize_(0)
gradients = torch.ones(64, 256, device="cuda")
offload.synchronize()
print(host.sum().item(), gradients.sum().item())

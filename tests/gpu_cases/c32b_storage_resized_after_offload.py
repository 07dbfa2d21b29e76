# expect: clean
# pyright: basic
"""The storage's own stream waits for the copy to the host before it is given up."""

import torch

offload = torch.cuda.Stream()
activations = torch.randn(64, 256, device="cuda")
host = torch.empty(64, 256, pin_memory=True)
offload.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(offload):
    host.copy_(activations, non_blocking=True)
torch.cuda.current_stream().wait_stream(offload)
activations.untyped_storage().resize_(0)
gradients = torch.ones(64, 256, device="cuda")
offload.synchronize()
print(host.sum().item(), gradients.sum().item())

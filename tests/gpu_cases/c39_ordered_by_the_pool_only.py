# expect: G001
# certainty: latent
# needs: streams told apart although torch's pool gave them one handle
# pyright: basic
"""The 33rd stream of the pool is the first again: the two are in order by accident, and no more once one is made less."""

import torch

hidden = torch.zeros(4096, device="cuda")
torch.cuda.synchronize()
streams = [torch.cuda.Stream() for _ in range(33)]
with torch.cuda.stream(streams[0]):
    hidden.normal_()
with torch.cuda.stream(streams[32]):
    print(hidden.sum().item())

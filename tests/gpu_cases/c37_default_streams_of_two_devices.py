# expect: G001
# gpus: 2
# pyright: basic
"""A kernel on cuda:1 reads memory of cuda:0 directly: the two default streams know nothing of each other."""

import torch


@torch.library.custom_op("gpu_cases::peer_add", mutates_args=["into"])
def peer_add(into: torch.Tensor, peer: torch.Tensor) -> None:
    """In earnest a kernel, launched on the current stream of ``into``'s device, that reads over NVLink."""
    into += peer


part = torch.randn(4096, device="cuda:0")
total = torch.zeros(4096, device="cuda:1")
peer_add(total, part)
print(total.sum().item())

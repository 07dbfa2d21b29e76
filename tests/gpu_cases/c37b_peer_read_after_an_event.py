# expect: clean
# gpus: 2
# pyright: basic
"""The stream of cuda:1 waits for an event of cuda:0 before the kernel that reads over there."""

import torch


@torch.library.custom_op("gpu_cases::peer_add_after", mutates_args=["into"])
def peer_add(into: torch.Tensor, peer: torch.Tensor) -> None:
    """In earnest a kernel, launched on the current stream of ``into``'s device, that reads over NVLink."""
    into += peer


part = torch.randn(4096, device="cuda:0")
total = torch.zeros(4096, device="cuda:1")
torch.cuda.current_stream("cuda:1").wait_event(torch.cuda.current_stream("cuda:0").record_event())
peer_add(total, part)
print(total.sum().item())

# expect: G002
# twin: c26b_prefetcher
# pyright: basic
"""Batches are copied ahead on a side stream, and their memory goes back to it while the default stream still reads."""

import torch

copies = torch.cuda.Stream()
weights = torch.randn(256, 32, device="cuda")
total = torch.zeros((), device="cuda")


def copied(batch: torch.Tensor) -> torch.Tensor:
    with torch.cuda.stream(copies):
        return batch.to("cuda", non_blocking=True)


batches = [torch.randn(64, 256).pin_memory() for _ in range(4)]
ahead = copied(batches[0])
for following in [*batches[1:], batches[0]]:
    torch.cuda.current_stream().wait_stream(copies)
    batch = ahead
    ahead = copied(following)
    total += (batch @ weights).sum()
print(total.item())

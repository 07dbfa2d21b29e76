# expect: clean
# pyright: basic
"""Batches are copied ahead on a side stream; the stream that uses them waits, and ``record_stream`` keeps their memory."""

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
    batch.record_stream(torch.cuda.current_stream())
    ahead = copied(following)
    total += (batch @ weights).sum()
print(total.item())

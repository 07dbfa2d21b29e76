# expect: clean
# pyright: basic
"""One event for each slot, first waited for before it was ever recorded: that is no wait, and none is needed yet."""

import torch

copies = torch.cuda.Stream()
ring = [torch.empty(4096, device="cuda") for _ in range(2)]
used = [torch.cuda.Event() for _ in ring]
total = torch.zeros((), device="cuda")
for step, batch in enumerate(torch.randn(5, 4096).pin_memory()):
    copies.wait_event(used[step % 2])
    with torch.cuda.stream(copies):
        ring[step % 2].copy_(batch, non_blocking=True)
    torch.cuda.current_stream().wait_stream(copies)
    total += ring[step % 2].sum()
    used[step % 2].record()
print(total.item())

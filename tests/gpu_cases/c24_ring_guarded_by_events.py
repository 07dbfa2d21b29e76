# expect: clean
# pyright: basic
"""A slot of the ring is filled again after the step that used it last."""

import torch

copies = torch.cuda.Stream()
ring = [torch.empty(4096, device="cuda") for _ in range(2)]
used: list[torch.cuda.Event] = []
total = torch.zeros((), device="cuda")
for step, batch in enumerate(torch.randn(5, 4096).pin_memory()):
    if step >= 2:
        copies.wait_event(used[step - 2])
    with torch.cuda.stream(copies):
        ring[step % 2].copy_(batch, non_blocking=True)
    torch.cuda.current_stream().wait_stream(copies)
    total += ring[step % 2].sum()
    used.append(torch.cuda.Event())
    used[-1].record()
print(total.item())

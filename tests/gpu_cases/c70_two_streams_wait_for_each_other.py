# expect: clean
# pyright: basic
"""Each stream waits for what the other had to do: no cycle, since a wait is for what was recorded before it."""

import torch

left, right = torch.cuda.Stream(), torch.cuda.Stream()
with torch.cuda.stream(left):
    one = torch.randn(4096, device="cuda")
with torch.cuda.stream(right):
    two = torch.randn(4096, device="cuda")
one_done, two_done = left.record_event(), right.record_event()
left.wait_event(two_done)
right.wait_event(one_done)
with torch.cuda.stream(left):
    total = one + two
with torch.cuda.stream(right):
    product = one * two
torch.cuda.synchronize()
print(total.sum().item(), product.sum().item())

# expect: G001
# twin: c70_two_streams_wait_for_each_other
# pyright: basic
"""Each stream waits before the other has recorded: of two such waits one is empty, so this cannot hang, but race."""

import torch

left, right = torch.cuda.Stream(), torch.cuda.Stream()
one_done, two_done = torch.cuda.Event(), torch.cuda.Event()
one = torch.zeros(4096, device="cuda")
torch.cuda.synchronize()
with torch.cuda.stream(left):
    two_done.wait()
    total = one.sum()
    one_done.record()
with torch.cuda.stream(right):
    one.normal_()
    two_done.record()
    one_done.wait()
torch.cuda.synchronize()
print(total.item())

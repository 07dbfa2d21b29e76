# expect: clean
# pyright: basic
"""The wait is issued before the event is recorded again, and so holds for the first record."""

import torch

first, second, consumer = torch.cuda.Stream(), torch.cuda.Stream(), torch.cuda.Stream()
done = torch.cuda.Event()
with torch.cuda.stream(first):
    left = torch.randn(4096, device="cuda")
    done.record()
consumer.wait_event(done)
with torch.cuda.stream(second):
    right = torch.randn(4096, device="cuda")
    done.record()
with torch.cuda.stream(consumer):
    total = left.sum()
consumer.synchronize()
print(total.item(), right.shape)

# expect: G001
# twin: c06_event_recorded_again_after_the_wait
# pyright: basic
"""One event for two streams: the second record overwrites the first, and the consumer waits for the wrong stream."""

import torch

first, second, consumer = torch.cuda.Stream(), torch.cuda.Stream(), torch.cuda.Stream()
done = torch.cuda.Event()
with torch.cuda.stream(first):
    left = torch.randn(4096, device="cuda")
    done.record()
with torch.cuda.stream(second):
    right = torch.randn(4096, device="cuda")
    done.record()
consumer.wait_event(done)
with torch.cuda.stream(consumer):
    total = left.sum()
consumer.synchronize()
print(total.item(), right.shape)

# expect: clean
# pyright: basic
"""The producer synchronizes its stream before it puts the batch into the queue, so the consumer may use it anywhere."""

import queue
import threading

import torch

batches: queue.Queue[torch.Tensor] = queue.Queue()


def produce() -> None:
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        batch = torch.randn(4096, device="cuda")
    stream.synchronize()
    batches.put(batch)


def consume() -> None:
    with torch.cuda.stream(torch.cuda.Stream()):
        batch = batches.get()
        print(batch.sum().item())


thread = threading.Thread(target=produce)
thread.start()
consume()
thread.join()

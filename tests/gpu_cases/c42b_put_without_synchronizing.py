# expect: G001
# twin: c42_synchronized_then_put
# pyright: basic
"""The queue hands the batch over, and nothing waits for the stream that makes it."""

import queue
import threading

import torch

batches: queue.Queue[torch.Tensor] = queue.Queue()


def produce() -> None:
    with torch.cuda.stream(torch.cuda.Stream()):
        batch = torch.randn(4096, device="cuda")
    batches.put(batch)


def consume() -> None:
    with torch.cuda.stream(torch.cuda.Stream()):
        batch = batches.get()
        print(batch.sum().item())


thread = threading.Thread(target=produce)
thread.start()
consume()
thread.join()

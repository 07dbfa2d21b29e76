# expect: D003
# pyright: basic
"""The loader holds the lock while it puts into a full queue, and the trainer wants the lock before it gets."""

import queue
import threading

import torch

lock, batches = threading.Lock(), queue.Queue[torch.Tensor](maxsize=1)


def load() -> None:
    for _ in range(2):
        with lock:
            batches.put(torch.randn(4096).pin_memory().to("cuda", non_blocking=True))


thread = threading.Thread(target=load)
thread.start()
for _ in range(2):
    with lock:
        learning_rate = 0.1
    print((batches.get() * learning_rate).sum().item())
thread.join()

# expect: clean
# pyright: basic
"""The loader puts into the queue after it has released the lock."""

import queue
import threading

import torch

lock, batches = threading.Lock(), queue.Queue[torch.Tensor](maxsize=1)


def load() -> None:
    for _ in range(2):
        with lock:
            batch = torch.randn(4096).pin_memory().to("cuda", non_blocking=True)
        batches.put(batch)


thread = threading.Thread(target=load)
thread.start()
for _ in range(2):
    with lock:
        learning_rate = 0.1
    print((batches.get() * learning_rate).sum().item())
thread.join()

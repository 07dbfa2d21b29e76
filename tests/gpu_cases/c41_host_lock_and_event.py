# expect: clean
# pyright: basic
"""Under the lock each thread's stream waits for the event of whoever counted last."""

import threading

import torch

counts, counted = torch.zeros(4096, device="cuda"), torch.cuda.Event()
counted.record()
lock = threading.Lock()


def count() -> None:
    with torch.cuda.stream(torch.cuda.Stream()), lock:
        counted.wait()
        counts.add_(1)
        counted.record()


threads = [threading.Thread(target=count) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
torch.cuda.synchronize()
print(counts.sum().item())

# expect: clean
# pyright: basic
"""A lock is held while the host waits for the device, but the device needs no lock to get done."""

import threading

import torch

counts, lock = torch.zeros(4096, device="cuda"), threading.Lock()
torch.cuda.synchronize()


def count() -> None:
    stream = torch.cuda.Stream()
    with lock, torch.cuda.stream(stream):
        counts.add_(1)
        stream.synchronize()


threads = [threading.Thread(target=count) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(counts.sum().item())

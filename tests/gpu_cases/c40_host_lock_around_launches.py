# expect: G001
# twin: c41_host_lock_and_event
# pyright: basic
"""A lock of the host orders the launches of two threads, not the kernels on their two streams."""

import threading

import torch

counts = torch.zeros(4096, device="cuda")
torch.cuda.synchronize()
lock = threading.Lock()


def count() -> None:
    with torch.cuda.stream(torch.cuda.Stream()), lock:
        counts.add_(1)


threads = [threading.Thread(target=count) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
torch.cuda.synchronize()
print(counts.sum().item())

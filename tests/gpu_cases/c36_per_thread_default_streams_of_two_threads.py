# expect: G001
# pyright: basic
"""The handle of the per-thread default stream is 2 in each thread, but each thread has a stream of its own."""

import queue
import threading

import torch

PER_THREAD = 2
hidden = torch.zeros(4096, device="cuda")
torch.cuda.synchronize()
written: queue.Queue[bool] = queue.Queue()


def produce() -> None:
    with torch.cuda.stream(torch.cuda.ExternalStream(PER_THREAD)):
        hidden.normal_()
    written.put(True)


thread = threading.Thread(target=produce)
thread.start()
with torch.cuda.stream(torch.cuda.ExternalStream(PER_THREAD)):
    written.get()
    print(hidden.sum().item())
thread.join()

# expect: clean
# pyright: basic
"""The two threads' own default streams are ordered by an event that goes through the queue."""

import queue
import threading

import torch

PER_THREAD = 2
hidden = torch.zeros(4096, device="cuda")
torch.cuda.synchronize()
written: queue.Queue[torch.cuda.Event] = queue.Queue()


def produce() -> None:
    with torch.cuda.stream(torch.cuda.ExternalStream(PER_THREAD)):
        hidden.normal_()
        ready = torch.cuda.Event()
        ready.record()
    written.put(ready)


thread = threading.Thread(target=produce)
thread.start()
with torch.cuda.stream(torch.cuda.ExternalStream(PER_THREAD)):
    written.get().wait()
    print(hidden.sum().item())
thread.join()

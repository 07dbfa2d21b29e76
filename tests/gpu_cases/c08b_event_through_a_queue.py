# expect: clean
# pyright: basic
"""The event goes through a queue after it was recorded."""

import queue
import threading

import torch

hidden = torch.zeros(4096, device="cuda")
events: queue.Queue[torch.cuda.Event] = queue.Queue()
torch.cuda.synchronize()


def produce() -> None:
    with torch.cuda.stream(torch.cuda.Stream()):
        hidden.normal_()
        ready = torch.cuda.Event()
        ready.record()
    events.put(ready)


thread = threading.Thread(target=produce)
thread.start()
with torch.cuda.stream(torch.cuda.Stream()):
    events.get().wait()
    print(hidden.sum().item())
thread.join()

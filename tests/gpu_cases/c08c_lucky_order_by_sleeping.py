# expect: G005
# twin: c08b_event_through_a_queue
# pyright: basic
"""The waiting thread sleeps first, and so the event has been recorded, this time: nothing makes that sure."""

import threading
import time

import torch

hidden = torch.zeros(4096, device="cuda")
ready = torch.cuda.Event()
torch.cuda.synchronize()


def produce() -> None:
    with torch.cuda.stream(torch.cuda.Stream()):
        hidden.normal_()
        ready.record()


thread = threading.Thread(target=produce)
thread.start()
time.sleep(0.1)
with torch.cuda.stream(torch.cuda.Stream()):
    ready.wait()
    print(hidden.sum().item())
thread.join()

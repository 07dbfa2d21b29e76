# expect: G001,G005
# pyright: basic
"""One thread records the event, another waits for it, and nothing says that the record comes first."""

import threading

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
with torch.cuda.stream(torch.cuda.Stream()):
    ready.wait()
    print(hidden.sum().item())
thread.join()

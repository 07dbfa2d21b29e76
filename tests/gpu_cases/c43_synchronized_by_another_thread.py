# expect: G001
# twin: c42_synchronized_then_put
# pyright: basic
"""One thread synchronizes its stream, but nothing says that it has when the other launches."""

import threading

import torch

hidden = torch.zeros(4096, device="cuda")
torch.cuda.synchronize()


def produce() -> None:
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        hidden.normal_()
    stream.synchronize()


thread = threading.Thread(target=produce)
thread.start()
with torch.cuda.stream(torch.cuda.Stream()):
    print(hidden.sum().item())
thread.join()

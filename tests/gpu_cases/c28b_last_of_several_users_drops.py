# expect: clean
# pyright: basic
"""Each thread waits for its own use of the batch before it drops it; whoever drops it last knows of its own use only."""

import threading

import torch


def use(batch: torch.Tensor) -> None:
    with torch.cuda.stream(torch.cuda.Stream()):
        print(batch.sum().item())


def serve() -> list[threading.Thread]:
    batch = torch.randn(4096, device="cuda")
    torch.cuda.synchronize()
    return [threading.Thread(target=use, args=(batch,)) for _ in range(2)]


threads = serve()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

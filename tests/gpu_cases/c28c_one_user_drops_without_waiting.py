# expect: G002
# certainty: latent
# twin: c28b_last_of_several_users_drops
# pyright: basic
"""One of the threads that use the batch drops it without waiting for its own use."""

import threading

import torch

sums: list[torch.Tensor] = []


def use(batch: torch.Tensor) -> None:
    with torch.cuda.stream(torch.cuda.Stream()):
        sums.append(batch.sum())


def serve() -> list[threading.Thread]:
    batch = torch.randn(4096, device="cuda")
    torch.cuda.synchronize()
    return [threading.Thread(target=use, args=(batch,)) for _ in range(2)]


threads = serve()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
following = torch.empty(4096, device="cuda")
torch.cuda.synchronize()
print([total.item() for total in sums])

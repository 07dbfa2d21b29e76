# expect: G001
# pyright: basic
"""Two threads share a graph: the lock is released once the clone of its output is launched, not once it is done."""

import threading

import torch

static_in, graph, lock = torch.ones(4096, device="cuda"), torch.cuda.CUDAGraph(), threading.Lock()
with torch.cuda.graph(graph):
    static_out = static_in * 2
torch.cuda.synchronize()


def infer() -> None:
    with torch.cuda.stream(torch.cuda.Stream()):
        with lock:
            graph.replay()
            result = static_out.clone()
        print(result.sum().item())


threads = [threading.Thread(target=infer) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

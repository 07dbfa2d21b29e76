# expect: clean
# pyright: basic
"""The stream is synchronized before the lock is released."""

import threading

import torch

static_in, graph, lock = torch.ones(4096, device="cuda"), torch.cuda.CUDAGraph(), threading.Lock()
with torch.cuda.graph(graph):
    static_out = static_in * 2
torch.cuda.synchronize()


def infer() -> None:
    with torch.cuda.stream(torch.cuda.Stream()), lock:
        graph.replay()
        result = static_out.clone()
        torch.cuda.current_stream().synchronize()
    print(result.shape)


threads = [threading.Thread(target=infer) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

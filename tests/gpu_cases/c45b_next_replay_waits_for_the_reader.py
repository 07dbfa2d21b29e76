# expect: clean
# pyright: basic
"""The next replay waits for whoever reads the output of the last one."""

import torch

static_in = torch.ones(4096, device="cuda")
graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
with torch.cuda.graph(graph):
    static_out = static_in * 2
sums: list[torch.Tensor] = []
for _ in range(2):
    torch.cuda.current_stream().wait_stream(side)
    graph.replay()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        sums.append(static_out.sum())
side.synchronize()
print([total.item() for total in sums])

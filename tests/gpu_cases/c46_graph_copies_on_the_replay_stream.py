# expect: clean
# pyright: basic
"""Input and output of the graph are copied on the stream that replays it."""

import torch

batches = torch.randn(3, 4096).pin_memory()
static_in = torch.zeros(4096, device="cuda")
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    static_out = static_in * 2
results: list[torch.Tensor] = []
for batch in batches:
    static_in.copy_(batch, non_blocking=True)
    graph.replay()
    results.append(static_out.clone())
print(torch.stack(results).sum().item())

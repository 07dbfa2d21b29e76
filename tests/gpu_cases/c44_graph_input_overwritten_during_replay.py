# expect: G001
# pyright: basic
"""The next batch is copied into the graph's input on a side stream while the replay may still read it."""

import torch

batches = torch.randn(2, 4096).pin_memory()
static_in = torch.zeros(4096, device="cuda")
graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
with torch.cuda.graph(graph):
    static_out = static_in.relu().sum()
for batch in batches:
    with torch.cuda.stream(side):
        static_in.copy_(batch, non_blocking=True)
    torch.cuda.current_stream().wait_stream(side)
    graph.replay()
print(static_out.item())

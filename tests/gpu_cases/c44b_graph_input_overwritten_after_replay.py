# expect: clean
# pyright: basic
"""The side stream waits for the replay before it copies the next batch into the graph's input."""

import torch

batches = torch.randn(2, 4096).pin_memory()
static_in = torch.zeros(4096, device="cuda")
graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
with torch.cuda.graph(graph):
    static_out = static_in.relu().sum()
for batch in batches:
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        static_in.copy_(batch, non_blocking=True)
    torch.cuda.current_stream().wait_stream(side)
    graph.replay()
print(static_out.item())

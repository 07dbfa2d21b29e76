# expect: clean
# pyright: basic
"""The stream that captures waits for the side stream before the capture ends."""

import torch

static_in = torch.ones(4096, device="cuda")
graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
with torch.cuda.graph(graph):
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        static_out = static_in * 2
    torch.cuda.current_stream().wait_stream(side)
graph.replay()
print(static_out.sum().item())

# expect: E001
# pyright: basic
"""A side stream takes part in the capture and is not joined again: the capture cannot end."""

import torch

static_in = torch.ones(4096, device="cuda")
graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
with torch.cuda.graph(graph):
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        static_out = static_in * 2
graph.replay()
print(static_out.sum().item())

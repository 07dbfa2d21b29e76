# expect: clean
# pyright: basic
"""The default stream waits for both readers before it updates the weights."""

import torch

weights = torch.randn(256, 32, device="cuda")
batches = [torch.randn(64, 256, device="cuda") for _ in range(2)]
streams = [torch.cuda.Stream() for _ in batches]
scores: list[torch.Tensor] = []
for stream, batch in zip(streams, batches, strict=True):
    stream.wait_stream(torch.cuda.default_stream())
    with torch.cuda.stream(stream):
        scores.append(batch @ weights)
for stream in streams:
    torch.cuda.default_stream().wait_stream(stream)
weights.mul_(0.9)
torch.cuda.synchronize()
print([score.sum().item() for score in scores])

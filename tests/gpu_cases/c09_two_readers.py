# expect: clean
# pyright: basic
"""Two streams read the same weights at once, which is no conflict."""

import torch

weights = torch.randn(256, 32, device="cuda")
batches = [torch.randn(64, 256, device="cuda") for _ in range(2)]
streams = [torch.cuda.Stream() for _ in batches]
scores: list[torch.Tensor] = []
for stream, batch in zip(streams, batches, strict=True):
    stream.wait_stream(torch.cuda.default_stream())
    with torch.cuda.stream(stream):
        scores.append(batch @ weights)
torch.cuda.synchronize()
print([score.sum().item() for score in scores])

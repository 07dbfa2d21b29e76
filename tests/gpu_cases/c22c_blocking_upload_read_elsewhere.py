# expect: clean
# pyright: basic
"""Without ``non_blocking`` torch synchronizes the stream after the copy, so any stream may use the model at once."""

import torch

model = torch.nn.Linear(256, 32).cuda()
batch = torch.tensor([[0.5] * 256], device="cuda")
side = torch.cuda.Stream()
with torch.cuda.stream(side):
    print(model(batch).sum().item())

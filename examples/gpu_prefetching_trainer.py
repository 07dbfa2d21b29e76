"""A training loop that copies the next batch while it computes on this one.

Batches are copied on a stream of their own from pinned memory, so that the copy hides behind the computation. Two
things are forgotten, as they often are:

* The loader fills its two pinned buffers in turn. It must not touch one before the copy out of it is done.
* A batch is made on the copy stream and used on another one. Without `record_stream`, its memory is given to the
  next batch while the last step may still read it.

    weft check examples/gpu_prefetching_trainer.py:main --gpu virtual
    weft check examples/gpu_prefetching_trainer.py:main --gpu virtual --set careful=True
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

FEATURES, CLASSES, BATCH = 16, 4, 8
BUFFERS = 2


class Source:
    """Random samples, batch by batch, in pinned memory that is used again and again."""

    def __init__(self, batches: int, careful: bool) -> None:
        self.batches = batches
        self.careful = careful
        self.inputs = [torch.empty(BATCH, FEATURES).pin_memory() for _ in range(BUFFERS)]
        self.labels = [torch.empty(BATCH, dtype=torch.long).pin_memory() for _ in range(BUFFERS)]
        self.copied = [torch.cuda.Event() for _ in range(BUFFERS)]

    def fill(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.cuda.Event]:
        slot = number % BUFFERS
        if self.careful and number >= BUFFERS:
            self.copied[slot].synchronize()
        self.inputs[slot].normal_()
        self.labels[slot].random_(CLASSES)
        return self.inputs[slot], self.labels[slot], self.copied[slot]


class Prefetcher:
    """Batches on the device, each copied while the one before is worked on."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.stream = torch.cuda.Stream()

    def fetch(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        inputs, labels, copied = self.source.fill(number)
        with torch.cuda.stream(self.stream):
            on_device = inputs.to("cuda", non_blocking=True), labels.to("cuda", non_blocking=True)
            copied.record()
        return on_device

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        following = self.fetch(0)
        for number in range(1, self.source.batches + 1):
            torch.cuda.current_stream().wait_stream(self.stream)
            inputs, labels = following
            if self.source.careful:
                inputs.record_stream(torch.cuda.current_stream())
                labels.record_stream(torch.cuda.current_stream())
            if number < self.source.batches:
                following = self.fetch(number)
            yield inputs, labels


def main(batches: int = 4, careful: bool = False) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU(), nn.Linear(32, CLASSES)).cuda()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    total = torch.zeros((), device="cuda")
    for inputs, labels in Prefetcher(Source(batches, careful)):
        loss = nn.functional.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach()
    print(f"mean loss {total.item() / batches:.3f}")


if __name__ == "__main__":
    main()

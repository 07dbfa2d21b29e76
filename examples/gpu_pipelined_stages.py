"""Images go through three stages, each with a stream of its own: normalise, convolve, post-process to the host.

Stages hand their results on by events, so that three images are worked on at once. One event is recorded a line too
early, before the work that it stands for is launched: the second stage may begin with half an image. The result comes
back into one of two pinned buffers, which the host reads two images later, when the copy has surely come: so it seems.

    weft check examples/gpu_pipelined_stages.py:main --gpu virtual
    weft check examples/gpu_pipelined_stages.py:main --gpu virtual --set careful=True
"""

from __future__ import annotations

import torch
from torch import nn

SIDE, BUFFERS = 16, 2


class Stage:
    """A stream, and the event that says that its last image is done."""

    def __init__(self) -> None:
        self.stream = torch.cuda.Stream()
        self.done = torch.cuda.Event()

    def after(self, other: torch.cuda.Event) -> torch.cuda.StreamContext:
        self.stream.wait_event(other)
        return torch.cuda.stream(self.stream)


class Pipeline:
    """Three stages and the host at both ends."""

    def __init__(self, careful: bool) -> None:
        self.careful = careful
        self.kernel = nn.Conv2d(3, 4, 3, padding=1).cuda().requires_grad_(False)
        self.first, self.second, self.third = Stage(), Stage(), Stage()
        self.loaded = torch.cuda.Event()
        self.out = [torch.empty(4).pin_memory() for _ in range(BUFFERS)]
        self.written: list[torch.cuda.Event | None] = [None] * BUFFERS
        self.sums: list[float] = []
        self.loaded.record()

    def normalise(self, image: torch.Tensor) -> torch.Tensor:
        with self.first.after(self.loaded):
            on_device = image.to("cuda")
            if not self.careful:
                self.first.done.record()
            scaled = (on_device - on_device.mean()) / on_device.std()
            if self.careful:
                self.first.done.record()
        scaled.record_stream(self.second.stream)
        return scaled

    def convolve(self, scaled: torch.Tensor) -> torch.Tensor:
        with self.second.after(self.first.done):
            features = self.kernel(scaled.unsqueeze(0)).relu()
            self.second.done.record()
        features.record_stream(self.third.stream)
        return features

    def bring_back(self, features: torch.Tensor, slot: int) -> None:
        with self.third.after(self.second.done):
            self.out[slot].copy_(features.amax(dim=(0, 2, 3)), non_blocking=True)
            self.written[slot] = self.third.stream.record_event()

    def read(self, slot: int) -> None:
        written = self.written[slot]
        if written is None:
            return
        if self.careful:
            written.synchronize()
        self.sums.append(float(self.out[slot].sum()))

    def run(self, images: int) -> None:
        for number in range(images):
            slot = number % BUFFERS
            self.read(slot)
            self.bring_back(self.convolve(self.normalise(torch.rand(3, SIDE, SIDE))), slot)
        for number in range(images, images + BUFFERS):
            self.read(number % BUFFERS)


def main(images: int = 4, careful: bool = False) -> None:
    pipeline = Pipeline(careful)
    pipeline.run(images)
    torch.cuda.synchronize()
    print(f"{len(pipeline.sums)} images")


if __name__ == "__main__":
    main()

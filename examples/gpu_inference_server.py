"""An inference server: a queue of requests, threads that answer them, a stream for each thread.

The model is moved to the device by the main thread and made half as large there, on the default stream; every worker
launches on a stream of its own. Nothing tells those streams to wait for the smaller weights. And an answer is put into
the queue as soon as its work is launched: whoever takes it out reads what the device may not have written yet.

    weft check examples/gpu_inference_server.py:main --gpu virtual
    weft check examples/gpu_inference_server.py:main --gpu virtual --set careful=True
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field

import torch
from torch import nn

FEATURES = 8


@dataclass
class Request:
    number: int
    inputs: torch.Tensor
    answer: queue.Queue[torch.Tensor] = field(default_factory=queue.Queue)


class Server:
    """Workers that share one model."""

    def __init__(self, workers: int, careful: bool) -> None:
        self.careful = careful
        self.requests: queue.Queue[Request | None] = queue.Queue(maxsize=4)
        layers = nn.Sequential(nn.Linear(FEATURES, FEATURES), nn.GELU(), nn.Linear(FEATURES, 2)).eval()
        self.model = layers.cuda().bfloat16()
        self.ready = torch.cuda.Event()
        self.ready.record()
        self.threads = [threading.Thread(target=self.work, name=f"worker-{number}") for number in range(workers)]
        for thread in self.threads:
            thread.start()

    def work(self) -> None:
        stream = torch.cuda.Stream()
        if self.careful:
            stream.wait_event(self.ready)
        while (request := self.requests.get()) is not None:
            with torch.inference_mode(), torch.cuda.stream(stream):
                inputs = request.inputs.pin_memory().to("cuda", non_blocking=True)
                answer = self.model(inputs).softmax(dim=-1).to("cpu", non_blocking=True)
            if self.careful:
                stream.synchronize()
            request.answer.put(answer)

    def ask(self, request: Request) -> None:
        self.requests.put(request)

    def close(self) -> None:
        for _ in self.threads:
            self.requests.put(None)
        for thread in self.threads:
            thread.join()


def main(workers: int = 2, requests: int = 2, careful: bool = False) -> None:
    server = Server(workers, careful)
    waiting = [
        Request(number, torch.full((1, FEATURES), float(number), dtype=torch.bfloat16)) for number in range(requests)
    ]
    for request in waiting:
        server.ask(request)
    best = [request.answer.get().argmax(dim=-1).item() for request in waiting]
    server.close()
    print(f"{len(best)} answers")


if __name__ == "__main__":
    main()

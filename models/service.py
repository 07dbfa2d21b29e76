"""An inference service: a front end puts requests on a queue, workers look in the cache and ask the model on a miss.

The wrong form is how such a service grows. Counting hits where they happen puts the metrics' lock inside the cache's;
a status report, written later and by someone else, freezes the metrics and then asks the cache how full it is. Each is
fine alone; together they deadlock when a report falls into a look-up. weft must find D001 in ``wrong``: a worker holds
``Cache.lock`` and wants ``Metrics.lock``, the reporter the other way round. ``right`` is the same service with the
report asking the cache first.

The work is real: encoding the question is plain Python, which holds the GIL; SHA-256 of the document for the cache's
key and an integer (quantised) layer, which NumPy computes on one core with no BLAS threads of its own, do not. So with
a GIL, speedup is at most 1 / (share of encoding), and without one it is near the number of workers that find a core.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


class Metrics:
    """What the operators look at; ``lock`` guards the counts."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.hits = 0
        self.misses = 0


class Cache:
    """Answers by key; ``lock`` guards the dictionary."""

    def __init__(self, metrics: Metrics) -> None:
        self.lock = threading.Lock()
        self.answers: dict[bytes, int] = {}
        self.metrics = metrics

    def look_up(self, key: bytes) -> int | None:
        with self.lock:
            answer = self.answers.get(key)
            with self.metrics.lock:
                if answer is None:
                    self.metrics.misses += 1
                else:
                    self.metrics.hits += 1
            return answer

    def store(self, key: bytes, answer: int) -> None:
        with self.lock:
            self.answers[key] = answer

    def size(self) -> int:
        with self.lock:
            return len(self.answers)


class Model:
    """One layer over ``tokens`` rows of ``width`` features; the weights, -8 to 7, are a multiplicative hash (Knuth)."""

    def __init__(self, tokens: int, width: int) -> None:
        self.tokens = tokens
        places = np.arange(width * width, dtype=np.uint32).reshape(width, width)
        self.weights: npt.NDArray[np.int32] = (places * 2654435761 >> 28).astype(np.int32) - 8

    def answer(self, key: bytes) -> int:
        """The strongest output feature for the question with this key."""
        width = len(self.weights)
        features = np.frombuffer(hashlib.shake_128(key).digest(self.tokens * width), dtype=np.uint8)
        outputs = np.matmul(features.astype(np.int32).reshape(self.tokens, width), self.weights)
        return int(outputs.max(axis=0).argmax())


def encode(question: str) -> int:
    """One number for a question: a checksum as a tokeniser in plain Python would run, one character after the other."""
    code = 0
    for character in question:
        code = (code * 257 + ord(character)) % 4294967291
    return code


@dataclass(frozen=True, slots=True)
class Request:
    """A question about the document; ``number`` says where the answer goes."""

    number: int
    question: str


class Service:
    """The service as it grew: ``report`` takes the locks in the order opposite to a look-up."""

    def __init__(self, model: Model, document: bytes, requests: int) -> None:
        self.requests: queue.Queue[Request | None] = queue.Queue()
        self.metrics = Metrics()
        self.cache = Cache(self.metrics)
        self.model = model
        self.document = document
        self.answers = [-1] * requests

    def work(self) -> None:
        while (request := self.requests.get()) is not None:
            self.answers[request.number] = self.answer(request.question)

    def answer(self, question: str) -> int:
        digest = hashlib.sha256(encode(question).to_bytes(4))
        digest.update(self.document)
        key = digest.digest()
        answer = self.cache.look_up(key)
        if answer is None:
            answer = self.model.answer(key)
            self.cache.store(key, answer)
        return answer

    def report(self) -> str:
        with self.metrics.lock:
            size = self.cache.size()
            return f"{self.metrics.hits} hits, {self.metrics.misses} misses, {size} cached"


class OrderedService(Service):
    """The same service with the one fix: nothing asks for the cache's lock while it holds the metrics' lock."""

    def report(self) -> str:
        size = self.cache.size()
        with self.metrics.lock:
            return f"{self.metrics.hits} hits, {self.metrics.misses} misses, {size} cached"


def wrong(
    *,
    workers: int = 2,
    requests: int = 2,
    distinct: int | None = None,
    question_characters: int = 16,
    document_bytes: int = 64,
    tokens: int = 2,
    width: int = 8,
) -> list[int]:
    """Answer ``requests`` requests while a report is made; parameters as in :func:`right`."""
    service = Service(Model(tokens, width), bytes(document_bytes), requests)
    return _serve(service, workers, distinct or requests, question_characters)


def right(
    *,
    workers: int = 2,
    requests: int = 2,
    distinct: int | None = None,
    question_characters: int = 16,
    document_bytes: int = 64,
    tokens: int = 2,
    width: int = 8,
) -> list[int]:
    """Answer ``requests`` requests while a report is made; the answers in the order of the requests.

    ``distinct`` is the number of different questions (None: no question is asked twice). ``question_characters``
    scales the encoding, ``document_bytes`` the hashing, ``tokens * width ** 2`` the model.
    """
    service = OrderedService(Model(tokens, width), bytes(document_bytes), requests)
    return _serve(service, workers, distinct or requests, question_characters)


def _serve(service: Service, workers: int, distinct: int, question_characters: int) -> list[int]:
    threads = [threading.Thread(target=service.work, name=f"worker-{index}") for index in range(workers)]
    reporter = threading.Thread(target=service.report, name="reporter")
    for thread in [*threads, reporter]:
        thread.start()
    for number in range(len(service.answers)):
        service.requests.put(Request(number, f"question {number % distinct}".ljust(question_characters, "?")))
    for _ in threads:
        service.requests.put(None)
    for thread in [*threads, reporter]:
        thread.join()
    return service.answers

"""Open-loop arrivals: requests come by the clock, whether or not the earlier ones are answered.

There is no wrong form. Times between arrivals and lengths of requests are exponential, the queue is unbounded and first
come, first served, so N workers with a core each are an M/M/N queue. With r arrivals a second, s seconds a request and
a load of r s / N below 1, closed forms for the long run are Erlang's (Solution of some problems in the theory of
probabilities, 1917): for one worker a request waits r s^2 / (1 - r s) on average; for N of them C / (N / s - r), where
C, Erlang's C formula, is the chance that all are busy. With a load above 1 the workers never catch up, and the time of
the whole is the work divided by N: the saturation point is r = N / s.

The arrivals keep to a timetable: one that comes late does not put off those behind it, as a closed loop would ("co-
ordinated omission"). weft must find nothing.
"""

from __future__ import annotations

import queue
import threading
import time
from random import Random

from . import computing
from .marks import mark
from .parameters import at_least


def arrivals(requests: int, rate: float, seed: int) -> list[float]:
    """When the requests come, in seconds from the start: a Poisson process of ``rate`` a second."""
    chance = Random(seed)
    times: list[float] = []
    now = 0.0
    for _ in range(requests):
        now += chance.expovariate(rate)
        times.append(now)
    return times


def lengths(requests: int, units: int, seed: int) -> list[int]:
    """How many units each request takes: exponential with a mean of ``units``, rounded."""
    chance = Random(-1 - seed)
    return [round(units * chance.expovariate(1.0)) for _ in range(requests)]


def run(*, workers: int = 2, requests: int = 64, rate: float = 200.0, units: int = 40, seed: int = 0) -> list[int]:
    """Answer ``requests`` requests on ``workers`` threads, ``rate`` of them coming a second; the answers in order."""
    at_least(1, workers=workers)
    at_least(0, requests=requests, units=units)
    if not rate > 0:
        raise ValueError(f"rate={rate}: requests per second must be more than 0; give a larger number")
    pending: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
    answers = [0] * requests

    def worker() -> None:
        while (request := pending.get()) is not None:
            number, length = request
            answers[number] = computing.derive(number, length)
            mark(f"end request {number}")

    threads = [threading.Thread(target=worker, name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    begun = time.perf_counter()
    for number, (due, length) in enumerate(
        zip(arrivals(requests, rate, seed), lengths(requests, units, seed), strict=True)
    ):
        early = begun + due - time.perf_counter()
        if early > 0:
            time.sleep(early)
        mark(f"begin request {number}")
        pending.put((number, length))
    for _ in threads:
        pending.put(None)
    for thread in threads:
        thread.join()
    return answers

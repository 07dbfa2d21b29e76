"""Recorded semaphores: a note a permit, where the program takes and gives it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from weft.simcore.trace import Trace

from ..conftest import assert_true_order, kind_of, labels

Recorded = Callable[[Callable[[], object]], Trace]


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
def test_permits_are_taken_and_given_back_where_the_program_does_it(recorded: Recorded, kind: str) -> None:
    def body() -> None:
        permits = getattr(threading, kind)(3)
        for _ in range(2):
            with permits:
                permits.acquire()
                permits.acquire()
                permits.release(2)

    trace = recorded(body)
    first = body.__code__.co_firstlineno
    found = [
        (event.operation.label, trace.tables.locations[event.location].line - first)
        for event in trace
        if kind_of(trace, event) == kind
    ]
    once = [("acquire", 3), ("acquire", 4), ("acquire", 5), ("release", 6), ("release", 6), ("release", 3)]
    assert found == once * 2


def test_an_overridden_release_ends_a_with(recorded: Recorded) -> None:
    def body() -> None:
        class Counting(threading.Semaphore):
            given = 0

            def release(self, n: int = 1) -> None:
                self.given += n
                super().release(n)

        permits = Counting(1)
        with permits:
            pass
        assert permits.given == 1

    assert labels(recorded(body), "Semaphore") == ["acquire", "release"]


def test_semaphores_events_and_barriers(recorded: Recorded) -> None:
    def body() -> None:
        permits = threading.BoundedSemaphore(2)
        go = threading.Event()
        together = threading.Barrier(3)

        def worker(_: int) -> None:
            go.wait()
            with permits:
                pass
            together.wait()

        threads = [threading.Thread(target=worker, args=(index,), name=f"test-{index}") for index in range(3)]
        for thread in threads:
            thread.start()
        go.set()
        for thread in threads:
            thread.join()
        with pytest.raises(ValueError, match="released too many"):
            permits.release()
        go.clear()
        assert not go.wait(0.001)

    trace = recorded(body)
    assert labels(trace, "BoundedSemaphore").count("acquire") == 3
    assert labels(trace, "BoundedSemaphore").count("release") == 3
    assert sorted(set(labels(trace, "Barrier"))) == ["arrive", "depart"]
    assert labels(trace, "Event")[-3:] == ["clear", "request", "timeout"]
    assert_true_order(trace)

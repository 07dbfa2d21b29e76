"""Recorded barriers: who departs from a broken one has no place."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from weft.simcore.trace import Op, Trace

from ..conftest import labels

Recorded = Callable[[Callable[[], object]], Trace]


def test_broken_barrier_departs_without_a_place(recorded: Recorded) -> None:
    def body() -> None:
        together = threading.Barrier(2)
        together.abort()
        with pytest.raises(threading.BrokenBarrierError):
            together.wait()

    trace = recorded(body)
    assert labels(trace, "Barrier") == ["abort", "arrive", "depart"]
    assert [event.outcome for event in trace if event.operation is Op.DEPART] == [-1]

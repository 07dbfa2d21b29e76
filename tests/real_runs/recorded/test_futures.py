"""Recorded futures and pools: submitted, run, set, seen."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError

import pytest

from weft.simcore.trace import Trace

from ..conftest import assert_true_order, labels

Recorded = Callable[[Callable[[], object]], Trace]


def test_pool_submits_runs_sets_and_gives_results(recorded: Recorded) -> None:
    def body() -> None:
        with concurrent.futures.ThreadPoolExecutor(2, "test-pool") as pool:
            futures = [pool.submit(pow, 2, index) for index in range(4)]
            assert sorted(future.result() for future in concurrent.futures.as_completed(futures)) == [1, 2, 4, 8]
            assert list(pool.map(abs, [-1, -2])) == [1, 2]
            failing = pool.submit(divmod, 1, 0)
            with pytest.raises(ZeroDivisionError):
                failing.result()
            done, _ = concurrent.futures.wait([failing])
            assert done == {failing}

    trace = recorded(body)
    found = labels(trace, "Future")
    assert found.count("submit") == found.count("run") == found.count("set") == 7
    assert labels(trace, "ThreadPoolExecutor") == ["close"]
    pool = next(index for index, row in enumerate(trace.tables.objects) if row.kind == "ThreadPoolExecutor")
    assert all(row.part_of == pool for row in trace.tables.objects if row.kind == "Future")
    assert_true_order(trace)


def test_future_by_hand(recorded: Recorded) -> None:
    def body() -> None:
        future: concurrent.futures.Future[int] = concurrent.futures.Future()
        with pytest.raises(FutureTimeoutError):
            future.result(0.001)
        future.set_result(3)
        assert future.result() == 3
        other: concurrent.futures.Future[int] = concurrent.futures.Future()
        assert other.cancel()

    assert labels(recorded(body), "Future") == ["request", "timeout", "set", "result", "cancel"]

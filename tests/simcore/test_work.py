"""``work``: the world decides inside one; outside, the thread's CPU clock does."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from typing import Any

import pytest

from weft.simcore import memory_work, world
from weft.simcore import work as work_module
from weft.simcore.work import work


class Clock:
    """A CPU clock that only the hashing below moves, at 2 ns a byte and 1 us a call."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.sizes: list[int] = []

    def read_ns(self) -> int:
        return self.now_ns

    def sha256(self, data: memoryview) -> None:
        self.sizes.append(len(data))
        self.now_ns += 1_000 + 2 * len(data)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "thread_time_ns", clock.read_ns)
    monkeypatch.setattr(hashlib, "sha256", clock.sha256)
    return clock


def test_in_a_world_it_is_the_worlds_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[float, bool]] = []

    class Recording(world.World):
        def compute(self, seconds: float, gil: bool, memory_bytes: int = 0) -> None:
            steps.append((seconds, gil))

    monkeypatch.setattr(world, "active", Recording())
    work(3600.0)
    work(7200.0, gil=False)
    assert steps == [(3600.0, True), (7200.0, False)]


@pytest.mark.parametrize("gil", [True, False])
def test_outside_it_spends_the_threads_own_cpu_time(gil: bool) -> None:
    spent_ns: list[int] = []

    def measured() -> None:
        before_ns = time.thread_time_ns()
        work(0.002, gil)
        spent_ns.append(time.thread_time_ns() - before_ns)

    threads = [threading.Thread(target=measured) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(spent_ns) >= 2_000_000


@pytest.mark.parametrize("seconds", [1e-6, 1e-4, 0.005, 1.0])
def test_hashing_ends_within_a_small_piece_of_the_goal(clock: Clock, seconds: float) -> None:
    work(seconds, gil=False)
    smallest_piece_ns = 1_000 + 2 * work_module._PIECE_BYTES_FIRST  # pyright: ignore[reportPrivateUsage]
    assert 0 <= clock.now_ns - seconds * 1e9 <= smallest_piece_ns


def test_every_piece_is_large_enough_to_release_the_gil_and_small_enough_to_stop(clock: Clock) -> None:
    work(0.01, gil=False)
    assert min(clock.sizes) >= 2048
    assert max(1_000 + 2 * size for size in clock.sizes) <= 250_000


def test_a_piece_never_outgrows_the_buffer_on_a_fast_machine(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def fast(data: memoryview) -> None:
        clock.sizes.append(len(data))
        clock.now_ns += len(data) // 100

    monkeypatch.setattr(hashlib, "sha256", fast)
    work(0.001, gil=False)
    assert max(clock.sizes) == 1 << 20


def test_a_clock_too_coarse_to_see_the_first_piece_does_not_stop_it(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "thread_time_ns", lambda: clock.now_ns // 1_000_000 * 1_000_000)
    work(0.003, gil=False)
    assert clock.now_ns >= 3_000_000


@pytest.mark.parametrize("gil", [True, False])
def test_no_time_is_no_work(clock: Clock, gil: bool) -> None:
    work(0, gil)
    assert clock.sizes == []


@pytest.mark.parametrize("seconds", [-1, -0.1, math.nan, math.inf, True])
def test_a_bad_time_is_named(seconds: Any) -> None:
    with pytest.raises(ValueError, match=r"^work\(seconds=.*\): seconds must be a finite number, 0 or more; give"):
        work(seconds)


# Bound by memory.


def test_in_a_world_a_step_says_what_memory_it_goes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[object, ...]] = []

    class Recording(world.World):
        def compute(self, seconds: float, gil: bool, memory_bytes: int = 0) -> None:
            steps.append((seconds, gil, memory_bytes))

    monkeypatch.setattr(world, "active", Recording())
    work(1, gil=False, memory_bytes=1 << 20)
    work(2, gil=False)
    assert steps == [(1, False, 1 << 20), (2, False, 0)]


@pytest.mark.parametrize(
    ("memory_bytes", "gil", "says"),
    [
        (1 << 20, True, "write gil=False"),
        (100, False, "must have 65536 bytes"),
        (-1, False, "must have 65536 bytes"),
        (1 << 50, False, "16 GiB"),
        (True, False, "must have 65536 bytes"),
    ],
)
def test_memory_must_be_a_working_set(memory_bytes: int, gil: bool, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        work(1, gil, memory_bytes)


def test_outside_it_copies_as_much_as_takes_that_long_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that copies 2 bytes a nanosecond, and half of the time is disturbed."""
    clock, copied = {"ns": 0, "pieces": 0}, [0]
    real = memory_work._Walker.copy

    def copy(walker: Any, length: int) -> int:
        done = real(walker, length)
        clock["pieces"] += 1
        clock["ns"] += done // 2 * (1 + clock["pieces"] % 2)
        copied[0] += done
        return done

    monkeypatch.setattr(memory_work._Walker, "copy", copy)
    monkeypatch.setattr(memory_work, "real_perf_counter_ns", lambda: clock["ns"])
    monkeypatch.setattr(memory_work, "_speeds", {})
    work(0, gil=False, memory_bytes=1 << 18)
    copied[0] = 0
    work(0.001, gil=False, memory_bytes=1 << 18)
    assert copied == [2_000_000]
    assert memory_work._speeds == {1 << 18: 2.0}


def test_the_walk_goes_over_all_of_its_memory() -> None:
    walker = memory_work._Walker(1 << 10)
    assert [walker.copy(300) for _ in range(4)] == [300, 212, 300, 212]
    assert (walker._to == walker._from).all()

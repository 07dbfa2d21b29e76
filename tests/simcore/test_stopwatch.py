"""The stopwatch: what is a segment's own time, and what others took or it waited for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from weft.simcore.stopwatch import BLOCKED_NS_MIN, Stopwatch

from .hand_clock import HandClock

MS = 1_000_000


def look(*happens: Callable[[HandClock], None]) -> tuple[int, int]:
    """(computed, waited) of a segment in which all that happens, in ms."""
    clock = HandClock()
    begun_at = clock.now_ns()
    for step in happens:
        step(clock)
    computed, waited = clock.close_look(clock.now_ns() - begun_at)
    return computed // MS, waited // MS


def compute(clock: HandClock) -> None:
    clock.compute(0.003)


def wait(clock: HandClock) -> None:
    clock.wait(0.004)


def be_delayed(clock: HandClock) -> None:
    clock.be_delayed(0.005)


def lose(clock: HandClock) -> None:
    clock.lose_to_hypervisor(0.006)


@pytest.mark.parametrize(
    ("happens", "found"),
    [
        ([compute], (3, 0)),
        ([compute, be_delayed, compute], (6, 0)),
        ([wait], (0, 4)),
        ([compute, wait, be_delayed], (3, 4)),
        ([compute, lose], (3, 0)),
    ],
)
def test_delays_are_nobodys_and_waiting_is_told_from_computing(
    happens: list[Callable[[HandClock], None]], found: tuple[int, int]
) -> None:
    assert look(*happens) == found


def test_what_happened_before_the_segment_is_not_the_segments() -> None:
    clock = HandClock()
    clock.be_delayed(1)
    clock.begin()
    clock.compute(0.003)
    assert clock.close_look(3 * MS) == (3 * MS, 0)


def test_a_delay_between_two_looks_is_never_more_than_the_segment() -> None:
    clock = HandClock()
    clock.be_delayed(1)
    clock.compute(0.003)
    assert clock.close_look(3 * MS) == (0, 0)


def test_clocks_that_differ_by_less_than_a_wait_takes_say_nothing() -> None:
    clock = HandClock()
    clock.compute(0.003)
    clock.wait((BLOCKED_NS_MIN - 1) / 1e9)
    elapsed_ns = clock.now_ns()
    assert clock.close_look(elapsed_ns) == (elapsed_ns, 0)


def test_the_real_clocks_go_on_and_survive_that_all_files_are_closed() -> None:
    stopwatch = Stopwatch()
    first = stopwatch.read()
    second = stopwatch.read()
    assert second.wall_ns >= first.wall_ns
    assert second.cpu_ns >= first.cpu_ns
    assert second.delay_ns >= first.delay_ns
    stopwatch.close()
    assert not stopwatch.sees_delays
    assert stopwatch.close_look(123) == (123, 0)

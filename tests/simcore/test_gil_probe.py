"""The GIL probe: what the sampler's figures mean, and that it leaves nothing behind."""

from __future__ import annotations

import sys
import threading

import pytest

from weft.simcore import gil_probe
from weft.simcore.gil_probe import Sampler, can_probe, sampling, share

MS = 1_000_000


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ([], None),
        ([(0, 100_000)], None),
        ([(0, 5 * MS)], 0.0),
        ([(5_400_000, 5 * MS)], 1.0),
        ([(2 * MS, 5 * MS)], 0.4),
        ([(4_600_000, 5 * MS)], 1.0),
        ([(300_000, 5 * MS)], 0.0),
        ([(0, 5 * MS), (2 * MS, 5 * MS), (5 * MS, 5 * MS)], 0.4),
        ([(0, 300_000), (0, 300_000), (200_000, 300_000), (200_000, 300_000)], 1.0),
        ([(0, 300_000)] * 9, 0.0),
    ],
)
def test_shares_of_free_time(seen: list[tuple[int, int]], found: float | None) -> None:
    assert share(seen) == found


def test_the_sampler_ends_and_the_switch_interval_is_as_before() -> None:
    before, threads = sys.getswitchinterval(), threading.active_count()
    with sampling() as sampler:
        assert sys.getswitchinterval() > 1_000
        sampler.begin()
        assert min(sampler.seen()) >= 0
    assert sys.getswitchinterval() == before
    assert threading.active_count() == threads


def test_a_failure_inside_ends_it_too() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(LookupError), sampling():
        raise LookupError
    assert sys.getswitchinterval() == before


def test_turns_are_free_time_and_delays_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sampler turned 10 times of 100 us and waited 2 ms for a core, 0.5 ms of that after the segment."""
    sampler = Sampler()
    values = {"now": 0, "left": 1000, "delay": 0}
    monkeypatch.setattr(gil_probe, "real_perf_counter_ns", lambda: values["now"])
    monkeypatch.setattr(gil_probe.operator, "length_hint", lambda _: values["left"])
    monkeypatch.setattr(sampler, "_delay_ns", lambda: values["delay"])

    def pause(_: float) -> None:
        values.update(now=500_000, left=989, delay=2 * MS)

    monkeypatch.setattr(gil_probe, "real_sleep", pause)
    sampler._turn_ns = 100_000
    sampler.begin()
    values["left"] = 990
    assert sampler.seen() == (950_000, 1_500_000)


def test_somebody_who_kept_the_gil_all_the_time_left_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = Sampler()
    values = {"now": 0, "left": 1000, "delay": 0}
    monkeypatch.setattr(gil_probe, "real_perf_counter_ns", lambda: values["now"])
    monkeypatch.setattr(gil_probe.operator, "length_hint", lambda _: values["left"])
    monkeypatch.setattr(sampler, "_delay_ns", lambda: values["delay"])
    monkeypatch.setattr(gil_probe, "real_sleep", lambda _: values.update(now=3 * MS, left=999, delay=2 * MS))
    sampler._turn_ns = 100_000
    sampler.begin()
    assert sampler.seen() == (0, 0), "it got a core late, but only when the segment was over"


def test_there_is_nothing_to_probe_without_a_gil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert not can_probe()
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    assert can_probe()

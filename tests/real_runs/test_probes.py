"""Probes: each yields samples of its unit, warms up by rule, ends when told, and never hangs."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator

import pytest

from weft.real_runs import gil_probes, probes, sharing
from weft.real_runs.gil_probes import gil_costs
from weft.real_runs.machine import available_cores
from weft.real_runs.probes import Probe, ProbeError, answered, costs, take

CORES = available_cores()


@pytest.mark.parametrize("probe", [*costs(CORES), *gil_costs(CORES)], ids=lambda probe: probe.name)
def test_every_probe_of_costs_gives_samples_and_leaves_nothing_behind(probe: Probe) -> None:
    threads, affinity = threading.active_count(), os.sched_getaffinity(0)
    samples = take(probe, 0.0)
    assert len(samples) == 1
    assert samples[0] >= 0 or "overshoot" in probe.name
    assert threading.active_count() == threads
    assert os.sched_getaffinity(0) == affinity


def test_the_first_samples_are_dropped_by_number_alone() -> None:
    def count() -> Generator[float]:
        number = 0
        while True:
            yield number
            number += 1

    assert take(Probe("count", count, enough=3), 60) == [probes.WARM_UP, probes.WARM_UP + 1, probes.WARM_UP + 2]
    assert take(Probe("count", count, enough=1, warm_up=0), 60) == [0]


def test_a_probe_that_ends_by_itself_is_an_error() -> None:
    with pytest.raises(ProbeError, match="'short' ended by itself"):
        take(Probe("short", lambda: (value for value in [1.0])), 60)


def test_a_partner_that_does_not_answer_is_an_error_not_a_hang() -> None:
    with pytest.raises(ProbeError, match="no answer within"):
        answered(False, "handover")


def test_one_core_has_fewer_probes() -> None:
    names = {probe.name for probe in [*costs([0]), *gil_costs([0])]}
    assert "handover_lock_same_core" in names
    assert not {"handover_lock_working", "handover_lock_idle_core", "gil_contended"} & names


def test_without_a_gil_there_is_nothing_to_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gil_probes, "gil_enabled", lambda: False)
    assert gil_costs([0, 1]) == []
    monkeypatch.setattr(gil_probes, "gil_enabled", lambda: True)
    assert {probe.name for probe in gil_costs([0, 1])} - {probe.name for probe in gil_costs([0])} == {"gil_contended"}


@pytest.mark.parametrize(
    ("cores", "expected"),
    [(1, []), (2, [2]), (3, [2, 3]), (4, [2, 4]), (6, [2, 4, 6]), (16, [2, 4, 8, 16])],
)
def test_the_numbers_of_busy_cores(cores: int, expected: list[int]) -> None:
    assert sharing.counts(cores) == expected


def test_a_curve_is_straight_between_its_points() -> None:
    assert sharing.filled({2: 1.5}) == [1.0, 1.5]
    assert sharing.filled({2: 1.2, 4: 1.6}) == [1.0, 1.2, 1.4, 1.6]
    assert sharing.filled({}) == [1.0]


def test_a_team_works_at_the_same_time_and_alone() -> None:
    """Two threads on one core, whatever it is: the machinery, not the speed."""
    ran: list[int] = []
    core = CORES[0]
    with sharing._Team([core, core], ran.append) as team:
        assert team.run([0])[0] > 0
        assert min(team.run([0, 1])) > 0
    assert sorted(ran) == [0, 0, 0, 1, 1]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("Thread-") and thread.is_alive()]


def test_a_ratio_compares_each_member_in_turn() -> None:
    ratios = sharing._together([CORES[0], CORES[0]], lambda member: sum(range(1000)))
    assert [next(ratios) > 0 for _ in range(4)] == [True] * 4
    ratios.close()


def test_work_of_every_kind_can_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_PIECE_SECONDS", 1e-6)
    for prepare in (sharing._hashing, sharing._multiplying, sharing._adding(1 << 12)):
        work = prepare(2)
        work(0)
        work(1)


def test_arrays_that_do_not_fit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "memory_available_bytes", lambda: 64 << 20)
    assert sharing.working_sets(2) == [1 << 18, 1 << 20, 1 << 22]
    monkeypatch.setattr(sharing, "memory_available_bytes", lambda: None)
    assert sharing.working_sets(2) == list(sharing.WORKING_SETS_BYTES)


def test_siblings_and_unequal_cores_have_probes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "physical_cores", lambda cores: [[0, 1], [2, 3]])
    monkeypatch.setattr(sharing, "unequal_cores", lambda cores: True)
    names = {probe.name for probe in sharing.sharing([0, 1, 2, 3])}
    assert {"smt", "co_run_hash_2", "core_0", "core_3", "memory_262144_2"} <= names
    assert "co_run_hash_4" not in names, "siblings share a core"

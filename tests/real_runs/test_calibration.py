"""Calibration: bounded in time, a valid profile at the end, every term made of its own probe."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from weft.real_runs import calibration
from weft.real_runs.calibration import (
    CalibrationError,
    calibrate,
    find_profile,
    handover_now,
    moved,
    profile_of,
    shipped,
    summary,
)
from weft.real_runs.machine import available_cores
from weft.simcore.profile import Profile, load

MEASURED = (
    "thread_create_ns",
    "thread_start_ns",
    "lock_ns",
    "handover_ns",
    "context_switch_ns",
    "queue_ns",
    "submit_ns",
    "timer_slack_ns",
)


@pytest.fixture(scope="module")
def quick() -> tuple[Profile, float]:
    begin = time.monotonic()
    profile = calibrate(seconds_max=0.5, name="quick")
    return profile, time.monotonic() - begin


@pytest.mark.slow
def test_a_quick_calibration_writes_a_valid_profile(quick: tuple[Profile, float], tmp_path: Path) -> None:
    profile, _ = quick
    path = tmp_path / "profile.json"
    profile.save(path)
    assert load(path) == profile
    assert profile.name == "quick"


@pytest.mark.slow
def test_every_cost_is_above_nothing(quick: tuple[Profile, float]) -> None:
    assert all(getattr(quick[0], term) > 0 for term in MEASURED)


@pytest.mark.slow
def test_curves_have_a_value_for_every_core(quick: tuple[Profile, float]) -> None:
    cores = len(available_cores())
    profile = quick[0]
    assert cores == 1 or len(profile.co_run) == profile.machine["cores"] // profile.smt_threads
    for curve in profile.memory_bandwidth.values():
        assert len(curve) == len(profile.co_run)
        assert curve[0] == 1.0


@pytest.mark.slow
def test_every_probe_keeps_its_samples(quick: tuple[Profile, float]) -> None:
    for name, row in quick[0].samples.items():
        low, high = row["interval"]
        assert row["n"] >= 1, name
        assert low <= row["median"] <= high, name
        assert 1 <= len(row["raw"]) <= 200, name
        assert row["disturbed"] >= 0, name
        assert row["unit"] in ("ns", "ratio"), name


@pytest.mark.slow
def test_the_machine_is_described_and_nothing_is_left_changed(quick: tuple[Profile, float]) -> None:
    machine = quick[0].machine
    assert machine["python"] == sys.version.split()[0]
    assert machine["date"].endswith("+00:00")
    assert quick[0].gil_switch_interval_ns == round(sys.getswitchinterval() * 1e9)
    assert len(available_cores()) == machine["cores"]


def test_the_shipped_profiles_hold_every_cost() -> None:
    assert "reference-2core" in shipped()
    for name in shipped():
        profile = find_profile(name)
        assert profile.name == name
        assert all(getattr(profile, term) > 0 for term in MEASURED)


class Probes:
    """Stands for the process that takes probes: each attempt is disturbed as listed, and costs more for it."""

    def __init__(self, **disturbed: list[float]) -> None:
        self.units = dict.fromkeys(disturbed, "ns")
        self.machine: dict[str, Any] = {"cores": 2}
        self.left = disturbed

    def attempt(self, probe: str, seconds: float) -> dict[str, Any]:
        share = self.left[probe].pop(0)
        return {"median": 1000 * (1 + share), "disturbed": share}


def test_a_disturbed_probe_is_repeated_and_the_quietest_counts() -> None:
    probes = Probes(lock=[0.5, 0.1, 0.3, 0.2], queue=[0.0])
    seen: list[tuple[int, int]] = []
    found = calibration._best_attempts(probes, 0.5, time.monotonic() + 30, lambda *step: seen.append(step))
    assert probes.left == {"lock": [], "queue": []}
    assert found["lock"] == {"median": 1100, "disturbed": 0.1}
    assert found["queue"]["median"] == 1000
    assert seen == [(1, 2), (2, 2)]


def test_a_probe_is_not_repeated_at_the_cost_of_later_ones() -> None:
    probes = Probes(lock=[0.5, 0.1], queue=[0.0])
    calibration._best_attempts(probes, 0.5, time.monotonic() + 0.9)
    assert probes.left["lock"] == [0.1]


def medians(**values: float) -> dict[str, dict[str, Any]]:
    return {probe: {"median": value} for probe, value in values.items()}


def test_each_term_comes_from_its_probe() -> None:
    names = {
        "thread_create": "thread_create_ns",
        "thread_start": "thread_start_ns",
        "lock": "lock_ns",
        "queue": "queue_ns",
        "submit": "submit_ns",
        "context_switch": "context_switch_ns",
        "balance": "balance_ns",
        "sleep_overshoot": "timer_slack_ns",
        "handover_lock_working": "handover_ns",
        "handover_lock_same_core": "handover_same_core_ns",
        "handover_lock_idle_core": "handover_idle_core_ns",
        "gil_handover": "gil_handover_ns",
        "gil_release": "gil_release_ns",
        "gil_contended": "gil_contended_ns",
    }
    probed = medians(**{probe: 100.4 + number for number, probe in enumerate(names)})
    profile = profile_of("x", probed, {"cores": 2})
    for number, term in enumerate(names.values()):
        assert getattr(profile, term) == 100 + number, term
    assert (profile.name, profile.machine, profile.samples) == ("x", {"cores": 2}, probed)


def test_what_was_not_probed_is_neutral() -> None:
    profile = profile_of("x", medians(handover_lock_same_core=7.0), {})
    assert profile.handover_ns == 7, "with one core there is no other placement"
    assert (profile.co_run, profile.memory_bandwidth, profile.core_speeds) == ([], {}, [])
    assert (profile.smt_threads, profile.smt_factor, profile.handover_idle_core_ns) == (1, 1.0, None)
    assert profile.free_threading_slowdown == Profile().free_threading_slowdown


def test_the_co_run_factor_is_the_mean_of_the_kinds_and_never_a_gain() -> None:
    profile = profile_of("x", medians(co_run_hash_2=1.02, co_run_matmul_2=1.06, co_run_hash_4=0.9), {})
    assert profile.co_run == [1.0, 1.04, 1.02, 1.0]


def test_a_kind_of_work_that_was_disturbed_does_not_count() -> None:
    sharp, blurred, worse = (
        {"median": value, "interval": [value - half, value + half]}
        for value, half in ((1.02, 0.01), (2.0, 1.0), (3.0, 1.5))
    )
    assert profile_of("x", {"co_run_hash_2": sharp, "co_run_matmul_2": blurred}, {}).co_run == [1.0, 1.02]
    assert profile_of("x", {"co_run_hash_2": worse, "co_run_matmul_2": blurred}, {}).co_run == [1.0, 2.0]


def test_bandwidth_is_what_threads_move_together() -> None:
    """Two threads of which each takes 1.6 times as long move 2 / 1.6 as much; nobody moves more than all alone would."""
    profile = profile_of("x", medians(memory_4096_2=1.6, memory_256_2=0.8, memory_256_4=2.0), {})
    assert profile.memory_bandwidth == {"256": [1.0, 2.0, 2.0, 2.0], "4096": [1.0, 1.25]}


def test_siblings_and_unequal_cores() -> None:
    profile = profile_of("x", medians(smt=1.6, core_0=1.0, core_1=0.5, core_10=2.0), {})
    assert (profile.smt_threads, profile.smt_factor) == (2, 0.625)
    assert profile.core_speeds == [0.5, 0.25, 1.0]


def test_a_summary_keeps_median_interval_number_and_some_of_the_samples() -> None:
    values = summary([float(value) for value in range(1001)], "ns")
    assert (values["median"], values["n"], values["unit"]) == (500.0, 1001, "ns")
    assert values["interval"][0] < 500 < values["interval"][1]
    assert len(values["raw"]) <= 200
    assert summary([1.23456], "ratio")["median"] == 1.2346


def test_the_hand_over_is_measured_again_by_the_probe_behind_its_term() -> None:
    assert handover_now(1.0, Probes(handover_lock_same_core=[0.0], handover_lock_working=[0.5])) == 1500
    assert handover_now(1.0, Probes(handover_lock_same_core=[0.25])) == 1250
    assert moved(1000, 1250) == moved(1250, 1000) == 0.25
    assert moved(0, 0) == 0
    assert moved(0, 5) == 1


def test_no_time_is_an_error() -> None:
    with pytest.raises(CalibrationError, match="more than 0"):
        calibrate(seconds_max=0)

"""Calibration: bounded in time, a valid profile at the end, and shipped profiles that load by name."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from weft.real_runs import calibration
from weft.real_runs.calibration import CalibrationError, calibrate, find_profile, shipped
from weft.simcore.profile import IDEAL, Profile, ProfileError, load

MEASURED = (
    "thread_create_ns",
    "thread_start_ns",
    "lock_ns",
    "handover_ns",
    "context_switch_ns",
    "queue_ns",
    "submit_ns",
    "timer_slack_ns",
    "gil_handover_ns",
)


@pytest.fixture(scope="module")
def quick() -> tuple[Profile, float]:
    begin = time.monotonic()
    profile = calibrate(seconds_max=0.5, name="quick")
    return profile, time.monotonic() - begin


def test_a_quick_calibration_writes_a_valid_profile(quick: tuple[Profile, float], tmp_path: Path) -> None:
    profile, _ = quick
    path = tmp_path / "profile.json"
    profile.save(path)
    assert load(path) == profile
    assert profile.name == "quick"


@pytest.mark.parametrize("term", MEASURED)
def test_every_term_is_above_nothing(quick: tuple[Profile, float], term: str) -> None:
    assert getattr(quick[0], term) > 0


def test_it_stays_near_its_time(quick: tuple[Profile, float]) -> None:
    # Half a second was asked; a probe may finish its last sample, and threads start and end around it.
    assert quick[1] < 5


def test_every_probe_keeps_its_samples(quick: tuple[Profile, float]) -> None:
    for name, row in quick[0].samples.items():
        low, high = row["interval"]
        assert row["n"] >= 1, name
        assert low <= row["median"] <= high, name
        assert 1 <= len(row["raw"]) <= 200, name
        assert row["disturbed"] >= 0, name


def test_the_machine_is_described_and_nothing_is_left_changed(quick: tuple[Profile, float]) -> None:
    machine = quick[0].machine
    assert machine["cores"] >= 1
    assert machine["python"] == sys.version.split()[0]
    assert machine["date"].endswith("+00:00")
    assert quick[0].gil_switch_interval_ns == round(sys.getswitchinterval() * 1e9)
    assert len(calibration.available_cores()) == machine["cores"]


def test_costs_are_ordered_as_on_every_machine(quick: tuple[Profile, float]) -> None:
    """A lock is cheaper than a queue built of it, and both than waking a thread or making one."""
    profile = quick[0]
    assert profile.lock_ns < profile.queue_ns < profile.thread_create_ns


def test_profiles_by_name(tmp_path: Path) -> None:
    assert find_profile("default") == Profile()
    assert find_profile("ideal") is IDEAL
    assert "reference-2core" in shipped()
    reference = find_profile("reference-2core")
    assert reference.name == "reference-2core"
    assert reference.machine["cores"] == 2
    assert all(getattr(reference, term) > 0 for term in MEASURED)
    own = tmp_path / "own.json"
    Profile(name="own").save(own)
    assert find_profile(str(own)).name == "own"


def test_an_unknown_profile_is_named_with_those_there_are() -> None:
    with pytest.raises(ProfileError, match=r"no machine profile 'laptop'.*reference-2core.*weft calibrate"):
        find_profile("laptop")


def test_a_disturbed_probe_is_repeated_and_the_quietest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: dict[str, list[float]] = {}

    def attempt(probe: calibration.Probe, seconds: float) -> dict[str, object]:
        shares = tried.setdefault(probe.name, [0.5, 0.1, 0.3, 0.2] if probe.name == "lock" else [0.0])
        share = shares.pop(0)
        return {"median": 1000 * (1 + share), "disturbed": share}

    monkeypatch.setattr(calibration, "attempt", attempt)
    profile = calibrate(seconds_max=30)
    assert tried["lock"] == []
    assert profile.samples["lock"]["disturbed"] == 0.1
    assert profile.lock_ns == 1100
    assert profile.queue_ns == 1000


def test_no_time_is_an_error() -> None:
    with pytest.raises(CalibrationError, match="more than 0"):
        calibrate(seconds_max=0)


def test_a_partner_that_does_not_answer_is_an_error_not_a_hang() -> None:
    with pytest.raises(CalibrationError, match="no answer within"):
        calibration._answered(False, "handover")

"""Profiles by name, and what must be said of one that does not fit."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from weft.real_runs.profiles import doubts, find_profile, shipped
from weft.simcore.profile import IDEAL, Profile, ProfileError

MACHINE: dict[str, Any] = {
    "cpu": "A processor",
    "architecture": "x86_64",
    "cores": 2,
    "python": "3.11.7",
    "implementation": "CPython",
    "gil": True,
    "date": "2030-01-01T00:00:00+00:00",
}
TODAY = datetime(2030, 1, 31, 1, tzinfo=UTC)


def test_profiles_by_name(tmp_path: Path) -> None:
    assert find_profile("default") == Profile()
    assert find_profile("ideal") is IDEAL
    reference = find_profile("reference-2core")
    assert reference.name == "reference-2core"
    assert reference.machine["cores"] == 2
    own = tmp_path / "own.json"
    Profile(name="own").save(own)
    assert find_profile(str(own)).name == "own"


def test_an_unknown_profile_is_named_with_those_there_are() -> None:
    assert "reference-2core" in shipped()
    with pytest.raises(ProfileError, match=r"no machine profile 'laptop'.*reference-2core.*weft calibrate"):
        find_profile("laptop")


def test_a_fresh_profile_of_this_machine_raises_no_doubts() -> None:
    assert doubts(Profile(name="own", machine=MACHINE), MACHINE, TODAY) == []
    other_patch = {**MACHINE, "python": "3.11.9", "date": "", "kernel": "Linux 9"}
    assert doubts(Profile(name="own", machine=MACHINE), other_patch, TODAY) == []
    assert doubts(IDEAL, MACHINE, TODAY) == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("cpu", "Another one", "the processor was Another one, here it is A processor"),
        ("cores", 64, "the number of cores was 64, here it is 2"),
        ("python", "3.13.1", "Python was 3.13, here it is 3.11"),
        ("gil", False, "the GIL was False, here it is True"),
    ],
)
def test_a_profile_from_another_machine_is_used_and_said(key: str, value: object, said: str) -> None:
    (sentence,) = doubts(Profile(name="other", machine={**MACHINE, key: value}), MACHINE, TODAY)
    assert said in sentence
    assert "'other' is from another machine" in sentence
    assert "used all the same" in sentence


def test_an_old_profile_is_said() -> None:
    profile = Profile(name="old", machine={**MACHINE, "date": "2029-12-01T00:00:00+00:00"}, valid_days=30)
    (sentence,) = doubts(profile, MACHINE, TODAY)
    assert "61 days old and was to be used for 30" in sentence
    assert "weft calibrate" in sentence


@pytest.mark.parametrize("date", ["yesterday", None, 7])
def test_a_date_that_cannot_be_read_says_nothing(date: object) -> None:
    assert doubts(Profile(name="x", machine={**MACHINE, "date": date}), MACHINE, TODAY) == []


def test_a_date_without_a_zone_is_taken_as_utc() -> None:
    profile = Profile(name="x", machine={**MACHINE, "date": "2029-12-01T00:00:00"})
    assert "days old" in doubts(profile, MACHINE, TODAY)[0]


def test_a_profile_that_was_never_measured_has_no_age_and_no_machine() -> None:
    assert doubts(Profile(), MACHINE, TODAY) == doubts(Profile(name="by hand"), MACHINE, TODAY) == []

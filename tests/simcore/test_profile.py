"""Machine profiles: what is saved loads, what older versions wrote still loads, and bad terms are named."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from weft.simcore.profile import IDEAL, Profile, ProfileError, load

FULL = replace(
    IDEAL,
    co_run=[1.0, 1.04],
    memory_bandwidth={"65536": [1.0, 2.0], "67108864": [1.0, 1.1]},
    core_speeds=[1.0, 0.6],
    smt_threads=2,
    smt_factor=0.55,
    handover_same_core_ns=3_000,
    handover_idle_core_ns=17_000,
    gil_release_ns=150,
    gil_contended_ns=1_000,
    valid_days=7,
)


def written(path: Path, terms: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"schema": "weft.profile/1", **terms}), encoding="utf-8")
    return path


@pytest.mark.parametrize("profile", [Profile(), IDEAL, FULL])
def test_what_is_saved_loads(profile: Profile, tmp_path: Path) -> None:
    profile.save(tmp_path / "here.json")
    assert load(tmp_path / "here.json") == profile


def test_terms_that_an_older_version_did_not_know_are_neutral(tmp_path: Path) -> None:
    older = load(written(tmp_path / "older.json", {"name": "older", "lock_ns": 50}))
    assert older == replace(Profile(), name="older", lock_ns=50)
    assert (older.co_run, older.memory_bandwidth, older.core_speeds) == ([], {}, [])
    assert (older.gil_release_ns, older.gil_contended_ns) == (0, 0)
    assert (older.handover_same_core_ns, older.handover_idle_core_ns) == (None, None)


@pytest.mark.parametrize(
    ("term", "value", "rule"),
    [
        ("lock_ns", -1, "a whole number of nanoseconds, 0 or more"),
        ("lock_ns", 1.5, "a whole number of nanoseconds, 0 or more"),
        ("lock_ns", True, "a whole number of nanoseconds, 0 or more"),
        ("lock_ns", None, "a whole number of nanoseconds, 0 or more"),
        ("gil_contended_ns", "1", "a whole number of nanoseconds, 0 or more"),
        ("quantum_ns", 0, "a whole number of nanoseconds, 1 or more"),
        ("handover_same_core_ns", -5, "a whole number of nanoseconds, 0 or more, or null"),
        ("free_threading_slowdown", 0, "a positive number"),
        ("free_threading_slowdown", float("nan"), "a positive number"),
        ("co_run", 1.0, "a list of positive numbers"),
        ("co_run", [1.0, 0.0], "a list of positive numbers"),
        ("co_run", [float("inf")], "a list of positive numbers"),
        ("co_run", [10**400], "a list of positive numbers"),
        ("core_speeds", ["fast"], "a list of positive numbers"),
        ("memory_bandwidth", [1.0], "lists of positive numbers by working set in bytes"),
        ("memory_bandwidth", {"64 MB": [1.0]}, "lists of positive numbers by working set in bytes"),
        ("memory_bandwidth", {"9" * 5000: [1.0]}, "lists of positive numbers by working set in bytes"),
        ("memory_bandwidth", {"0": [1.0]}, "lists of positive numbers by working set in bytes"),
        ("memory_bandwidth", {"64": []}, "lists of positive numbers by working set in bytes"),
        ("memory_bandwidth", {"64": [1.0, -1.0]}, "lists of positive numbers by working set in bytes"),
        ("smt_threads", 0, "a whole number, 1 or more"),
        ("smt_factor", 1.2, "above 0 and at most 1"),
        ("smt_factor", 0, "above 0 and at most 1"),
        ("valid_days", 0, "a whole number, 1 or more"),
        ("name", 7, "a text"),
        ("machine", [], "an object"),
        ("samples", [], "an object"),
    ],
)
def test_a_bad_term_is_named_with_its_rule(term: str, value: Any, rule: str, tmp_path: Path) -> None:
    path = written(tmp_path / "bad.json", {term: value})
    with pytest.raises(ProfileError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {term} is ")
    assert message.endswith(rule)


def test_other_files_are_no_profiles(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="unknown term 'warp'; a profile is written by `weft calibrate`"):
        load(written(tmp_path / "unknown.json", {"warp": 9}))
    (tmp_path / "text.json").write_text("hello", encoding="utf-8")
    with pytest.raises(ProfileError, match="it is not JSON"):
        load(tmp_path / "text.json")
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ProfileError, match='its "schema" must be'):
        load(tmp_path / "list.json")
    with pytest.raises(ProfileError, match="cannot read the machine profile"):
        load(tmp_path / "missing.json")


def test_every_term_of_the_default_profile_meets_its_rule(tmp_path: Path) -> None:
    """A term that is added without a rule, or with a default that breaks it, shows here."""
    for item in fields(Profile):
        load(written(tmp_path / "one.json", {item.name: asdict(Profile())[item.name]}))

"""CPython's own tests pass on our primitives, in every world and outside of them.

Taken from the interpreter's installed ``test`` package. Tests in ``excluded.toml`` are left out, each with its reason;
in the explored world they are run all the same, so that none stays on the list that would pass.
"""

from __future__ import annotations

import pytest

WORLDS = ("explored", "timed", "real", "outside")
SUITES = (
    "lock_tests",
    "test_queue",
    "test_sched",
    "test_threading_local",
    "test_threading",
    "test_thread",
    "test_thread_pool",
    "test_concurrent_futures",
)
_FAST = {("explored", "lock_tests"), ("explored", "test_sched"), ("timed", "test_sched")}
SHARE_MAX = 0.15
"""Of all tests of the chosen classes, how much may be left out."""


@pytest.mark.parametrize(
    ("world", "suite"),
    [
        pytest.param(world, suite, marks=[] if (world, suite) in _FAST else pytest.mark.slow)
        for world in WORLDS
        for suite in SUITES
    ],
)
def test_cpythons_own_tests_pass(conformance, world: str, suite: str) -> None:
    report = conformance(world, suite)
    problems = [f"{name}: {detail[-3000:]}" for name, detail in report.failed.items()]
    assert not problems, "\n\n".join(problems)
    passing = [name for name, status in report.honest.items() if status != "failed"]
    assert not passing, "these pass, take them off the list of excluded tests: " + ", ".join(passing)
    assert not report.stale, "no test has these names: " + ", ".join(report.stale)
    assert report.passed


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_little_is_left_out(conformance, world: str) -> None:
    left_out = total = 0
    for suite in SUITES:
        try:
            report = conformance(world, suite)
        except pytest.skip.Exception:
            continue
        left_out += len(report.excluded)
        total += len(report.passed) + len(report.failed) + len(report.excluded)
    assert left_out / total < SHARE_MAX


def test_every_excluded_test_has_a_reason(excluded) -> None:
    for row in excluded:
        assert row.reason
        assert row.category in ("process", "real time", "implementation detail", "C API", "signals", "deviation")
        assert set(row.worlds) <= set(WORLDS)

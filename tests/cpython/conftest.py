"""Runs CPython's own tests in child processes, one a world and module, and says at the end what was left out.

Which tests those are stands in ``excluded.toml``; what happens inside a child is ``child.py``'s affair.
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_CHILD = _HERE / "child.py"
_LOCKS = [
    "LockTests",
    "PyRLockTests",
    "CRLockTests",
    "EventTests",
    "ConditionAsRLockTests",
    "ConditionTests",
    "SemaphoreTests",
    "BoundedSemaphoreTests",
    "BarrierTests",
]
_FUTURES = ["as_completed", "future", "init", "shutdown", "thread_pool", "wait"]

SUITES: dict[str, dict[str, Any]] = {
    # The classes of lock_tests have no lock of their own: test_threading's subclasses give them threading's.
    "lock_tests": {"modules": ["test.test_threading"], "classes": _LOCKS, "except": False},
    "test_queue": {"modules": ["test.test_queue"], "classes": [], "except": True},
    "test_sched": {"modules": ["test.test_sched"], "classes": [], "except": True},
    "test_threading_local": {"modules": ["test.test_threading_local"], "classes": [], "except": True},
    "test_threading": {
        "modules": ["test.test_threading"],
        # Every method of these starts an interpreter of its own.
        "classes": [*_LOCKS, "ThreadJoinOnShutdown", "SubinterpThreadingTests", "AtexitTests"],
        "except": True,
    },
    "test_thread": {"modules": ["test.test_thread"], "classes": ["TestForkInThread"], "except": True},
    "test_thread_pool": {
        "modules": ["test._test_multiprocessing"],
        "classes": ["WithThreadsTestPool"],
        "except": False,
    },
    "test_concurrent_futures": {
        "modules": [f"test.test_concurrent_futures.test_{name}" for name in _FUTURES],
        "classes": ["ProcessPool", "FailingInitializerResources"],
        "except": True,
    },
}
"""Of each module the classes that need neither a process nor an interpreter of their own: all except ``classes``, or
only those (by the beginning of their names)."""
REAL = ("real", "outside")
"""Worlds whose time is the wall clock's."""
_LIMIT_S = {"explored": 60, "timed": 60, "real": 90, "outside": 90}
_EXCLUDED_LIMIT_S = 1.5
"""Tests that are expected to fail may do so by hanging; they are not waited for."""


@dataclass
class Row:
    """A line of ``excluded.toml``."""

    tests: list[str]
    worlds: list[str]
    category: str
    reason: str
    since: str = "3.11"
    before: str = "4"

    def applies(self, world: str) -> bool:
        return world in self.worlds and _version(self.since) <= sys.version_info[:2] < _version(self.before)


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


@dataclass
class Report:
    """What the tests of one module came to in one world."""

    world: str
    suite: str
    passed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    excluded: dict[str, Row] = field(default_factory=dict)
    honest: dict[str, str] = field(default_factory=dict)
    """What excluded tests came to, where they were run all the same."""
    stale: list[str] = field(default_factory=list)
    """Patterns that match no test."""

    @property
    def share(self) -> float:
        total = len(self.passed) + len(self.failed) + len(self.excluded)
        return len(self.excluded) / max(total, 1)


_reports = pytest.StashKey[list[Report]]()


@pytest.fixture(scope="session")
def excluded() -> list[Row]:
    """The table of tests that are left out."""
    rows = tomllib.loads((_HERE / "excluded.toml").read_text(encoding="utf-8"))["excluded"]
    return [Row(**row) for row in rows]


def _missing(suite: str) -> str:
    for name in SUITES[suite]["modules"]:
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return name
    return ""


@pytest.fixture(scope="session")
def conformance(excluded: list[Row], pytestconfig: pytest.Config) -> Callable[[str, str], Report]:
    """``conformance(world, suite)`` runs CPython's tests of a module in a world."""
    done: dict[tuple[str, str], Report] = {}
    pytestconfig.stash[_reports] = []

    def run(world: str, suite: str) -> Report:
        missing = _missing(suite)
        if missing:
            pytest.skip(f"this interpreter was installed without CPython's own {missing}")
        if (world, suite) not in done:
            report = done[world, suite] = _conform(world, suite, excluded)
            pytestconfig.stash[_reports].append(report)
        return done[world, suite]

    return run


def _conform(world: str, suite: str, excluded: list[Row]) -> Report:
    report = Report(world, suite)
    messages = _talk(world, suite, None, 60)[0]
    assert messages, f"the tests of {suite} cannot be imported in the {world} world"
    names: list[str] = messages[0]["tests"]
    for row in excluded:
        if row.applies(world):
            for pattern in row.tests:
                if pattern.startswith(f"{suite}:"):
                    matching = [name for name in names if fnmatchcase(name, pattern)]
                    report.excluded |= dict.fromkeys(matching, row)
                    report.stale += [] if matching else [pattern]
    wanted = [name for name in names if name not in report.excluded]
    outcomes = _run(world, suite, wanted, _LIMIT_S[world])
    if world in REAL:
        # Several children at once disturb the real clock; a test that failed may try again alone.
        failed = [name for name in wanted if outcomes[name][0] == "failed"]
        outcomes |= _run(world, suite, failed, _LIMIT_S[world], children=1)
    for name, (status, detail) in outcomes.items():
        if status == "passed":
            report.passed.append(name)
        else:
            (report.skipped if status == "skipped" else report.failed)[name] = detail
    if world == "explored":
        left_out = _run(world, suite, list(report.excluded), _EXCLUDED_LIMIT_S)
        report.honest = {name: status for name, (status, _) in left_out.items()}
    return report


def _run(world: str, suite: str, tests: list[str], limit_s: float, children: int = 0) -> dict[str, tuple[str, str]]:
    """The status and detail of each test."""
    count = children or (4 if world in REAL else 2)
    batches = [tests[start::count] for start in range(count)]
    with ThreadPoolExecutor(count) as pool:
        outcomes = pool.map(lambda batch: _run_batch(world, suite, batch, limit_s), batches)
    found: dict[str, tuple[str, str]] = {}
    for outcome in outcomes:
        found |= outcome
    return found


def _run_batch(world: str, suite: str, tests: list[str], limit_s: float) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    left = tests
    while left:
        messages, stacks = _talk(world, suite, left, limit_s)
        found |= {item["end"]: (item["status"], item["detail"]) for item in messages if "end" in item}
        left = [name for name in left if name not in found]
        if left:  # the first of them took the child down, or had to be stopped
            found[left[0]] = ("failed", f"the process ended, or was stopped after {limit_s} s\n{stacks}")
            left = left[1:]
    return found


def _talk(world: str, suite: str, tests: list[str] | None, limit_s: float) -> tuple[list[dict[str, Any]], str]:
    """What a child says until it is done, ends or falls silent, and where its threads were if they were stopped."""
    job = {"world": world, "suites": [{"name": suite, **SUITES[suite]}], "tests": tests, "limit_s": limit_s}
    lines = b""
    with tempfile.NamedTemporaryFile("r") as stacks:
        job["stack_file"] = stacks.name
        child = subprocess.Popen(
            [sys.executable, str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"PYTHONHASHSEED": "0"},
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(job).encode())
            child.stdin.close()
            # Not until the end of file: a process that a test left behind may keep the pipe open.
            while select.select([child.stdout], [], [], limit_s + 10)[0]:
                data = os.read(child.stdout.fileno(), 1 << 16)
                lines += data
                if not data or b'"over": true' in lines[-100:]:
                    break
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            child.stdout.close()
        return [json.loads(line) for line in lines.splitlines()], stacks.read()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What ran, and each excluded test with its reason."""
    reports = config.stash.get(_reports, [])
    if not reports:
        return
    write = terminalreporter.write_line
    terminalreporter.section(f"CPython's own tests on {sys.version.split()[0]}")
    for report in reports:
        run = len(report.passed) + len(report.failed)
        write(
            f"{report.world:9}{report.suite:25}{run:4} run {len(report.passed):4} passed "
            f"{len(report.excluded):4} excluded ({report.share:.1%})"
        )
    write("")
    worlds: dict[str, list[str]] = {}
    rows: dict[str, Row] = {}
    for report in reports:
        for name, row in report.excluded.items():
            worlds.setdefault(name, []).append(report.world)
            rows[name] = row
    for name in sorted(worlds):
        write(f"EXCLUDED [{rows[name].category}] {name} ({', '.join(worlds[name])}): {rows[name].reason}")

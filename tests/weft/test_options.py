"""The options of a check: what they become, and that nothing is loaded to read them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict

import pytest

from weft.checkers.exploration import explore
from weft.options import STRATEGIES, Options


def test_they_become_a_budget() -> None:
    budget = Options(max_executions=5, max_seconds=2.0, max_steps=7, timeout=3.0, keep_going=True).budget()
    assert asdict(budget) == {
        "max_executions": 5,
        "max_seconds": 2.0,
        "max_steps": 7,
        "stall_s": 3.0,
        "keep_going": True,
    }


def test_what_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    watching = Options(instrument=("redis",)).watching()
    assert watching is not None
    assert watching.matches("redis.connection")
    assert str(watching.folder) == "/somewhere/weft/code"
    assert Options(races=False).watching() is None


def test_the_strategies_are_those_of_the_explorer() -> None:
    assert STRATEGIES == explore.STRATEGIES


def test_reading_options_and_failure_files_loads_no_engine() -> None:
    """The command line reads them in the parent process, which never explores."""
    code = (
        "import sys, weft.failure_file; weft.options.Options(); print(sorted(set(sys.modules) & {'greenlet', 'simpy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

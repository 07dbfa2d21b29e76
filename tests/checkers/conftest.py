"""Explores a program given as a function, or as source text, and hands over what was found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weft.checkers.exploration.explore import Budget, explore, record_problems
from weft.checkers.finding import Finding
from weft.simcore.target import parse_target
from weft.simcore.trace import Header, Trace

Findings = Callable[..., list[Finding]]


@pytest.fixture
def findings_in(tmp_path: Path) -> Findings:
    """``findings_in(source)`` writes ``prog.py``, explores all its schedules and returns the findings."""

    def run(source: str, *, max_steps: int = 2_000, max_executions: int | None = None) -> list[Finding]:
        return [finding for finding, _ in found_with_traces(tmp_path, source, max_steps, max_executions)]

    return run


@pytest.fixture
def traces_in(tmp_path: Path) -> Callable[[str], list[Trace]]:
    """``traces_in(source)``: the trace behind every finding."""
    return lambda source: [trace for _, trace in found_with_traces(tmp_path, source, 2_000, None)]


def found_with_traces(
    folder: Path, source: str, max_steps: int, max_executions: int | None
) -> list[tuple[Finding, Trace]]:
    path = folder / "prog.py"
    path.write_text(source, encoding="utf-8")
    target = parse_target(str(path))
    target.prepare()
    budget = Budget(keep_going=True, max_steps=max_steps, max_executions=max_executions)
    try:
        exploration = explore(lambda: target.run({}), "dpor", budget)
        rows = record_problems(
            lambda: target.run({}), exploration, Header("prog.py", "explored"), target=target, budget=budget
        )
    finally:
        target.close()
    return [(finding, recorded.trace) for finding, _, recorded in rows]

"""What weft says of the GPU cases (:mod:`.cases`), each on every schedule, against what is true of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is in the test extra for Python 3.11 only")

from weft.checkers.finding import Result

from . import theirs
from .cases import CASES, Case, answer, first_execution, judged, rules_of, score

LINES_MAX = 25
"""Of a case's program, empty ones and the header aside."""


@cache
def answered(case: Case) -> Result:
    """What weft says."""
    return answer(case)


def parameters() -> list[Any]:
    return [
        pytest.param(
            case, id=case.name, marks=[pytest.mark.xfail(strict=True, reason=case.needs)] if case.needs else []
        )
        for case in CASES
    ]


@pytest.mark.parametrize("case", parameters())
def test_the_verdict_on_a_case(case: Case) -> None:
    result = answered(case)
    assert not judged(case, result), (result.findings, result.limits, result.notes)


def test_precision_and_recall(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the cases that can be expressed today: all hazards, and nothing else. torch's sanitizer is told of the first
    schedule of each."""
    cases = [case for case in CASES if not case.needs]
    ours = score((case, any(rule.startswith("G") for rule in rules_of(answered(case)))) for case in cases)
    others = score((case, theirs.errors(first_execution(case)) > 0) for case in cases)
    with capsys.disabled():
        print(f"\nweft: {ours}\ntorch's sanitizer: {others}")
    assert (ours.precision, ours.recall) == (1.0, 1.0)
    assert others.precision < 1.0
    assert others.recall < 1.0


def test_every_bug_has_a_near_twin_without_it() -> None:
    clean = {case.name for case in CASES if not case.rules}
    for case in CASES:
        if case.rules:
            near = [case.twin] if case.twin else [name for name in clean if name.startswith(f"c{case.number:02}")]
            assert any(name in clean for name in near), f"{case.name}: no clean near-twin"


def test_cases_are_small_and_say_what_they_are_in_one_sentence() -> None:
    for case in CASES:
        lines = case.program.read_text(encoding="utf-8").splitlines()
        code = [line for line in lines if line.strip() and not line.startswith("# ")]
        assert len(code) <= LINES_MAX, f"{case.name}: {len(code)} lines"
        assert code[0].startswith('"""'), f"{case.name}: no docstring after the header"
        assert code[0].endswith('."""'), f"{case.name}: the docstring is one sentence on one line"

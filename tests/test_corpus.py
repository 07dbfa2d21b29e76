"""Small programs in pairs, a bug and its near-twin without: the verdict on each is in its first line.

``corpus/fail`` holds what weft must find, ``corpus/success`` what it must call clean after every schedule; inside, a
folder for each primitive or situation. A new program needs no code here: its header is read, lines of comments before
the docstring.

    # expect: R002,E002     the rules found, all of them, or: clean
    # bound: polls          why not every schedule is run; must be among the result's limits (default: every one is)
    # notes: 1              how many races without a consequence are noted on a clean program (default: none)
    # twin: lock/gate       the near-twin on the other side, when it does not lie under the same name
    # python: 3.13          the first version that has what the program uses (default: any)
    # slow                  more than a second: left to the slow tests
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from weft.checkers.finding import Result
from weft.checking import check
from weft.options import Options
from weft.simcore.target import Target, parse_target

CORPUS = Path(__file__).parent / "corpus"
CUT_OFF = Options(save=False, max_steps=600, max_executions=40)
"""For a program that never ends: it is cut off, and a few executions of it say it all."""
THOROUGH = Options(save=False, keep_going=True)
SAMPLED = 30
"""Random executions of each clean program."""
DRAWN = 20
"""Executions in which sampling may find a bug."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the first lines of a program say."""

    rules: frozenset[str]
    bound: str = ""
    notes: int = 0
    twin: str = ""
    python: tuple[int, ...] = (3, 11)
    slow: bool = False

    @property
    def clean(self) -> bool:
        return not self.rules


def read_header(program: Path) -> Head:
    rows: dict[str, str] = {}
    for line in program.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# "):
            break
        key, _, value = line.removeprefix("# ").partition(":")
        assert key in ("expect", "bound", "notes", "twin", "python", "slow"), f"{program}: {line!r} is no header"
        rows[key] = value.strip()
    assert next(iter(rows), "") == "expect", f"{program}: the first line must be '# expect: RULE' or '# expect: clean'"
    expected = rows["expect"]
    return Head(
        frozenset() if expected == "clean" else frozenset(expected.split(",")),
        rows.get("bound", ""),
        int(rows.get("notes", "0")),
        rows.get("twin", ""),
        tuple(int(part) for part in rows.get("python", "3.11").split(".")),
        "slow" in rows,
    )


PROGRAMS = sorted(CORPUS.rglob("*.py"))
HEADS = {program: read_header(program) for program in PROGRAMS}


def name_of(program: Path) -> str:
    """``fail/lock/opposite_orders``."""
    return program.relative_to(CORPUS).with_suffix("").as_posix()


def parameters(*, clean: bool | None = None) -> list[Any]:
    """The programs that this version of Python can run, the long ones marked as slow."""
    return [
        pytest.param(program, id=name_of(program), marks=[pytest.mark.slow] if head.slow else [])
        for program, head in HEADS.items()
        if sys.version_info >= head.python and clean in (None, head.clean)
    ]


@contextmanager
def prepared(program: Path, options: Options) -> Generator[Target]:
    target = parse_target(str(program))
    target.prepare(options.watching())
    try:
        yield target
    finally:
        target.close()


def checked(program: Path, options: Options) -> Result:
    with prepared(program, options) as target:
        return check(target, {}, options).result


def options_for(head: Head) -> Options:
    return CUT_OFF if "--max-" in head.bound else THOROUGH


def judged(program: Path, head: Head, result: Result) -> list[str]:
    """What is wrong with a result, a sentence each; empty when it is what the header says."""
    wrong: list[str] = []
    found = frozenset(finding.rule for finding in result.findings)
    if found != head.rules:
        wrong.append(f"found {sorted(found) or 'nothing'} instead of {sorted(head.rules) or 'nothing'}")
    if head.bound:
        if result.exhaustive or not any(head.bound in limit for limit in result.limits):
            wrong.append(f"the limit {head.bound!r} is not said")
    elif not result.exhaustive:
        wrong.append("not every schedule was run, and the header names no bound")
    expected = "findings" if head.rules else "incomplete" if head.bound else "clean"
    if result.verdict != expected:
        wrong.append(f"the verdict is {result.verdict!r} instead of {expected!r}")
    if head.clean and len(result.notes) != head.notes:
        wrong.append(f"{len(result.notes)} notes instead of {head.notes}")
    for finding in result.findings:
        places = [thread.waits.at for thread in finding.threads if thread.waits] + [step.at for step in finding.steps]
        if not all(place.startswith(f"{program.name}:") for place in places if place):
            wrong.append(f"a place outside the program: {places}")
        if not (places or finding.traceback):
            wrong.append("a finding without a place")
    return wrong


@pytest.mark.parametrize("program", parameters())
def test_the_verdict_on_a_small_program(program: Path) -> None:
    head = HEADS[program]
    result = checked(program, options_for(head))
    assert not judged(program, head, result), (result.findings, result.limits, result.notes)


@pytest.mark.parametrize("program", parameters(clean=True))
def test_random_schedules_of_a_clean_program_show_nothing(program: Path) -> None:
    result = checked(program, Options(save=False, strategy="random", max_executions=SAMPLED, seed=7))
    assert result.findings == []
    assert result.verdict == "incomplete"


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_what_sampling_finds_of_the_bugs(strategy: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is promised for sampling but that it reports nothing else; the share it finds is printed."""
    missed: list[str] = []
    bugs = [program for program, head in HEADS.items() if head.rules and sys.version_info >= head.python]
    for program in bugs:
        options = Options(save=False, strategy=strategy, max_executions=DRAWN, max_steps=600, keep_going=True)
        found = frozenset(finding.rule for finding in checked(program, options).findings)
        # The same race is an R001 until the schedule is drawn in which an update is lost.
        racy = {"R001"} if "R002" in HEADS[program].rules else set[str]()
        assert found <= HEADS[program].rules | racy, program
        if not found >= HEADS[program].rules:
            missed.append(name_of(program))
    with capsys.disabled():
        print(
            f"\n{strategy}, {DRAWN} executions: all rules found in {len(bugs) - len(missed)} of {len(bugs)} wrong "
            f"programs; not in {', '.join(missed) or 'none'}"
        )


def test_every_program_lies_where_its_verdict_says() -> None:
    for program, head in HEADS.items():
        folder = program.relative_to(CORPUS).parts[0]
        assert folder == ("success" if head.clean else "fail"), program


def test_every_bug_has_a_near_twin_without_it() -> None:
    for program, head in HEADS.items():
        if head.rules:
            twin = head.twin or name_of(program).removeprefix("fail/")
            assert (CORPUS / "success" / f"{twin}.py").exists(), f"{program}: no clean near-twin {twin}"


def test_the_corpus_is_large_enough() -> None:
    assert len(PROGRAMS) >= 120
    assert len({program.read_text(encoding="utf-8") for program in PROGRAMS}) == len(PROGRAMS)


def test_every_program_says_what_it_is_in_one_sentence() -> None:
    for program in PROGRAMS:
        first = next(line for line in program.read_text(encoding="utf-8").splitlines() if not line.startswith("# "))
        assert first.startswith('"""'), f"{program}: no docstring after the header"
        assert first.endswith('."""'), f"{program}: the docstring is one sentence on one line"

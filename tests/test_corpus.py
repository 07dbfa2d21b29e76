"""Small programs in pairs, a bug and its near-twin without: the verdict on each is in its first line.

``corpus/fail`` holds what weft must find, ``corpus/success`` what it must call clean after every schedule; inside, a
folder for each primitive. A new program needs no code here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from weft.checkers.finding import Result
from weft.checking import Options, check
from weft.simcore.target import Target, parse_target

CORPUS = Path(__file__).parent / "corpus"
PROGRAMS = sorted(CORPUS.rglob("*.py"))
BOUNDED = Options(save=False, max_steps=600, max_executions=40)
"""For a program that never ends: it is cut off, and a few executions of it say it all."""
THOROUGH = Options(save=False, keep_going=True)


def expected(program: Path) -> str:
    first = program.read_text(encoding="utf-8").partition("\n")[0]
    assert first.startswith("# expect: "), f"{program}: the first line must be '# expect: RULE' or '# expect: clean'"
    return first.removeprefix("# expect: ")


@contextmanager
def prepared(program: Path) -> Iterator[Target]:
    target = parse_target(str(program))
    target.prepare()
    try:
        yield target
    finally:
        target.close()


def checked(program: Path, options: Options) -> Result:
    with prepared(program) as target:
        return check(target, {}, options).result


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: str(program.relative_to(CORPUS))[:-3])
def test_the_verdict_on_a_small_program(program: Path) -> None:
    rule = expected(program)
    result = checked(program, BOUNDED if rule == "L001" else THOROUGH)
    assert {finding.rule for finding in result.findings} == (set() if rule == "clean" else {rule})
    assert result.verdict == ("clean" if rule == "clean" else "findings")
    assert result.exhaustive == (rule != "L001"), result.limits
    for finding in result.findings:
        places = [thread.waits.at for thread in finding.threads if thread.waits] + [step.at for step in finding.steps]
        assert all(place.startswith(f"{program.name}:") for place in places if place), "only the program's own lines"
        assert places or finding.traceback


def test_every_program_lies_where_its_verdict_says() -> None:
    for program in PROGRAMS:
        folder = program.relative_to(CORPUS).parts[0]
        assert folder == ("success" if expected(program) == "clean" else "fail"), program

"""The GPU cases: small torch programs with what is true of each in its first lines, and what weft says of them.

A new case needs no code here. Its name is ``c``, its number in the list, a letter for its twins and variants, and what
happens; its header, read from the top as long as lines are comments:

    # expect: G001,G005         the rules that are broken, all of them, or: clean
    # gpus: 2                   how many devices it wants (default: 1)
    # certainty: latent         of the findings of G-rules, all of one kind, which
    # twin: c02_...             the near-twin on the other side, when it is not the same number with a letter
    # undecided: why            no tool can tell without a device: reported or not, it counts for nothing
    # needs: what               today's virtual device lacks it: the case is expected to fail until it is there
    # pyright: basic            for the type checker
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from weft import __version__
from weft.checkers.exploration.explore import record
from weft.checkers.finding import Result
from weft.checking import check
from weft.options import Options
from weft.simcore.gpu.rows import AnyRow
from weft.simcore.gpu.torch_cuda import virtual_gpus
from weft.simcore.target import Target, parse_target
from weft.simcore.trace import Header

from .theirs import polls_marked

FOLDER = Path(__file__).parent
_NAME = re.compile(r"c(\d\d)([a-z]?)_(\w+)")
_KEYS = ("expect", "gpus", "certainty", "twin", "undecided", "needs", "pyright")


@dataclass(frozen=True, slots=True)
class Case:
    """A program, and what its first lines say."""

    program: Path
    number: int
    letter: str
    rules: frozenset[str]
    says: str
    """Its docstring: what is right or wrong about it."""
    gpus: int = 1
    certainty: str = ""
    twin: str = ""
    undecided: str = ""
    needs: str = ""

    @property
    def name(self) -> str:
        return self.program.stem

    @property
    def wrong(self) -> bool:
        """Is there a hazard on a device?"""
        return any(rule.startswith("G") for rule in self.rules)

    @property
    def truth(self) -> str:
        return _words(self.rules)


def read_case(program: Path) -> Case:
    rows: dict[str, str] = {}
    lines = program.read_text(encoding="utf-8").splitlines()
    for line in lines:
        if not line.startswith("# "):
            break
        key, _, value = line.removeprefix("# ").partition(":")
        assert key in _KEYS, f"{program}: {line!r} is no header"
        rows[key] = value.strip()
    assert next(iter(rows), "") == "expect", f"{program}: the first line must be '# expect: RULE' or '# expect: clean'"
    named = _NAME.fullmatch(program.stem)
    assert named is not None, f"{program}: the name must be like c07b_what_happens"
    expected = rows["expect"]
    return Case(
        program,
        int(named[1]),
        named[2],
        frozenset() if expected == "clean" else frozenset(expected.split(",")),
        lines[len(rows)].strip('"'),
        int(rows.get("gpus", "1")),
        rows.get("certainty", ""),
        rows.get("twin", ""),
        rows.get("undecided", ""),
        rows.get("needs", ""),
    )


CASES = [read_case(program) for program in sorted(FOLDER.glob("c[0-9]*.py"))]


@dataclass(frozen=True, slots=True)
class Score:
    """Of those that say "hazard": how many are right; and of the hazards: how many are said."""

    found: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.false) if self.found else 0.0

    @property
    def recall(self) -> float:
        return self.found / (self.found + self.missed) if self.found else 0.0

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f} ({self.false} reported that are none), "
            f"recall {self.recall:.3f} ({self.found} of {self.found + self.missed} hazards)"
        )


def score(said: Iterable[tuple[Case, bool]]) -> Score:
    """Of cases with whether a hazard was reported; what is undecided counts for nothing."""
    pairs = [(case.wrong, reported) for case, reported in said if not case.undecided]
    return Score(pairs.count((True, True)), pairs.count((False, True)), pairs.count((True, False)))


def answer(case: Case) -> Result:
    """What weft says, on every schedule of the program."""
    options = Options(save=False, gpu="virtual", gpus=case.gpus, keep_going=True)
    with _prepared(case, options) as target, redirect_stdout(StringIO()):
        return check(target, {}, options).result


def rules_of(result: Result) -> frozenset[str]:
    return frozenset(finding.rule for finding in result.findings)


def judged(case: Case, result: Result) -> list[str]:
    """What is wrong with a result, a sentence each; empty when it is what the header says."""
    wrong: list[str] = []
    if rules_of(result) != case.rules:
        wrong.append(f"found {_words(rules_of(result))} instead of {case.truth}")
    expected = "findings" if case.rules else "clean"
    if result.verdict != expected:
        wrong.append(f"the verdict is {result.verdict!r} instead of {expected!r}: {result.limits}")
    for finding in result.findings:
        if not finding.rule.startswith("G"):
            continue
        if case.certainty and finding.certainty != case.certainty:
            wrong.append(f"a finding is {finding.certainty!r} instead of {case.certainty!r}")
        # A thread that ends drops its arguments where no line of the program runs.
        places = [related.at for related in finding.related if related.at]
        if not places or not all(place.startswith(f"{case.program.name}:") for place in places):
            wrong.append(f"{finding.rule}: places outside the program, or none: {places}")
    return wrong


def first_execution(case: Case) -> Sequence[AnyRow]:
    """What the program asks of its devices on the first schedule; polls are told apart from the host's other waits."""
    options = Options(save=False)
    with (
        polls_marked(),
        virtual_gpus(case.gpus),
        _prepared(case, options) as target,
        redirect_stdout(StringIO()),
    ):
        header = Header(target.text, "explored", __version__, {}, options.seed)
        recorded = record(lambda: target.run({}), (), header, target=target, budget=options.budget(), fresh=True)
    return recorded.execution.device_rows


@contextmanager
def _prepared(case: Case, options: Options) -> Generator[Target]:
    target = parse_target(str(case.program))
    target.prepare(options.watching())
    try:
        yield target
    finally:
        target.close()


def _words(rules: Iterable[str]) -> str:
    return ",".join(sorted(rules)) or "clean"

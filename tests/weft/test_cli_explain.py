"""``weft explain``: every rule, its program and the cure, and that both are what they are said to be."""

from __future__ import annotations

import difflib
import importlib.util
import re

import pytest

from weft.checkers.rules import RULES, Rule
from weft.explained import changes, command, cured, example, explain

from .conftest import Done, Weft, slowly

REPORTED = [rule.id for rule in RULES.values() if rule.since != "planned" and rule.program]
WITHOUT_TORCH = importlib.util.find_spec("torch") is None


def run_here(rule: str) -> None:
    """Skip what cannot be run where torch is not installed (the test extra has it for Python 3.11)."""
    if rule.startswith("G") and WITHOUT_TORCH:
        pytest.skip("torch is in the test extra for Python 3.11 only")


def rules_of(done: Done) -> set[str]:
    """The rules in the text of a command: every finding begins with one."""
    return set(re.findall(r"^([A-Z]\d{3}) ", done.out, re.MULTILINE))


def run(weft: Weft, program: str) -> Done:
    first, *words = command(program)
    assert first == "weft", "a program's docstring ends with the command that reports it"
    weft.write(words[1], program)
    return weft(*words)


@pytest.mark.parametrize("rule", [*REPORTED[:2], *slowly(*REPORTED[2:])])
def test_the_example_has_exactly_this_bug(weft: Weft, rule: str) -> None:
    run_here(rule)
    done = run(weft, example(rule))
    assert rules_of(done) == {rule}
    assert done.code == (1 if command(example(rule))[1] == "check" else 0), "predict observes; it is no verdict"


@pytest.mark.parametrize("rule", [*REPORTED[:2], *slowly(*REPORTED[2:])])
def test_the_cure_is_clean(weft: Weft, rule: str) -> None:
    run_here(rule)
    done = run(weft, cured(rule))
    assert (done.code, rules_of(done)) == (0, set())
    if command(cured(rule))[1] == "check":
        assert done.verdict().startswith("clean: ")


def slowed(program: str) -> str:
    """The program as if the first statement of every function and of every turn of a loop took a millisecond more."""
    head = re.compile(r"^( *)(?:def|for) .*:$", re.MULTILINE)
    return head.sub(r"\g<0>\n\1    weft.work(0.001)", program).replace("import threading\n", "import threading, weft\n")


@pytest.mark.slow
@pytest.mark.parametrize("rule", [rule for rule in REPORTED if command(example(rule))[1] == "predict"])
def test_what_is_measured_of_an_example_does_not_decide(weft: Weft, rule: str) -> None:
    assert rules_of(run(weft, slowed(example(rule)))) == {rule}
    assert rules_of(run(weft, slowed(cured(rule)))) == set()


@pytest.mark.parametrize("rule", REPORTED)
def test_program_and_cure_differ_in_what_is_shown(rule: str) -> None:
    before, after = example(rule).splitlines(), cured(rule).splitlines()
    assert before[0] != after[0], "each says in its first line what it shows"
    shown = changes(rule)
    body = slice(before.index("") + 3, None)
    for line in difflib.ndiff(before[body], after[body]):
        if line.startswith(("+ ", "- ")) and line[2:].strip():
            assert line[0] + line[2:] in shown


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_the_text_fits_80_columns(rule: Rule) -> None:
    assert [line for line in explain(rule).splitlines() if len(line) > 80] == []


def test_explain_a_rule(weft: Weft) -> None:
    done = weft("explain", "d001")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("D001 deadlock\n")
    assert "\nCure:\n" in done.out


def test_the_program_alone_can_be_piped_to_a_file(weft: Weft) -> None:
    done = weft("explain", "R002", "--example")
    assert (done.code, done.out) == (0, example("R002"))
    assert weft("explain", "r002", "--cured").out == cured("R002")


def test_explain_lists_the_rules(weft: Weft) -> None:
    lines = weft("explain").out.splitlines()
    assert [line.split()[0] for line in lines] == list(RULES)
    assert {line.split()[0] for line in lines if line.endswith("(planned)")} == {
        rule.id for rule in RULES.values() if rule.since == "planned"
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["D0O1"], "weft: no rule 'D0O1'; did you mean D001?\n"),
        (["zebra"], "weft: no rule 'zebra'; `weft explain` lists them\n"),
        (["--example"], "weft: --example of which rule? write e.g. weft explain R002 --example\n"),
        (["G004", "--example"], "weft: G004 takes several processes, so there is no program to show\n"),
        (
            ["G003", "--cured"],
            "weft: G003 is reserved: this version does not look for it, so there is no program to show\n",
        ),
    ],
)
def test_what_cannot_be_explained(weft: Weft, arguments: list[str], says: str) -> None:
    assert weft("explain", *arguments) == Done(2, "", says)

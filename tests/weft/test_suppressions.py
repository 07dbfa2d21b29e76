"""Suppressions: a comment on any line that a finding names, an entry of the configuration, and what becomes of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft import cli_check
from weft.checkers.finding import Finding, Hold, Related, Result, Step, ThreadState, Wait
from weft.configuration import Configuration
from weft.options import Options
from weft.suppressions import Suppressions, places

from .conftest import Weft, finding, findings, result

NAMED = finding(
    threads=[
        ThreadState(name="one", state="blocked", holds=[Hold("a", "p.py:1")], waits=Wait("b", "acquire", "p.py:2")),
    ],
    steps=[Step(step=1, thread="one", operation="acquire", object="accounts[0].lock", at="p.py:3")],
    related=[Related("a made", "p.py:4")],
)
"""A finding that names the lines 1 to 4 of one file."""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "p.py"


def write(program: Path, **lines: str) -> None:
    """A program of six lines; ``_2="# comment"`` is put at the end of line 2."""
    rows = [f"x = {number}  {lines.get(f'_{number}', '')}".rstrip() for number in range(1, 7)]
    program.write_text("\n".join(rows) + "\n", encoding="utf-8")


def found(program: Path, *some: Finding, **more: Any) -> Result:
    return result(verdict="findings", findings=list(some), files={"p.py": [str(program)]}, **more)


@pytest.mark.parametrize("line", [1, 2, 3, 4])
def test_a_comment_on_any_line_that_is_named(program: Path, line: int) -> None:
    write(program, **{f"_{line}": "# weft: ignore[D001] the supervisor restarts it"})
    checked = found(program, NAMED)
    suppressions = Suppressions()
    assert suppressions.apply(checked) == []
    (aside,) = checked.suppressed
    assert (checked.findings, checked.verdict) == ([], "clean")
    assert (aside.rule, aside.message, aside.threads) == (NAMED.rule, NAMED.message, NAMED.threads)
    assert aside.suppression.kind == "inSource"
    assert aside.suppression.text == "# weft: ignore[D001]"
    assert aside.suppression.at == f"{program}:{line}"
    assert aside.suppression.reason == "the supervisor restarts it"
    assert suppressions.unused() == []


@pytest.mark.parametrize(
    "lines",
    [
        {"_5": "# weft: ignore[D001]"},
        {"_2": "# weft: ignore[D002]"},
        {"_2": "# weft ignore[D001]"},
        {"_2": "; y = '# weft: ignore[D001]'"},
    ],
    ids=["a line that is not named", "another rule", "no colon", "a text, no comment"],
)
def test_what_does_not_suppress(program: Path, lines: dict[str, str]) -> None:
    write(program, **lines)
    checked = found(program, NAMED)
    assert Suppressions().apply(checked) == [0]
    assert (checked.findings, checked.suppressed, checked.verdict) == ([NAMED], [], "findings")


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("# weft: ignore[D002,D001]", ""),
        ("#weft:ignore[ D001 ,R001 ]x", "x"),
        ("# weft: ignore [D001] see issue 12: it is rare", "see issue 12: it is rare"),
        ("# noqa: E501  # weft: ignore[D001] y", "y"),
    ],
)
def test_the_forms_of_a_comment(program: Path, comment: str, reason: str) -> None:
    write(program, _2=comment)
    checked = found(program, NAMED)
    assert Suppressions().apply(checked) == []
    assert checked.suppressed[0].suppression.reason == reason


def test_an_exception_is_suppressed_where_it_was_raised(program: Path) -> None:
    write(program, _3="# weft: ignore[E001]")
    raised = finding(rule="E001", message="main failed at p.py:3: KeyError: 1", traceback=["KeyError: 1"])
    assert Suppressions().apply(found(program, raised)) == []


def test_the_others_stay_in_their_order(program: Path) -> None:
    write(program, _2="# weft: ignore[D001]")
    others = [finding(rule="D003", message="x"), finding(rule="E001", message="y")]
    checked = found(program, others[0], NAMED, others[1])
    assert Suppressions().apply(checked) == [0, 2]
    assert (checked.findings, checked.verdict) == (others, "findings")


def test_a_result_that_is_not_exhaustive_becomes_incomplete_not_clean(program: Path) -> None:
    write(program, _2="# weft: ignore[D001]")
    checked = found(program, NAMED, exhaustive=False)
    Suppressions().apply(checked)
    assert checked.verdict == "incomplete"


@pytest.mark.parametrize(
    ("entry", "covered"),
    [
        ("D001", True),
        ("D001:a", True),
        ("D001:accounts[0].lock", True),
        ("D001:*.lock", True),
        ("D001:b", True),
        ("D001:lock", False),
        ("D001:A", False),
        ("D002", False),
        ("D002:a", False),
    ],
)
def test_an_entry_of_the_configuration(program: Path, entry: str, covered: bool) -> None:
    write(program)
    checked = found(program, NAMED)
    suppressions = Suppressions([entry], "pyproject.toml")
    assert suppressions.apply(checked) == ([] if covered else [0])
    if covered:
        cause = checked.suppressed[0].suppression
        assert (cause.kind, cause.text, cause.at) == ("external", entry, "pyproject.toml")
    assert suppressions.unused() == ([] if covered else [f"{entry} (pyproject.toml)"])


def test_each_rule_of_a_comment_must_suppress_something(program: Path) -> None:
    write(program, _2="# weft: ignore[D001, D003]", _6="# weft: ignore[R001]")
    suppressions = Suppressions(["R002:x"], "pyproject.toml")
    suppressions.apply(found(program, NAMED))
    idle = [f"# weft: ignore[D003] ({program}:2)", f"# weft: ignore[R001] ({program}:6)", "R002:x (pyproject.toml)"]
    assert suppressions.unused() == idle
    assert suppressions.unused(races=False) == idle[:1]


def test_what_is_used_in_one_result_of_a_sweep_is_used(program: Path) -> None:
    write(program, _2="# weft: ignore[D001]")
    suppressions = Suppressions(["E001"])
    suppressions.apply(found(program))
    suppressions.apply(found(program, NAMED, finding(rule="E001")))
    suppressions.apply(found(program))
    assert suppressions.unused() == []


@pytest.mark.parametrize("comment", ["# weft: ignore", "# weft: ignore[]", "# weft: ignore known"])
def test_a_comment_without_a_rule_is_noted(program: Path, comment: str) -> None:
    write(program, _2=comment)
    checked = found(program, NAMED)
    assert Suppressions().apply(checked) == [0]
    (note,) = checked.notes
    assert note == f"{program}:2: this comment names no rule; write # weft: ignore[D001] and the reason"


def test_a_comment_with_an_unknown_rule_names_the_near_one(program: Path) -> None:
    write(program, _2="# weft: ignore[D0O1]")
    checked = found(program, NAMED)
    suppressions = Suppressions()
    assert suppressions.apply(checked) == [0]
    assert checked.notes == [f"{program}:2: # weft: ignore[D0O1]: no rule 'D0O1'; did you mean D001?"]
    assert suppressions.unused() == []


@pytest.mark.parametrize(
    "data", [b"weft: (((\n'''", b"\xff\xfe weft: \x00", b"# weft: ignore[D001]\n\t  x\n y\n weft:"]
)
def test_a_file_that_is_no_program_any_more_is_no_error(program: Path, data: bytes) -> None:
    program.write_bytes(data)
    assert Suppressions().apply(found(program, finding(rule="E002"))) == [0]
    program.unlink()
    assert Suppressions().apply(found(program, finding(rule="E002"))) == [0]


@given(one=findings, data=st.data())
def test_every_place_of_a_finding_can_carry_the_comment(
    tmp_path_factory: pytest.TempPathFactory, one: Finding, data: st.DataObject
) -> None:
    named = sorted({place for place in places(one) if place})
    if not named:
        return
    place = data.draw(st.sampled_from(named))
    name, line = place.split(":")
    file = tmp_path_factory.mktemp("sources") / name
    file.write_text("\n" * (int(line) - 1) + f"# weft: ignore[{one.rule}]\n", encoding="utf-8")
    assert Suppressions().apply(result(findings=[one], files={name: [str(file)]})) == []


# Through the command.


def suppressing(source: str, comment: str) -> str:
    """AB_BA with a comment on the first line where a thread waits."""
    assert "with b:\n" in source
    return source.replace("with b:\n", f"with b:  {comment}\n", 1)


def test_the_command_with_a_comment(weft: Weft, ab_ba: str) -> None:
    path = weft.folder / ab_ba
    path.write_text(suppressing(path.read_text(), "# weft: ignore[D001] see issue 12"))
    done = weft("check", ab_ba, "--json", "result.json", "--html", "report.html")
    assert done.code == 0
    assert done.verdict() == "clean: nothing but 1 suppressed finding in any schedule"
    assert "  suppressed: D001 by # weft: ignore[D001] (ab_ba.py:8)" in done.out.splitlines()
    written = weft.result()
    assert (written["verdict"], written["findings"]) == ("clean", [])
    (aside,) = written["suppressed"]
    assert (aside["rule"], aside["suppression"]["reason"]) == ("D001", "see issue 12")
    assert weft("replay", aside["replay"]).code == 1
    assert "see issue 12" in (weft.folder / "report.html").read_text(encoding="utf-8")


def test_the_command_with_the_configuration(weft: Weft, ab_ba: str) -> None:
    weft.write("pyproject.toml", '[tool.weft]\nignore = ["D001:a", "D003:*Pool*"]\n')
    done = weft("check", ab_ba)
    assert done.code == 0
    assert "  suppressed: D001 by D001:a (pyproject.toml)" in done.out.splitlines()
    assert "  suppressed nothing: D003:*Pool* (pyproject.toml)" in done.out.splitlines()


@pytest.mark.parametrize("exhaustive", [False, True])
def test_what_is_suppressed_does_not_hide_the_rest(monkeypatch: pytest.MonkeyPatch, exhaustive: bool) -> None:
    """An exploration stops soon after its first finding. When that one does not count, it is done to the end."""
    asked: list[bool] = []

    def run_check(target: str, argv: list[str], parameters: dict[str, Any], options: Options, *rest: Any) -> Any:
        asked.append(options.keep_going)
        second = [finding(rule="E001")] if options.keep_going else []
        return result(verdict="findings", exhaustive=exhaustive, findings=[NAMED, *second]), ["1", "2"], False

    monkeypatch.setattr(cli_check, "run_check", run_check)
    monkeypatch.setattr(cli_check, "read_configuration", lambda file: Configuration("x.toml", {"ignore": ["D001"]}))
    code = cli_check.check.main(["program.py", "--quiet"], standalone_mode=False)
    assert code == (0 if exhaustive else 1)
    assert asked == ([False] if exhaustive else [False, True])


def test_a_sweep_merges_what_is_suppressed(weft: Weft, ab_ba: str) -> None:
    weft.write("pyproject.toml", '[tool.weft]\nignore = ["D001"]\n')
    done = weft("check", f"{ab_ba}:main", "--set", "crossed=True,False", "--json", "result.json", "--html", "r.html")
    assert done.code == 0
    assert len(weft.result()["suppressed"]) == 1
    assert weft.result()["unused_suppressions"] == []

"""GitHub's workflow commands: the level is the certainty, the file is the one in the checkout, nothing breaks the line."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.checkers.finding import Certainty, Finding, Result
from weft.github import render_github

from .conftest import finding, result, waiting

COMMAND = re.compile(r"::(?P<level>error|warning|notice) (?P<properties>[^:]*)::(?P<text>.*)")


def read(line: str) -> tuple[str, dict[str, str], str]:
    """A command as GitHub's runner reads it: split at the first colons, then at commas, then unescaped."""
    match = COMMAND.fullmatch(line)
    assert match, line
    pairs = dict(part.split("=", 1) for part in match["properties"].split(","))
    back = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    plain = {key: re.sub("%0D|%0A|%3A|%2C|%25", lambda code: back[code[0]], value) for key, value in pairs.items()}
    return match["level"], plain, re.sub("%0D|%0A|%25", lambda code: back[code[0]], match["text"])


def first(found: Result) -> tuple[str, dict[str, str], str]:
    return read(render_github(found).split("\n")[0])


def found(one: Finding, **more: Any) -> Result:
    return result(verdict="findings", findings=[one], **more)


def test_a_command_points_at_the_line_and_escapes() -> None:
    line = render_github(found(finding(message="50 % of\nall", threads=[waiting("bank.py:13")]))).split("\n")[0]
    assert line == "::error file=bank.py,line=13,title=D001 deadlock::50 %25 of%0Aall"


def test_the_fix_is_told() -> None:
    assert first(found(finding(suggestion="One order."))) == (
        "error",
        {"title": "D001 deadlock"},
        "two wait\nfix: One order.",
    )


def test_the_file_is_the_one_in_the_checkout_whatever_its_name() -> None:
    files = {"bank.py": ["src/a,b: 100 %/bank.py"]}
    _, properties, _ = first(found(finding(threads=[waiting("bank.py:13")]), files=files))
    assert properties["file"] == "src/a,b: 100 %/bank.py"


@pytest.mark.parametrize(
    ("certainty", "level"),
    [("confirmed", "error"), ("predicted", "warning"), ("observed", "warning"), ("latent", "notice")],
)
def test_the_level_is_the_certainty(certainty: Certainty, level: str) -> None:
    assert first(found(finding(certainty=certainty)))[0] == level


def test_notes_are_notices_at_their_place() -> None:
    lines = render_github(result(notes=["R001 flag.ready is read at worker.py:31, unordered"])).split("\n")
    assert read(lines[0]) == (
        "notice",
        {"file": "worker.py", "line": "31", "title": "weft note"},
        "R001 flag.ready is read at worker.py:31, unordered",
    )
    assert lines[-1].startswith("clean: ")


@given(text=st.text(min_size=1), name=st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1))
def test_whatever_is_said_comes_back_from_one_line(text: str, name: str) -> None:
    with_path = found(finding(message=text, threads=[waiting("bank.py:13")]), files={"bank.py": [name]})
    line = render_github(with_path).split("\n")[0]
    _, properties, said = read(line)
    assert (properties["file"], said) == (name, text)

"""What a person sees: help, 80 columns, progress, colours, a reader that leaves."""

from __future__ import annotations

import os
import pty
import re
from pathlib import Path

import pytest

from .conftest import LIMIT_S, LONG, Weft, environment, slowly

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.py"))

SERVICE = EXAMPLES[0].with_name("order_service.py")
SMALLER = {SERVICE.stem: [f"{SERVICE}:main", "--set", "workers=2", "--set", "requests=2"]}
"""As their own first lines say: a size that is good for a prediction is none for all schedules."""


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_fits_80_columns_and_ends_in_its_verdict(weft: Weft, example: Path) -> None:
    done = weft("check", *SMALLER.get(example.stem, [str(example)]))
    assert done.err == ""
    assert [line for line in done.out.splitlines() if len(line) > 80] == []
    assert done.out.splitlines()[-2].endswith(", exhaustive")
    verdict = r"clean: .* in any schedule" if done.code == 0 else r"\d+ findings?: [A-Z]\d{3}(, [A-Z]\d{3})*"
    assert re.fullmatch(verdict, done.verdict())


@pytest.mark.parametrize(
    "command", [[], ["check"], *slowly(["replay"], ["predict"], ["validate"], ["calibrate"], ["record"], ["tour"])]
)
def test_help_has_examples(weft: Weft, command: list[str]) -> None:
    done = weft(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert max(len(line) for line in done.out.splitlines()) <= 80
    if command:
        assert done.out.count(f"  weft {command[0]}") >= 2


def test_a_reader_that_leaves_is_no_error(weft: Weft, ab_ba: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = weft("check", ab_ba, stdout=writer)
    finally:
        os.close(writer)
    assert done.err == ""


def on_a_terminal(weft: Weft, *arguments: str, **variables: str) -> tuple[str, str]:
    """(standard output in a pipe, standard error in a terminal) of a command."""
    ours, theirs = pty.openpty()
    process = weft.start(*arguments, stderr=theirs, env=environment(TERM="xterm-256color", **variables))
    os.close(theirs)
    shown = bytearray()
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # Linux says EIO when the last writer has closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    out, _ = process.communicate(timeout=LIMIT_S)
    return out, shown.decode()


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal_without_colour_if_unwanted(weft: Weft) -> None:
    command = ["check", weft.write("long.py", LONG) + ":main", "--max-seconds", "0.5"]
    colour = re.compile(r"\x1b\[[0-9;]*m")
    out, err = on_a_terminal(weft, *command)
    assert "exploring" in err
    assert colour.search(err)
    assert "\x1b" not in out
    out, err = on_a_terminal(weft, *command, NO_COLOR="1")
    assert "exploring" in err
    assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|38)[0-9;]*m", err)
    assert "\x1b" not in out


def test_version(weft: Weft) -> None:
    assert re.fullmatch(r"weft, version \d+\.\d+\.\d+\n", weft("--version").out)

"""What the program's text says: whether anything is tested between taking a lock and waiting."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.checkers.source import checked_before_wait, has_word, line
from weft.simcore.trace import Header, Trace, TraceBuilder

PROGRAMS = {
    "bare": (False, "def f():\n    with c:  # lock\n        c.wait()\n"),
    "while under the lock": (True, "def f():\n    with c:  # lock\n        while not ready:\n            c.wait()\n"),
    "if under the lock": (True, "def f():\n    with c:  # lock\n        if not ready:\n            c.wait()\n"),
    "while outside": (False, "def f():\n    while not ready:\n        with c:  # lock\n            c.wait()\n"),
    "while true": (False, "def f():\n    with c:  # lock\n        while True:\n            c.wait()\n"),
    "test after the wait": (
        False,
        "def f():\n    with c:  # lock\n        while True:\n            c.wait()\n            if ready:\n"
        "                break\n",
    ),
    "return before": (
        True,
        "def f():\n    with c:  # lock\n        if ready:\n            return\n        c.wait()\n",
    ),
    "wait_for": (True, "def f():\n    with c:  # lock\n        c.wait_for(lambda: ready)  # .wait()\n"),
    "acquire": (True, "def f():\n    c.acquire()  # lock\n    while not ready:\n        c.wait()\n    c.release()\n"),
    "test in another function": (
        False,
        "def f():\n    with c:  # lock\n        def g():\n            if ready:\n                pass\n        c.wait()\n",
    ),
    "at the top of a module": (True, "with c:  # lock\n    while not ready:\n        c.wait()\n"),
}


def places(folder: Path, text: str) -> tuple[Trace, int, int]:
    path = folder / "prog.py"
    path.write_text(text, encoding="utf-8")
    builder = TraceBuilder(Header("prog.py", "explored"))
    lines = text.split("\n")
    taken = next(number for number, row in enumerate(lines, 1) if "# lock" in row)
    wait = next(number for number, row in enumerate(lines, 1) if ".wait()" in row)
    first, second = (builder.tables.location(str(path), number, "f") for number in (taken, wait))
    return builder.build(), first, second


@pytest.mark.parametrize(("tested", "text"), PROGRAMS.values(), ids=PROGRAMS)
def test_what_is_tested_before_a_wait(tmp_path: Path, tested: bool, text: str) -> None:
    assert checked_before_wait(*places(tmp_path, text)) is tested


@pytest.mark.parametrize("test", ["not ready", "True"])
def test_a_lock_taken_back_by_the_wait(tmp_path: Path, test: str) -> None:
    """Woken and waiting again: only what the loop tests in between counts."""
    trace, _, wait = places(tmp_path, f"def f():\n    with c:  # lock\n        while {test}:\n            c.wait()\n")
    assert checked_before_wait(trace, wait, wait) is (test != "True")


def test_without_the_source_nothing_is_known() -> None:
    builder = TraceBuilder(Header("gone.py", "explored"))
    place = builder.tables.location("/nowhere/gone.py", 3, "f")
    trace = builder.build()
    assert checked_before_wait(trace, place, place) is None
    assert checked_before_wait(trace, -1, place) is None
    assert line(trace, place) == line(trace, -1) == ""


def test_words_of_a_line(tmp_path: Path) -> None:
    trace, taken, _ = places(tmp_path, PROGRAMS["bare"][1])
    assert line(trace, taken) == "with c:  # lock"
    assert has_word(trace, taken, "with")
    assert not has_word(trace, taken, "wit")

"""What docs/explanation/limits.md says weft cannot see: each statement that a small program can show is shown here.

A test that fails because weft has learnt something is good news: the page has to say so then.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from weft.checkers.finding import Result
from weft.checking import check
from weft.options import Options
from weft.simcore.target import parse_target

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "limits.md"


def checked(folder: Path, source: str, **options: object) -> Result:
    file = folder / "prog.py"
    file.write_text(textwrap.dedent(source))
    wanted = Options(save=False, **options)  # type: ignore[arg-type]
    target = parse_target(str(file))
    target.prepare(wanted.watching())
    try:
        return check(target, {}, wanted).result
    finally:
        target.close()


TWO = """
import threading
{top}
threads = [threading.Thread(target=work, args=(me,)) for me in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
{end}
"""


def two(top: str, end: str = "") -> str:
    return TWO.format(top=textwrap.dedent(top), end=end)


def said(words: str) -> None:
    """The page says this, however its lines are broken."""
    assert " ".join(words.split()) in " ".join(PAGE.read_text(encoding="utf-8").split())


def test_insertion_order_of_different_keys(tmp_path: Path) -> None:
    said("the order in which different keys get into a dictionary")
    result = checked(tmp_path, two("table = {}\ndef work(me):\n    table[me] = me", "assert list(table) == [1, 2]"))
    assert result.verdict == "clean"


def test_code_made_at_run_time(tmp_path: Path) -> None:
    said("Code made at run time (`exec`, `eval`, `compile`)")
    result = checked(tmp_path, two("class Box: n = 0\ndef work(me):\n    exec('Box.n += 1')"))
    assert result.findings == []


def test_async_functions(tmp_path: Path) -> None:
    said("`async` functions")
    source = """
        class Box: n = 0
        async def add():
            Box.n += 1
        def work(me):
            try:
                add().send(None)
            except StopIteration:
                pass
        """
    result = checked(tmp_path, two(source))
    assert result.findings == []
    assert any("async def add" in limit for limit in result.limits)


def test_packages_that_were_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("Installed packages are not watched unless they are named")
    package = tmp_path / "venv" / "site-packages"
    package.mkdir(parents=True)
    (package / "counting.py").write_text("class Box: n = 0\ndef work(me):\n    Box.n += 1\n")
    monkeypatch.syspath_prepend(package)
    source = two("from counting import work")
    try:
        result = checked(tmp_path, source)
        assert result.findings == []
        assert "accesses inside counting were not watched (--instrument NAME)" in result.limits
        sys.modules.pop("counting", None)
        assert {finding.rule for finding in checked(tmp_path, source, instrument=("counting",)).findings} == {"R002"}
    finally:
        sys.modules.pop("counting", None)


def test_a_polling_thread_is_bounded(tmp_path: Path) -> None:
    said("may look in vain a few times in a row")
    body = "def work(me):\n    while me == 1 and not done.is_set():\n        pass\n    done.set()"
    source = two(f"done = threading.Event()\n{body}")
    result = checked(tmp_path, source)
    assert not result.exhaustive
    assert any("polls" in limit for limit in result.limits)


def test_a_time_out_fires_whatever_its_length(tmp_path: Path) -> None:
    said("a time-out of an hour can fire before one of a second")
    source = """
        import threading
        event, lock = threading.Event(), threading.Lock()
        first = []
        def wait(seconds):
            event.wait(seconds)
            with lock:
                first.append(seconds)
        threads = [threading.Thread(target=wait, args=(seconds,)) for seconds in (1, 3600)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert first == [1, 3600]
        """
    assert {finding.rule for finding in checked(tmp_path, source).findings} == {"E002"}


def test_a_race_without_a_consequence_is_only_a_note(tmp_path: Path) -> None:
    said("is a note")
    result = checked(tmp_path, two("class Box: flag = False\ndef work(me):\n    Box.flag = True"))
    assert (result.verdict, len(result.notes)) == ("clean", 1)


def test_a_lost_value_that_nothing_ever_shows(tmp_path: Path) -> None:
    said("a value that goes nowhere")
    result = checked(
        tmp_path,
        two("class Box: n = 0\ndef work(me):\n    if me == 1:\n        Box.n = 1\n    else:\n        _ = Box.n"),
    )
    assert (result.verdict, len(result.notes)) == ("clean", 1)

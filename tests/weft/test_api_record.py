"""``weft.record``: what the command's ``--accesses`` and ``--instrument`` choose, from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import weft
from weft.simcore.trace import Op, Trace

COUNTER = """
class Counter:
    def __init__(self):
        self.value = 0

    def add(self):
        self.value += 1
"""
PROGRAM = """
import threading
from counting import Counter

class Shop:
    def __init__(self):
        self.visitors = Counter()
        self.last = None

    def visit(self, number):
        self.visitors.add()
        self.last = number

def main(threads=2):
    shop = Shop()
    running = [threading.Thread(target=shop.visit, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
"""


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A program whose threads share an object of its own and one of a package that lies elsewhere."""
    installed = tmp_path / "installed"
    installed.mkdir()
    (installed / "counting.py").write_text(COUNTER, encoding="utf-8")
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "shop.py").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.chdir(tmp_path)
    return "program/shop.py:main"


def shared_variables(trace: Trace) -> set[str]:
    return {trace.object_name(event.object) for event in trace if event.operation in (Op.READ, Op.WRITE)}


def test_accesses_are_recorded_where_asked(target: str) -> None:
    assert not shared_variables(weft.record(target, threads=3))
    assert shared_variables(weft.record(target, accesses=True, threads=3)) == {"Shop.visitors", "Shop.last"}
    found = shared_variables(weft.record(target, accesses=True, instrument=["counting"], threads=3))
    assert found == {"Shop.visitors", "Shop.last", "Counter.value"}


def test_instrument_needs_accesses() -> None:
    with pytest.raises(ValueError, match="pass accesses=True, too"):
        weft.record("program.py:main", instrument=["counting"])

"""R003: two sections of one lock in one call, the second writing back what the first read; by hand-written traces of
programs whose text is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.checkers import atomicity
from weft.checkers.exploration.sampling import Uniform
from weft.checkers.finding import Finding
from weft.simcore import hooks
from weft.simcore.access import AccessMonitor
from weft.simcore.explored import ExploredWorld
from weft.simcore.instrument import Instrument
from weft.simcore.recorder import Recorder
from weft.simcore.takeover import takeover
from weft.simcore.target import parse_target
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder
from weft.simcore.watch import HOOKS

LOCK, VALUE, OUTER, ONE, TWO = range(5)

STALE = """\
def add(amount):
    with lock:
        old = account.value
    new = old + amount
    with lock:
        account.value = new
"""

IN_ONE_SECTION = """\
def add(amount):
    with lock:
        old = account.value
        new = old + amount
        account.value = new
"""

READ_AGAIN = """\
def add(amount):
    with lock:
        old = account.value
    log(old)
    with lock:
        account.value = account.value + amount
"""

NOT_FROM_THE_READ = """\
def reset(amount):
    with lock:
        old = account.value
    report(old)
    with lock:
        account.value = amount
"""


class Written:
    """A trace of ``prog.py``: each step is (thread, operation, object, line)."""

    def __init__(self, folder: Path, text: str) -> None:
        self.path = folder / "prog.py"
        self.path.write_text(text, encoding="utf-8")
        self.builder = TraceBuilder(Header("prog.py", "explored"))
        tables = self.builder.tables
        tables.threads += [ThreadInfo("main"), ThreadInfo("one", 0), ThreadInfo("two", 0)]
        tables.objects += [
            ObjectInfo("Lock", "lock"),
            ObjectInfo("Variable", "account.value"),
            ObjectInfo("Lock", "outer"),
            ObjectInfo("Thread", "one", thread=1),
            ObjectInfo("Thread", "two", thread=2),
        ]

    def step(self, thread: int, operation: Op, target: int, line: int) -> Written:
        function = self.path.read_text(encoding="utf-8").split("(")[0].removeprefix("def ")
        place = self.builder.tables.location(str(self.path), line, function)
        self.builder.add(thread, operation, target, place)
        return self

    def section(self, thread: int, line: int, *accesses: tuple[Op, int]) -> Written:
        self.step(thread, Op.ACQUIRE, LOCK, line)
        for operation, at in accesses:
            self.step(thread, operation, VALUE, at)
        return self.step(thread, Op.RELEASE, LOCK, line)

    def started(self) -> Written:
        return self.step(0, Op.START, ONE, 1).step(0, Op.START, TWO, 1)

    def trace(self) -> Trace:
        return self.builder.build()


def stale_calls(written: Written, order: str) -> list[Finding]:
    """Both threads call ``add`` of STALE; ``order`` says who does which half: ``1212``."""
    halves = {"1": 0, "2": 0}
    for who in order:
        if halves[who] == 0:
            written.section(int(who), 2, (Op.READ, 3))
        else:
            written.section(int(who), 5, (Op.WRITE, 6))
        halves[who] += 1
    return atomicity.find(written.trace())


@pytest.mark.parametrize(
    ("order", "certainty"), [("1212", "confirmed"), ("1221", "confirmed"), ("1122", "predicted"), ("2211", "predicted")]
)
def test_a_stale_value_written_back(tmp_path: Path, order: str, certainty: str) -> None:
    (finding,) = stale_calls(Written(tmp_path, STALE).started(), order)
    assert (finding.rule, finding.kind, finding.certainty) == ("R003", "atomicity", certainty)
    assert "writes account.value at prog.py:6 from a value read at prog.py:3" in finding.message
    assert [thread.name for thread in finding.threads] in (["one", "two"], ["two", "one"])
    if certainty == "confirmed":
        indices = [(row.operation, row.thread) for row in finding.steps]
        victim, culprit = finding.threads[0].name, finding.threads[1].name
        assert indices.index(("read", victim)) < indices.index(("write", culprit)) < indices.index(("write", victim))


def test_calls_that_a_join_orders_are_clean(tmp_path: Path) -> None:
    written = Written(tmp_path, STALE).step(0, Op.START, ONE, 1)
    written.section(1, 2, (Op.READ, 3)).section(1, 5, (Op.WRITE, 6)).step(1, Op.END, ONE, 1)
    written.step(0, Op.JOIN, ONE, 1).step(0, Op.START, TWO, 1)
    written.section(2, 2, (Op.READ, 3)).section(2, 5, (Op.WRITE, 6))
    assert atomicity.find(written.trace()) == []


def test_a_lock_around_both_sections_makes_them_one(tmp_path: Path) -> None:
    written = Written(tmp_path, STALE).started()
    for thread in (1, 2):
        written.step(thread, Op.ACQUIRE, OUTER, 1)
        written.section(thread, 2, (Op.READ, 3)).section(thread, 5, (Op.WRITE, 6))
        written.step(thread, Op.RELEASE, OUTER, 1)
    assert atomicity.find(written.trace()) == []


def test_one_section_is_clean(tmp_path: Path) -> None:
    written = Written(tmp_path, IN_ONE_SECTION).started()
    for thread in (1, 2, 1):
        written.section(thread, 2, (Op.READ, 3), (Op.WRITE, 5))
    assert atomicity.find(written.trace()) == []


def test_reading_again_is_clean(tmp_path: Path) -> None:
    written = Written(tmp_path, READ_AGAIN).started()
    written.section(1, 2, (Op.READ, 3)).section(2, 2, (Op.READ, 3)).section(2, 5, (Op.READ, 6), (Op.WRITE, 6))
    written.section(1, 5, (Op.READ, 6), (Op.WRITE, 6))
    assert atomicity.find(written.trace()) == []


def test_a_value_that_does_not_come_from_the_read_is_clean(tmp_path: Path) -> None:
    written = Written(tmp_path, NOT_FROM_THE_READ).started()
    written.section(1, 2, (Op.READ, 3)).section(2, 2, (Op.READ, 3)).section(2, 5, (Op.WRITE, 6))
    written.section(1, 5, (Op.WRITE, 6))
    assert atomicity.find(written.trace()) == []


def test_the_section_of_the_call_before_is_not_the_same_transaction(tmp_path: Path) -> None:
    """Every call takes the lock once, at one place: no call has two sections."""
    written = Written(tmp_path, IN_ONE_SECTION).started()
    written.section(1, 2, (Op.READ, 3)).section(2, 2, (Op.READ, 3), (Op.WRITE, 5)).section(1, 2, (Op.WRITE, 5))
    assert atomicity.find(written.trace()) == []


PROGRAM = """\
import threading


class Account:
    def __init__(self):
        self.lock = threading.Lock()
        self.value = 0


account = Account()


def add(amount):
    with account.lock:
        old = account.value
    {first}
    with account.lock:
        account.value = {second}


threads = [threading.Thread(target=add, args=(5,), name=name) for name in ("one", "two")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize(
    ("first", "second", "stale"),
    [("new = old + amount", "new", True), ("new = amount", "account.value + new", False), ("pass", "amount", False)],
)
def test_explored_executions_of_a_program(tmp_path: Path, first: str, second: str, stale: bool) -> None:
    """Every schedule shows it: as what happened, or as what another order would have made of it."""
    path = tmp_path / "prog.py"
    path.write_text(PROGRAM.format(first=first, second=second), encoding="utf-8")
    target = parse_target(str(path))
    target.prepare(Instrument())
    seen: set[str] = set()
    try:
        for seed in range(12):
            recorder = Recorder(Header("prog.py", "explored"), target)
            monitor = AccessMonitor(frozenset())
            recorder.watch(monitor)
            with takeover():
                hooks.install(HOOKS)
                try:
                    world = ExploredWorld(Uniform(seed), observer=recorder, accesses=monitor)
                    world.run(lambda: target.run({}))
                finally:
                    hooks.uninstall()
            found = atomicity.find(recorder.trace())
            assert len(found) == stale
            seen |= {finding.certainty for finding in found}
    finally:
        target.close()
    assert seen == ({"confirmed", "predicted"} if stale else set())

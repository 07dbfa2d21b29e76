"""Accesses to shared variables in recordings of real threads: what is written down, and what the checker says of it.

Threads meet at events and locks, nobody sleeps; what races is unordered, whatever the order of this run was.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.checkers.race.findings import find
from weft.real_runs.accesses import Accesses
from weft.real_runs.log import Recorder
from weft.real_runs.recorded.takeover import recording
from weft.real_runs.recording import _reads_later, record
from weft.simcore.hooks import uninstall
from weft.simcore.rewriting import rewrite
from weft.simcore.trace import COLUMNS, Header, Op, Trace, load

Watched = Callable[[str], Trace]


@pytest.fixture
def watched(tmp_path: Path) -> Generator[Watched]:
    """Runs a module's source with hooks and recorded primitives, in this process."""

    def run(source: str) -> Trace:
        recorder = Recorder(tmp_path / "run.weft", Header("test", "real"))
        code = rewrite(source, str(tmp_path / "prog.py")).code
        namespace: dict[str, Any] = {"__name__": "prog", "__file__": str(tmp_path / "prog.py")}
        with recording(recorder):
            Accesses(recorder).install()
            exec(code, namespace)
        uninstall()
        recorder.close()
        trace = load(tmp_path / "run.weft")
        columns = trace.columns[np.argsort(trace.columns["time_ns"], kind="stable")]
        return Trace(trace.header, trace.tables, _reads_later(columns))

    yield run
    uninstall()


def accesses(trace: Trace) -> Counter[tuple[str, str]]:
    memory = (Op.READ, Op.WRITE, Op.ATOMIC)
    return Counter(
        (event.operation.label, trace.object_name(event.object)) for event in trace if event.operation in memory
    )


def rules(trace: Trace, *, strict: bool = True) -> list[tuple[str, str]]:
    return [(finding.rule, finding.message.partition(" at ")[0]) for finding in find(trace, strict=strict)[0]]


THREADS = """
import threading, queue

def in_threads(*bodies):
    threads = [threading.Thread(target=body, name=f"t{number}") for number, body in enumerate(bodies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

class Box:
    shared = 0
    def __init__(self):
        self.value = 0
"""


def test_an_increment_without_a_lock_is_a_lost_update(watched: Watched) -> None:
    trace = watched(
        THREADS
        + """
box = Box()
def add():
    box.value += 1
in_threads(add, add)
"""
    )
    ((rule, message),) = rules(trace)
    assert rule == "R002"
    assert message.endswith("update of Box.value")
    assert accesses(trace)["write", "Box.value"] == 3
    writes = [event for event in trace if event.operation is Op.WRITE]
    assert [event.extra for event in writes] == [{"blind": True}, {"pair": True}, {"pair": True}]


@pytest.mark.parametrize(
    "body",
    [
        "def add():\n    with lock:\n        box.value += 1\nin_threads(add, add)",
        "in_threads(lambda: setattr(box, 'value', 1))\nbox.value += 1",
        "def put():\n    box.value = 1\n    items.put(box)\ndef get():\n    items.get().value += 1\nin_threads(put, get)",
        "def put():\n    box.value = 1\n    done.set()\ndef get():\n    done.wait()\n    box.value += 1\nin_threads(put, get)",
        "def add():\n    mine = Box()\n    mine.value += 1\nin_threads(add, add)",
        "def add():\n    local.value = 0\n    local.value += 1\nlocal = threading.local()\nin_threads(add, add)",
        "said = []\nin_threads(lambda: said.append(1), lambda: said.append(2))",
        "table = {}\ndef set_(key):\n    table[key] = 1\nin_threads(lambda: set_('a'), lambda: set_('b'))",
    ],
    ids=["lock", "join", "queue", "event", "own object", "threading.local", "list.append", "other keys"],
)
def test_clean_programs_are_clean(watched: Watched, body: str) -> None:
    setup = "\nbox, lock, items, done = Box(), threading.Lock(), queue.Queue(), threading.Event()\n"
    trace = watched(THREADS + setup + body)
    assert rules(trace) == []


def test_what_is_handed_over_in_a_list_is_not_raced_for(watched: Watched) -> None:
    """The consumer looks until the list holds something: that it saw the append orders the box."""
    trace = watched(
        THREADS
        + """
made = []
def put():
    box = Box()
    box.value = 1
    made.append(box)
def get():
    while not made:
        pass
    made[0].value += 1
in_threads(put, get)
"""
    )
    assert rules(trace) == []


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("global total\n    total += 1", "total"),
        ("table['a'] += 1", "table['a']"),
        ("Box.shared += 1", "Box.shared"),
        ("numbers[0] += 1", "numbers[0]"),
        ("setattr(box, 'value', getattr(box, 'value') + 1)", "Box.value"),
    ],
)
def test_every_kind_of_variable_has_a_name(watched: Watched, body: str, name: str) -> None:
    setup = "\nbox, total, table, numbers = Box(), 0, {'a': 0}, [0]\n"
    trace = watched(f"{THREADS}{setup}def add():\n    {body}\nin_threads(add, add)\n")
    ((rule, message),) = rules(trace)
    assert rule in ("R001", "R002")
    assert name in message


def test_a_variable_of_the_function_around(watched: Watched) -> None:
    trace = watched(
        THREADS
        + """
def count():
    total = 0
    def add():
        nonlocal total
        total += 1
    in_threads(add, add)
count()
"""
    )
    assert [rule for rule, _ in rules(trace)] == ["R002"]
    assert accesses(trace)["write", "total"] == 3


def test_what_one_thread_alone_touches_leaves_no_event(watched: Watched) -> None:
    trace = watched(THREADS + "\nbox = Box()\nfor _ in range(1000):\n    box.value += 1\nin_threads(lambda: None)\n")
    assert not any("Box" in name for _, name in accesses(trace))


def test_of_the_time_with_one_owner_the_last_of_each_kind_is_kept(watched: Watched) -> None:
    trace = watched(
        THREADS + "\nbox = Box()\nfor _ in range(1000):\n    box.value += 1\nin_threads(lambda: box.value)\n"
    )
    assert accesses(trace)["write", "Box.value"] == 1
    assert accesses(trace)["read", "Box.value"] == 2


def test_objects_with_one_id_after_another_are_different(watched: Watched) -> None:
    """Each thread makes boxes of its own, and memory is used again: no two of them are one variable."""
    trace = watched(
        THREADS
        + """
def make():
    for _ in range(200):
        box = Box()
        box.value += 1
        del box
in_threads(make, make, make)
"""
    )
    assert rules(trace) == []
    gc.collect()


def test_objects_whose_equality_raises_are_only_told_apart_by_identity(watched: Watched) -> None:
    trace = watched(
        THREADS
        + """
class Odd(Box):
    __hash__ = None
    def __eq__(self, other):
        raise RuntimeError
odd = Odd()
def add():
    odd.value += 1
in_threads(add, add)
"""
    )
    assert [rule for rule, _ in rules(trace)] == ["R002"]


def test_reads_stand_right_before_the_next_event_of_their_thread() -> None:
    rows = [(0, Op.READ, 0, 0, -1, -1, 10), (1, Op.WRITE, 0, 0, -1, -1, 20), (0, Op.ACQUIRE, 0, 1, -1, -1, 30)]
    rows += [(1, Op.READ, 0, 0, -1, -1, 40)]
    moved = _reads_later(np.array(rows, COLUMNS))
    assert [(row[0], row[1], row[6]) for row in moved.tolist()] == [
        (1, Op.WRITE, 20),
        (0, Op.READ, 30),
        (0, Op.ACQUIRE, 30),
        (1, Op.READ, 40),
    ]
    without = np.array(rows[1:3], COLUMNS)
    assert _reads_later(without) is without


LOOKS = (
    THREADS
    + """
import concurrent.futures
box, done = Box(), threading.Event()
first, second = Box(), Box()
def work():
    box.value = 1
    done.set()
thread = threading.Thread(target=work)
thread.start()
while not done.is_set():
    pass
box.value += 1
while thread.is_alive():
    pass
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    future = pool.submit(lambda: setattr(first, "value", 1))
    while not future.done():
        pass
    first.value += 1
    second.value = 1
    future = pool.submit(lambda: None)
    future.add_done_callback(lambda _: setattr(second, "value", 2))
"""
)


@pytest.mark.slow
def test_the_whole_command_records_accesses_and_looks(tmp_path: Path) -> None:
    path = tmp_path / "prog.py"
    path.write_text(LOOKS, encoding="utf-8")
    recorded = record(str(path), output=tmp_path / "out.weft", accesses=True, quiet=True)
    assert recorded.status == "finished", recorded.message
    assert rules(recorded.trace) == []
    assert accesses(recorded.trace)["write", "Box.value"] >= 1
    plain = record(str(path), output=tmp_path / "plain.weft", quiet=True)
    assert not any(name.startswith("Box") for _, name in accesses(plain.trace))


def test_containers_that_are_one_too_many_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.real_runs.accesses.HELD_MAX", 2)
    hooks = Accesses(Recorder(tmp_path / "run.weft", Header("test", "real")))
    lists = [[0], [1], [2]]
    for items in lists[:2]:
        assert hooks._enter(items, "items") is not None
    assert hooks.notes() == []
    assert hooks._enter(lists[2], "items") is None
    (note,) = hooks.notes()
    assert note.startswith("only the first 2 lists")
    assert note.endswith("missing: 1")


@pytest.mark.slow
def test_further_modules_are_watched_when_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "elsewhere" / "helping"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("class Shelf:\n    books = 0\n\n\ndef put(shelf):\n    shelf.books = 1\n")
    (tmp_path / "here").mkdir()
    path = tmp_path / "here" / "prog.py"
    path.write_text(
        "import threading, helping\nshelf = helping.Shelf()\n"
        "threads = [threading.Thread(target=helping.put, args=(shelf,)) for _ in range(2)]\n"
        "for thread in threads: thread.start()\nfor thread in threads: thread.join()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(library.parent))
    for patterns, seen in (((), 0), (("helping",), 2)):
        recorded = record(str(path), output=tmp_path / "out.weft", accesses=True, instrument=patterns, quiet=True)
        assert recorded.notes == ()
        assert sum(count for (_, name), count in accesses(recorded.trace).items() if "books" in name) == seen

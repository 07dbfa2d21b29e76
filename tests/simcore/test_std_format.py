"""The STD format: what is read, what is written, and that nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.simcore import std_format
from weft.simcore.trace import NOTHING, Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder, TraceError

Seen = tuple[str, Op, str, str]


def seen(trace: Trace) -> list[Seen]:
    """Every event by names."""
    return [
        (trace.thread_name(event.thread), event.operation, trace.object_name(event.object), trace.at(event.location))
        for event in trace
    ]


TEXT = """\
# two threads
T0|fork(T1)|1
T0|acq(L)|2

T0|w(V1)|3
T0|rel(L)|4
T1|acq(L)|7
T1|r(V1)|8
T1|rel(L)|9
T0|join(T1)|5
"""


def test_every_operation_is_read() -> None:
    trace = std_format.loads(TEXT, "small.std")
    assert seen(trace) == [
        ("T0", Op.START, "T1", "small.std:1"),
        ("T0", Op.ACQUIRE, "L", "small.std:2"),
        ("T0", Op.WRITE, "V1", "small.std:3"),
        ("T0", Op.RELEASE, "L", "small.std:4"),
        ("T1", Op.ACQUIRE, "L", "small.std:7"),
        ("T1", Op.READ, "V1", "small.std:8"),
        ("T1", Op.RELEASE, "L", "small.std:9"),
        ("T0", Op.JOIN, "T1", "small.std:5"),
    ]
    assert [(row.kind, row.name) for row in trace.tables.objects] == [
        ("Thread", "T1"),
        ("Lock", "L"),
        ("Variable", "V1"),
    ]
    assert trace.tables.objects[0].thread == 1
    assert [row.parent for row in trace.tables.threads] == [NOTHING, 0]


def test_names_of_threads_and_operands_are_free() -> None:
    trace = std_format.loads("main|acq(java.lang.Object@12[3])|Account.java:12\nworker-1|w(V5.0[0])\n")
    assert seen(trace) == [
        ("main", Op.ACQUIRE, "java.lang.Object@12[3]", "Account.java:12"),
        ("worker-1", Op.WRITE, "V5.0[0]", ""),
    ]


def test_a_lock_and_a_variable_may_have_one_name() -> None:
    trace = std_format.loads("T0|acq(X)|1\nT0|w(X)|2\n")
    assert [row.kind for row in trace.tables.objects] == ["Lock", "Variable"]


def test_a_lock_taken_twice_by_its_holder_is_re_entrant() -> None:
    assert std_format.loads("T0|acq(L)|1\nT0|acq(L)|2\n").tables.objects[0].kind == "RLock"
    assert std_format.loads("T0|acq(L)|1\nT0|rel(L)|2\nT0|acq(L)|3\n").tables.objects[0].kind == "Lock"


def test_a_request_is_a_wait_for_the_lock() -> None:
    (event,) = std_format.loads("T0|req(L)|1\n")
    assert (event.operation, event.extra) == (Op.REQUEST, {"operation": "acquire"})


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("T1|begin()|3", "not an event of the STD format"),
        ("T1|lock(L)|3", "unknown operation 'lock'; known are r, w, acq, rel, fork, join, req"),
        ("T1|acq(L", "not an event of the STD format: 'T1|acq(L'"),
        ("acq(L)|3", "a line reads T<thread>|<op>(<operand>)|<location>"),
        ("|acq(L)|3", "not an event"),
        ("\x00\x01\x02", "not an event"),
        ('{"header": {}}', "not an event"),
    ],
)
def test_what_is_no_event_is_named_with_its_line(line: str, says: str) -> None:
    with pytest.raises(TraceError) as caught:
        std_format.loads(f"T0|acq(L)|1\n\n{line}\n", "bad.std")
    assert str(caught.value).startswith("bad.std:3: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "small.std"
    path.write_text(TEXT)
    trace = std_format.load(path)
    copy = tmp_path / "copy.std"
    std_format.save(trace, copy)
    assert copy.read_text() == "".join(line + "\n" for line in TEXT.splitlines() if line and line[0] != "#")


@pytest.mark.parametrize(
    "content", [b"", b"# nothing\n\n", b"\xff\xfe\x00", None], ids=["empty", "no event", "bytes", "none"]
)
def test_files_that_are_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.std"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TraceError, match=r"bad\.std"):
        std_format.load(path)


def test_what_the_format_has_no_word_for_keeps_its_order() -> None:
    builder = TraceBuilder(Header("prog.py", "explored"))
    tables = builder.tables
    tables.threads += [ThreadInfo("MainThread"), ThreadInfo("Thread-1 (work)", 0)]
    tables.objects += [
        ObjectInfo("Thread", "Thread-1 (work)", thread=1),
        ObjectInfo("Lock", "lock"),
        ObjectInfo("Condition", "ready", part_of=1),
        ObjectInfo("Event", "done"),
        ObjectInfo("Queue", "jobs (prog.py:3)"),
        ObjectInfo("Thread", "MainThread", thread=0),
    ]
    place = tables.location("/some/where/prog.py", 12)
    rows = [
        (0, Op.START, 0),
        (1, Op.BEGIN, 0),
        (1, Op.ACQUIRE, 1),
        (1, Op.WAIT, 2),
        (0, Op.NOTIFY, 2),
        (0, Op.SLEEP, 5),
        (1, Op.WAKE, 2),
        (1, Op.ACQUIRE, 1),
        (1, Op.SET, 3),
        (0, Op.WAIT, 3),
        (0, Op.PUT, 4),
        (1, Op.GET, 4),
        (1, Op.END, 0),
        (0, Op.JOIN, 0),
    ]
    for thread, op, target in rows:
        builder.add(thread, op, target, place)
    assert std_format.dumps(builder.build()).replace("|prog.py:12", "").splitlines() == [
        "MainThread|fork(T1)",
        "T1|acq(lock)",
        "T1|rel(lock)",
        "MainThread|w(ready)",
        "T1|r(ready)",
        "T1|acq(lock)",
        "T1|w(done)",
        "MainThread|r(done)",
        "MainThread|w(V4)",
        "T1|r(V4)",
        "T1|w(V4)",
        "MainThread|join(T1)",
    ]


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=8)
PLAIN = NAMES.filter(lambda name: not set(name) & set("|()#"))
LINES = st.lists(
    st.tuples(st.sampled_from(["r", "w", "acq", "rel", "fork", "join", "req"]), PLAIN, PLAIN, st.integers(1, 999)),
    min_size=1,
    max_size=20,
)


@given(LINES)
def test_what_is_written_is_read_back(lines: list[tuple[str, str, str, int]]) -> None:
    text = "".join(f"{thread}|{op}({operand})|{place}\n" for op, thread, operand, place in lines)
    once = std_format.loads(text)
    again = std_format.loads(std_format.dumps(once))
    assert [row[1] for row in seen(again)] == [row[1] for row in seen(once)]
    assert [row[3] for row in seen(again)] == [row[3] for row in seen(once)]
    assert [event.thread for event in again] == [event.thread for event in once]
    assert [event.object for event in again] == [event.object for event in once]
    assert [row.kind for row in again.tables.objects] == [row.kind for row in once.tables.objects]
    assert std_format.dumps(again) == std_format.dumps(once)


@given(st.lists(st.tuples(st.sampled_from([*Op]), st.integers(0, 2), st.integers(-1, 3)), max_size=20), NAMES)
def test_every_trace_can_be_exported(rows: list[tuple[Op, int, int]], name: str) -> None:
    builder = TraceBuilder(Header("x", "real"))
    builder.tables.threads += [ThreadInfo(name), ThreadInfo("T 1"), ThreadInfo("T1")]
    builder.tables.objects += [
        ObjectInfo("Lock", name),
        ObjectInfo("Condition", name, part_of=0),
        ObjectInfo("Thread", "T1", thread=2),
        ObjectInfo("Thread", "unknown"),
    ]
    for op, thread, target in rows:
        builder.add(thread, op, target)
    text = std_format.dumps(builder.build())
    if text:
        std_format.loads(text)

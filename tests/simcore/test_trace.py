"""The trace on disk: what is saved comes back, what was cut short is read as far as it goes, anything else is refused."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.simcore.trace import (
    BY_LABEL,
    NOTHING,
    Header,
    Location,
    ObjectInfo,
    Op,
    ThreadInfo,
    Trace,
    TraceBuilder,
    TraceError,
    TraceWriter,
    load,
)


def small() -> TraceBuilder:
    """Two threads, a lock and a queue, an event of every shape."""
    builder = TraceBuilder(Header("bank.py", "explored", "0.1.0", {"workers": 2}, 7, {"name": "profile"}))
    builder.tables.threads += [ThreadInfo("MainThread"), ThreadInfo("té11er", 0, True)]
    place = builder.tables.location("shop/bank.py", 12, "transfer")
    builder.tables.objects += [
        ObjectInfo("Lock", "accounts[0].lock", place),
        ObjectInfo("Queue", "q", capacity=2, part_of=0),
    ]
    builder.add(0, Op.BEGIN)
    builder.add(0, Op.ACQUIRE, 0, place, 0, 1)
    builder.add(1, Op.REQUEST, 1, place, 5_000_000_000_000, extra={"operation": "Queue.put", "detail": "full 2/2"})
    builder.add(1, Op.SLEEP, extra={"seconds": 0.5}, outcome=-3)
    return builder


def rows(trace: Trace) -> list[Any]:
    return list(trace)


def same(a: Trace, b: Trace) -> bool:
    tables = ("threads", "objects", "locations", "extras")
    return (
        a.header == b.header
        and rows(a) == rows(b)
        and all(getattr(a.tables, name) == getattr(b.tables, name) for name in tables)
    )


def test_events_are_light_views_of_the_columns() -> None:
    trace = small().build()
    first, second, third, fourth = trace
    assert (first.index, first.thread, first.operation, first.object) == (0, 0, Op.BEGIN, NOTHING)
    assert (first.time_ns, first.extra, first.outcome) == (None, None, 0)
    assert (second.time_ns, second.outcome, trace.at(second.location)) == (0, 1, "bank.py:12")
    assert third.extra == {"operation": "Queue.put", "detail": "full 2/2"}
    assert third.time_ns == 5_000_000_000_000
    assert fourth.outcome == -3
    assert (trace.object_name(1), trace.thread_name(1), trace.object_name(NOTHING), trace.at(NOTHING)) == (
        "q",
        "té11er",
        "",
        "",
    )


def test_names_are_stored_once() -> None:
    tables = small().tables
    assert tables.location("shop/bank.py", 12, "transfer") == tables.location("shop/bank.py", 12, "transfer")
    assert tables.extra({"a": 1, "b": 2}) == tables.extra({"b": 2, "a": 1})
    assert tables.extra(None) == NOTHING


def test_every_operation_has_its_name_in_the_vocabulary() -> None:
    assert {op.label for op in Op} == set(BY_LABEL)
    assert BY_LABEL["task_done"] is Op.TASK_DONE


@pytest.mark.parametrize("name", ["t.weft", "t.jsonl"])
def test_what_is_saved_comes_back(tmp_path: Path, name: str) -> None:
    trace = small().build()
    trace.save(tmp_path / name)
    again = load(tmp_path / name)
    assert same(trace, again)
    assert again.note == ""


@pytest.mark.parametrize("name", ["t.weft", "t.jsonl"])
def test_a_trace_without_events_comes_back(tmp_path: Path, name: str) -> None:
    trace = TraceBuilder(Header("p", "real")).build()
    trace.save(tmp_path / name)
    assert len(load(tmp_path / name)) == 0


def test_a_file_is_readable_without_weft(tmp_path: Path) -> None:
    small().build().save(tmp_path / "t.weft")
    with zipfile.ZipFile(tmp_path / "t.weft") as archive:
        assert archive.namelist() == ["header.json", "000000.tables.json", "000000.columns.npy"]
        assert json.loads(archive.read("header.json"))["schema"] == "weft.trace/1"
        with archive.open("000000.columns.npy") as columns:
            assert np.load(columns)["operation"].tolist() == [Op.BEGIN, Op.ACQUIRE, Op.REQUEST, Op.SLEEP]


def in_chunks(path: Path) -> Trace:
    """A file of three chunks, tables growing between them; the whole trace."""
    builder = small()
    with TraceWriter(path, builder.header, builder.tables) as writer:
        writer.append_rows(builder.rows[:2])
        builder.tables.threads.append(ThreadInfo("late", 0))
        builder.add(2, Op.BEGIN, extra="late")
        writer.append_rows(builder.rows[2:4])
        writer.append_rows(builder.rows[4:])
    return builder.build()


def test_chunks_are_one_trace(tmp_path: Path) -> None:
    whole = in_chunks(tmp_path / "t.weft")
    assert same(load(tmp_path / "t.weft"), whole)


def test_what_was_written_before_a_kill_can_be_read(tmp_path: Path) -> None:
    builder = small()
    writer = TraceWriter(tmp_path / "t.weft", builder.header, builder.tables)
    writer.append_rows(builder.rows[:2])
    killed = load(tmp_path / "t.weft")
    assert len(killed) == 2
    assert killed.note == "t.weft was cut short: read 2 events in 1 whole chunks"
    writer.close()


def load_or_none(path: Path) -> Trace | None:
    """None when the file is refused; any other error comes out."""
    try:
        return load(path)
    except TraceError:
        return None


@pytest.mark.parametrize("name", ["t.weft", "t.jsonl"])
def test_a_file_cut_short_anywhere_is_read_up_to_there_or_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("weft"):
        whole = in_chunks(path)
    else:
        whole = small().build()
        whole.save(path)
    lengths: list[int] = []
    refused = False
    for size in reversed(range(path.stat().st_size)):
        os.truncate(path, size)
        part = load_or_none(path)
        if part is None:
            refused = True
            continue
        assert not refused, "what could be read with less can be read with more"
        assert rows(part) == rows(whole)[: len(part)]
        assert part.note or len(part) == len(whole) or name.endswith("jsonl")
        lengths.append(len(part))
    assert refused
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] in (len(whole), len(whole) - 1)


names = st.text(max_size=20)
numbers = st.integers(0, 5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    builder = TraceBuilder(
        Header(draw(names), draw(st.sampled_from(["explored", "timed", "real"])), seed=draw(numbers))
    )
    builder.tables.threads += draw(
        st.lists(st.builds(ThreadInfo, names, st.just(-1), st.booleans()), min_size=1, max_size=4)
    )
    builder.tables.objects += draw(
        st.lists(st.builds(ObjectInfo, names, names, capacity=numbers), min_size=1, max_size=4)
    )
    for location in draw(st.lists(st.builds(Location, names, numbers, names), min_size=1, max_size=4)):
        builder.tables.location(location.file, location.line, location.function)
    tables = builder.tables
    for _ in range(draw(st.integers(0, 8))):
        builder.add(
            draw(st.integers(0, len(tables.threads) - 1)),
            draw(st.sampled_from(Op)),
            draw(st.integers(-1, len(tables.objects) - 1)),
            draw(st.integers(-1, len(tables.locations) - 1)),
            draw(st.none() | st.integers(0, 2**62)),
            draw(st.integers(-30_000, 30_000)),
            draw(json_values),
        )
    return builder.build()


COMMON = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@COMMON
@given(trace=traces(), name=st.sampled_from(["t.weft", "t.jsonl"]))
def test_any_trace_comes_back(tmp_path: Path, trace: Trace, name: str) -> None:
    trace.save(tmp_path / name)
    assert same(load(tmp_path / name), trace)


@COMMON
@given(data=st.data(), name=st.sampled_from(["t.weft", "t.jsonl"]))
def test_a_damaged_file_is_read_or_refused_and_never_anything_else(
    tmp_path: Path, data: st.DataObject, name: str
) -> None:
    path = tmp_path / name
    small().build().save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    trace = load_or_none(path)
    for event in trace or ():
        assert trace is not None
        trace.at(event.location)
        trace.object_name(event.object)
        trace.thread_name(event.thread)


@given(st.binary(max_size=200))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_bytes_that_are_no_trace_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.weft"
    path.write_bytes(content)
    with pytest.raises(TraceError, match=r"not a trace"):
        load(path)


def edited(edit: Callable[[list[Any]], None]) -> str:
    lines = [json.loads(line) for line in small().build().to_json_lines().splitlines()]
    edit(lines)
    return "".join(json.dumps(line) + "\n" for line in lines)


REFUSED: dict[str, tuple[str, str]] = {
    "another schema": (
        edited(lambda lines: lines[0]["header"].update(schema="weft.trace/9")),
        r"schema 'weft.trace/9', expected 'weft.trace/1'",
    ),
    "no header": ("{}\n", "first line must hold a weft trace header"),
    "no tables": (edited(lambda lines: lines[0].pop("tables")), "not a trace"),
    "a table of numbers": (edited(lambda lines: lines[0]["tables"].update(threads=[1])), "not a trace"),
    "an unknown header field": (edited(lambda lines: lines[0]["header"].update(colour="red")), "not a trace"),
    "an operation of its own": (
        edited(lambda lines: lines[2].update(operation="teleport")),
        r"t.jsonl:3: not an event of the vocabulary: .*teleport",
    ),
    "a thread that is not in the table": (edited(lambda lines: lines[2].update(thread=9)), "not a trace"),
    "an object that is not in the table": (edited(lambda lines: lines[2].update(object=9)), "not a trace"),
    "a place that is not in the table": (edited(lambda lines: lines[2].update(location=9)), "not a trace"),
    "a number too large": (edited(lambda lines: lines[2].update(object=10**30)), "not a trace"),
    "a word for a thread": (edited(lambda lines: lines[2].update(thread="one")), "not a"),
}


@pytest.mark.parametrize(("content", "says"), REFUSED.values(), ids=REFUSED)
def test_json_lines_that_are_no_trace_are_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(content)
    with pytest.raises(TraceError, match=says):
        load(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"cannot read the trace .*gone.weft: No such file"):
        load(tmp_path / "gone.weft")
    with pytest.raises(TraceError, match=r"cannot read the trace .*directory"):
        load(tmp_path)


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.weft", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(TraceError, match=r"first member must be header.json"):
        load(tmp_path / "t.weft")


def test_logs_of_several_threads_are_merged_by_time_and_each_keeps_its_order() -> None:
    builder = TraceBuilder(Header("p", "real"))
    builder.tables.threads += [ThreadInfo("a"), ThreadInfo("b", 0)]
    for thread, operation, time_ns in [
        (0, Op.BEGIN, 5),
        (0, Op.END, 9),
        (1, Op.BEGIN, 1),
        (1, Op.PUT, 5),
        (1, Op.END, 5),
    ]:
        builder.add(thread, operation, time_ns=time_ns)
    merged = [(event.thread, event.operation) for event in builder.build(sort_by_time=True)]
    assert merged == [(1, Op.BEGIN), (0, Op.BEGIN), (1, Op.PUT), (1, Op.END), (0, Op.END)]

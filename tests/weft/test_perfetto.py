"""The Perfetto export: slices that nest, times that never go back, and nothing lost between trace and JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.perfetto import export, write
from weft.report_lanes import end_ns, first_ns, lanes
from weft.simcore.trace import NOTHING, Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder

OBJECTS = ["Lock", "Queue", "Condition", "Barrier", "Future", "Thread"]


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(Op),
        st.integers(NOTHING, len(OBJECTS) - 1),
        st.sampled_from([0, 1, 333, 1_000, 999_999_937, 86_400_000_000_001]),
        st.sampled_from([None, "text", {"operation": "acquire"}, {"ns": 500}, {"seconds": 1e-6}]),
    ),
    max_size=40,
)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Any events in any order: what an exporter must survive, also when no program could have done it."""
    world = draw(st.sampled_from(["explored", "timed", "real"]))
    builder = TraceBuilder(Header("t.py", world))
    threads = draw(st.integers(1, 4))
    builder.tables.threads += [ThreadInfo(f"thread-{index}") for index in range(threads)]
    builder.tables.objects += [ObjectInfo(kind, kind.lower()) for kind in OBJECTS]
    place = builder.tables.location("/home/user/t.py", 3)
    time = 0
    for thread, operation, target, passed_ns, extra in draw(EVENTS):
        time += passed_ns
        builder.add(thread % threads, operation, target, place, None if world == "explored" else time, extra=extra)
    return builder.build()


def nanoseconds(microseconds: float) -> int:
    return round(microseconds * 1000)


def tracks(exported: dict[str, Any]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for event in exported["traceEvents"]:
        if event["ph"] == "X":
            start = nanoseconds(event["ts"])
            found[event["pid"], event["tid"]].append((start, start + nanoseconds(event["dur"])))
    return found


@given(st.lists(traces(), min_size=1, max_size=2))
@settings(max_examples=60)
def test_slices_nest_and_times_never_go_back(found: list[Trace]) -> None:
    exported = export({f"run {index}": trace for index, trace in enumerate(found)})
    times = [event["ts"] for event in exported["traceEvents"] if event["ph"] != "M"]
    assert times == sorted(times)
    for slices in tracks(exported).values():
        open_until: list[int] = []
        for start, end in slices:
            assert end > start
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or end <= open_until[-1], "a slice ends inside the one that holds it"
            open_until.append(end)


@given(traces())
@settings(max_examples=40)
def test_every_state_of_a_lane_is_one_slice(trace: Trace) -> None:
    slices = [event for event in export({"run": trace})["traceEvents"] if event["ph"] == "X"]
    if trace.header.world == "explored":
        assert len(slices) == len(trace)
    else:
        whole = [event for event in slices if event["cat"] == "run"]
        assert len(slices) - len(whole) == sum(len(lane.intervals) for lane in lanes(trace))
        assert len(whole) == (end_ns(trace) > first_ns(trace) and len(trace) > 0)


def real_and_simulated() -> dict[str, Trace]:
    found: dict[str, Trace] = {}
    for name, world in (("simulated", "timed"), ("real", "real")):
        builder = TraceBuilder(Header("t.py", world))
        builder.tables.threads += [ThreadInfo("MainThread"), ThreadInfo("worker")]
        builder.tables.objects.append(ObjectInfo("Lock", "lock"))
        place = builder.tables.location("/home/user/t.py", 3)
        if world == "timed":
            builder.add(0, Op.RUN, time_ns=0)
        builder.add(0, Op.ACQUIRE, 0, time_ns=0)
        builder.add(1, Op.REQUEST, 0, place, 1500, extra={"operation": "acquire"})
        if world == "timed":
            builder.add(1, Op.BLOCK, 0, place, 1500, extra={"operation": "acquire"})
        builder.add(0, Op.MARK, time_ns=2000, extra="phase 2")
        builder.add(1, Op.FAIL, time_ns=3000, extra={"type": "ValueError", "message": "no"})
        builder.add(0, Op.END, time_ns=4000)
        found[name] = builder.build()
    return found


def test_each_trace_is_a_process_and_each_thread_a_track() -> None:
    events = export(real_and_simulated())["traceEvents"]
    names = [(event["pid"], event["tid"], event["args"]["name"]) for event in events if event["name"].endswith("_name")]
    assert names == [
        (1, 0, "simulated"),
        (1, 1, "MainThread"),
        (1, 2, "worker"),
        (1, 3, "the whole run"),
        (2, 0, "real"),
        (2, 1, "MainThread"),
        (2, 2, "worker"),
        (2, 3, "the whole run"),
    ]
    labels = [(event["pid"], event["args"]["labels"]) for event in events if event["name"] == "process_labels"]
    assert labels == [(1, "t.py"), (2, "t.py")]


def test_a_wait_says_what_it_waits_for() -> None:
    events = export(real_and_simulated())["traceEvents"]
    waits = [event for event in events if event.get("cat") == "blocked" and event["pid"] == 1]
    assert [(event["ts"], event["dur"], event["name"], event["args"]["at"]) for event in waits] == [
        (1.5, 2.5, "blocked: acquire of lock", "t.py:3")
    ]


def test_marks_failures_and_the_number_of_running_threads_are_there() -> None:
    events = export(real_and_simulated())["traceEvents"]
    assert [event["name"] for event in events if event["ph"] == "i" and event["pid"] == 2] == [
        "phase 2",
        "ValueError: no",
    ]
    counts = [(event["ts"], event["args"]["threads"]) for event in events if event["ph"] == "C"]
    assert counts == [(0.0, 1), (4.0, 0)], "a real run does not know who runs"


def test_a_step_of_an_explored_trace_is_a_microsecond() -> None:
    builder = TraceBuilder(Header("t.py", "explored"))
    builder.tables.threads += [ThreadInfo("one"), ThreadInfo("two")]
    builder.tables.objects.append(ObjectInfo("Lock", "lock"))
    builder.add(0, Op.ACQUIRE, 0)
    builder.add(1, Op.REQUEST, 0, extra={"operation": "acquire"})
    builder.add(0, Op.RELEASE, 0)
    slices = [event for event in export({"explored": builder.build()})["traceEvents"] if event["ph"] == "X"]
    assert [(event["tid"], event["ts"], event["dur"], event["name"]) for event in slices] == [
        (1, 1.0, 1.0, "acquire lock"),
        (2, 2.0, 3.0, "acquire lock"),
        (1, 3.0, 1.0, "release lock"),
    ]


def test_the_file_holds_the_export(tmp_path: Any) -> None:
    found = real_and_simulated()
    path = write(tmp_path / "trace.json", found)
    assert json.loads(path.read_text(encoding="utf-8")) == export(found)


def test_both_processes_begin_together_and_show_their_lengths() -> None:
    builder = TraceBuilder(Header("t.py", "real"))
    builder.tables.threads.append(ThreadInfo("main"))
    builder.add(0, Op.BEGIN, time_ns=7_000_000)
    builder.add(0, Op.END, time_ns=7_500_000)
    events = export({**real_and_simulated(), "late": builder.build()})["traceEvents"]
    runs = [(event["pid"], event["ts"], event["dur"]) for event in events if event.get("cat") == "run"]
    assert runs == [(3, 0.0, 500.0), (1, 0.0, 4.0), (2, 0.0, 4.0)]
    assert {event["pid"] for event in events if event.get("ts") == 0.0} == {1, 2, 3}


def arrows(trace: Trace) -> list[tuple[float, int, float, int, str]]:
    """(from when, from whom, to when, to whom, by what)."""
    events = export({"run": trace})["traceEvents"]
    begins = {event["id"]: event for event in events if event["ph"] == "s"}
    return [
        (begins[event["id"]]["ts"], begins[event["id"]]["tid"], event["ts"], event["tid"], event["name"])
        for event in events
        if event["ph"] == "f"
    ]


def test_an_arrow_leads_from_the_release_to_the_thread_that_waited() -> None:
    builder = TraceBuilder(Header("t.py", "timed"))
    builder.tables.threads += [ThreadInfo("holder"), ThreadInfo("waiter")]
    builder.tables.objects.append(ObjectInfo("Lock", "lock"))
    builder.add(0, Op.ACQUIRE, 0, time_ns=0)
    builder.add(1, Op.REQUEST, 0, time_ns=1000)
    builder.add(1, Op.BLOCK, 0, time_ns=1000)
    builder.add(0, Op.RELEASE, 0, time_ns=5000)
    builder.add(1, Op.READY, time_ns=6000)
    builder.add(1, Op.RUN, time_ns=7000)
    builder.add(1, Op.ACQUIRE, 0, time_ns=7000)
    assert arrows(builder.build()) == [(5.0, 1, 6.0, 2, "release")]


def test_a_wait_that_timed_out_has_no_arrow() -> None:
    builder = TraceBuilder(Header("t.py", "real"))
    builder.tables.threads += [ThreadInfo("holder"), ThreadInfo("waiter")]
    builder.tables.objects.append(ObjectInfo("Lock", "lock"))
    builder.add(0, Op.ACQUIRE, 0, time_ns=0)
    builder.add(1, Op.REQUEST, 0, time_ns=1000)
    builder.add(1, Op.ACQUIRE_FAILED, 0, time_ns=9000)
    assert arrows(builder.build()) == []


def test_an_arrow_leads_from_the_end_of_a_thread_to_who_joins_it() -> None:
    builder = TraceBuilder(Header("t.py", "real"))
    builder.tables.threads += [ThreadInfo("main"), ThreadInfo("worker")]
    builder.tables.objects.append(ObjectInfo("Thread", "worker", thread=1))
    builder.add(1, Op.BEGIN, time_ns=0)
    builder.add(0, Op.REQUEST, 0, time_ns=1000, extra={"operation": "join"})
    builder.add(1, Op.END, time_ns=4000)
    builder.add(0, Op.JOIN, 0, time_ns=4500)
    assert arrows(builder.build()) == [(4.0, 2, 4.5, 1, "end")]

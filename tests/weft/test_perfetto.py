"""The Perfetto export: slices that nest, times that never go back, and nothing lost between trace and JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.perfetto import export, write
from weft.report_lanes import lanes
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
        assert len(slices) == sum(len(lane.intervals) for lane in lanes(trace))


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
        (2, 0, "real"),
        (2, 1, "MainThread"),
        (2, 2, "worker"),
    ]


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

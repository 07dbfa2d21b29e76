"""Timelines: states read from traces, steps and holds, what is drawn together, and two traces on one axis."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from weft.report_lanes import Doing, Interval, Lane, condensed, end_ns, first_ns, lanes, step_lanes
from weft.report_timeline import timeline
from weft.report_timeline_pair import sides_of, timeline_pair
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, TraceBuilder

from .report_page import explored_trace, timed_trace
from .trace_pair_example import suite_traces


def test_states_are_read_from_the_scheduler() -> None:
    first = lanes(timed_trace(1, 1))[0]
    assert first.intervals == [
        Interval(0, 1000, Doing.READY),
        Interval(1000, 5000, Doing.RUNNING),
        Interval(5000, 8000, Doing.BLOCKED, "acquire of worker-lock", "service.py:44"),
        Interval(8000, 10_000, Doing.READY),
    ]
    assert [moment.text for moment in first.moments] == ["worker-done"]


def test_states_of_a_real_run_are_read_from_requests() -> None:
    builder = TraceBuilder(Header("t", "real"))
    builder.tables.threads.append(ThreadInfo("main"))
    builder.tables.objects += [ObjectInfo("Queue", "jobs"), ObjectInfo("Condition", "changed")]
    builder.add(0, Op.BEGIN, time_ns=0)
    builder.add(0, Op.REQUEST, 0, time_ns=10, extra={"operation": "Queue.get"})
    builder.add(0, Op.GET, 0, time_ns=30)
    builder.add(0, Op.WAIT, 1, time_ns=40)
    builder.add(0, Op.WAKE, 1, time_ns=50)
    builder.add(0, Op.SLEEP, time_ns=60, extra={"seconds": 1e-8})
    builder.add(0, Op.MARK, time_ns=90, extra="request 1")
    builder.add(0, Op.END, time_ns=100)
    trace = builder.build()
    assert [(each.start, each.end, each.doing.value, each.about) for each in lanes(trace)[0].intervals] == [
        (0, 10, "running or ready", ""),
        (10, 30, "blocked", "Queue.get of jobs"),
        (30, 40, "running or ready", ""),
        (40, 50, "blocked", "wait of changed"),
        (50, 60, "running or ready", ""),
        (60, 70, "sleeping", ""),
        (70, 100, "running or ready", ""),
    ]
    assert any("does not show who had a core" in note for note in timeline(trace).notes)


def test_waiting_for_a_thread_to_end_is_not_contention() -> None:
    builder = TraceBuilder(Header("t", "timed"))
    builder.tables.threads += [ThreadInfo("main"), ThreadInfo("worker")]
    builder.tables.objects.append(ObjectInfo("Thread", "worker", thread=1))
    builder.add(0, Op.RUN, time_ns=0)
    builder.add(0, Op.BLOCK, 0, time_ns=10)
    builder.add(0, Op.END, time_ns=30)
    assert lanes(builder.build())[0].intervals[-1] == Interval(10, 30, Doing.JOIN, "waiting for worker")


def test_a_thread_blocked_for_ever_stays_blocked_to_the_end() -> None:
    builder = TraceBuilder(Header("t", "timed"))
    builder.tables.threads += [ThreadInfo("stuck"), ThreadInfo("free")]
    builder.tables.objects.append(ObjectInfo("Lock", "lock"))
    builder.add(0, Op.RUN, time_ns=0)
    builder.add(0, Op.BLOCK, 0, time_ns=10)
    builder.add(1, Op.RUN, time_ns=10)
    builder.add(1, Op.END, time_ns=100)
    assert lanes(builder.build())[0].intervals[-1] == Interval(10, 100, Doing.BLOCKED, "waiting for lock")


def test_steps_and_holds_of_an_explored_trace() -> None:
    first, second = step_lanes(explored_trace())
    assert [(step.step, step.operation, step.object, step.kind) for step in first.steps] == [
        (1, "acquire", "left", "take"),
        (3, "acquire", "right", "blocked"),
    ]
    assert [(hold.start, hold.end, hold.object) for hold in second.holds] == [(2, 5, "right")]
    drawn = timeline(explored_trace())
    assert drawn.rows[0].cells == ["2", "acquire right, blocked (bank.py:12)", "left"]
    assert drawn.plot.count('class="hold"') == 2


def test_a_lock_released_by_another_thread_is_held_no_longer() -> None:
    builder = TraceBuilder(Header("t", "explored"))
    builder.tables.threads += [ThreadInfo("taker"), ThreadInfo("giver")]
    builder.tables.objects.append(ObjectInfo("Lock", "lock"))
    builder.add(0, Op.ACQUIRE, 0)
    builder.add(1, Op.RELEASE, 0)
    taker, giver = step_lanes(builder.build())
    assert [(hold.start, hold.end) for hold in taker.holds] == [(1, 2)]
    assert giver.holds == []


def test_a_long_execution_is_drawn_from_its_end() -> None:
    builder = TraceBuilder(Header("t", "explored"))
    builder.tables.threads.append(ThreadInfo("main"))
    for _ in range(3000):
        builder.add(0, Op.ATOMIC)
    drawn = timeline(builder.build(), 1000)
    assert drawn.plot.count("<rect") == 500
    assert 'data-t="3000 3001"' in drawn.plot
    assert "Drawn are the last 500 of 3,000 steps." in drawn.notes
    assert drawn.view == (2942, 3002)


def test_a_crowded_timeline_keeps_its_budget_and_says_so() -> None:
    trace = timed_trace(4, 200)
    assert timeline(trace, 4000).notes == []
    drawn = timeline(trace, 400)
    assert drawn.plot.count("<rect") <= 400
    assert "drawn together" in drawn.notes[0]


@given(
    st.lists(st.tuples(st.integers(1, 50), st.sampled_from(list(Doing)), st.booleans()), max_size=60),
    st.integers(1, 120),
)
def test_drawing_states_together_keeps_every_state_its_time(
    pieces: list[tuple[int, Doing, bool]], resolution: int
) -> None:
    intervals: list[Interval] = []
    time = 0
    for length, doing, gap in pieces:
        time += 5 if gap else 0
        intervals.append(Interval(time, time + length, doing))
        time += length
    kept, mixtures = condensed(Lane("main", intervals, []), resolution)
    for doing in Doing:
        before = sum(each.end - each.start for each in intervals if each.doing is doing)
        after = sum(each.end - each.start for each in kept if each.doing is doing)
        assert before == after + sum(mixture.time_in.get(doing, 0) for mixture in mixtures)
    spans = sorted((each.start, each.end) for each in (*kept, *mixtures))
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert all(sum(mixture.time_in.values()) == mixture.end - mixture.start <= resolution for mixture in mixtures)


def test_the_picture_is_also_a_table() -> None:
    drawn = timeline(timed_trace(1, 1))
    assert drawn.columns == ["running", "ready", "blocked"]
    assert drawn.rows[0].cells == ["4.00 µs", "3.00 µs", "3.00 µs"]


# Two traces on one axis.


def test_both_sides_begin_at_zero_on_one_axis() -> None:
    traces = suite_traces(threads=2, rounds=3)
    drawn = timeline_pair(traces)
    lengths = {name: end_ns(trace) - first_ns(trace) for name, trace in traces.items()}
    assert first_ns(traces["real"]) == 5_000_000
    assert (drawn.start, drawn.end) == (0, max(lengths.values()))
    whole = re.findall(r'<rect class="whole side-\d"[^>]*data-t="(\d+) (\d+)"', drawn.plot)
    assert [(int(start), int(end)) for start, end in whole] == [(0, lengths["simulated"]), (0, lengths["real"])]
    for start, end in re.findall(r'data-t="(\d+) (\d+)"', drawn.plot):
        assert 0 <= int(start) <= int(end) <= drawn.end


def test_the_sides_are_headed_and_every_thread_has_a_lane() -> None:
    drawn = timeline_pair(suite_traces(threads=2, rounds=3))
    assert drawn.names == [
        "simulated",
        "MainThread",
        "worker-0",
        "worker-1",
        "real",
        "MainThread",
        "worker-0",
        "worker-1",
    ]
    assert drawn.heads == [0, 4]
    assert len(drawn.pitch) == len(drawn.names) == drawn.plot.count('class="lane"')
    assert [row.thread for row in drawn.rows][:2] == ["simulated: MainThread", "simulated: worker-0"]


def test_the_lanes_of_a_side_are_those_of_its_trace_alone() -> None:
    traces = suite_traces(threads=2, rounds=3)
    for side, trace in zip(sides_of(traces), traces.values(), strict=True):
        alone = lanes(trace)
        assert [lane.thread for lane in side.lanes] == [lane.thread for lane in alone]
        for lane, other in zip(side.lanes, alone, strict=True):
            assert [each.end - each.start for each in lane.intervals] == [
                each.end - each.start for each in other.intervals
            ]


def test_both_lengths_and_their_difference_are_said() -> None:
    builder = TraceBuilder(Header("t", "timed"))
    builder.tables.threads.append(ThreadInfo("main"))
    builder.add(0, Op.RUN, time_ns=0)
    builder.add(0, Op.END, time_ns=1_100_000)
    longer = builder.build()
    builder = TraceBuilder(Header("t", "real"))
    builder.tables.threads.append(ThreadInfo("main"))
    builder.add(0, Op.BEGIN, time_ns=500)
    builder.add(0, Op.END, time_ns=1_000_500)
    notes = timeline_pair({"simulated": longer, "real": builder.build()}).notes
    assert notes[0] == "Simulated 1.10 ms, real 1.00 ms: of these two single runs the simulated one is 10.0 % longer."


def test_two_crowded_traces_share_the_budget() -> None:
    traces = {"simulated": timed_trace(4, 200), "real": timed_trace(4, 200)}
    drawn = timeline_pair(traces, 400)
    assert drawn.plot.count("<rect") <= 400 + 2
    assert sum("drawn together" in note for note in drawn.notes) == 2

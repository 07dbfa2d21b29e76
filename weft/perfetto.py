"""Export to Chrome's trace JSON, which ui.perfetto.dev and chrome://tracing open: one process a trace, one track a thread.

Times become microseconds from each trace's first event on, so that a simulated and a real run begin together; an
explored trace, which has no time, is laid out with one step a microsecond.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import __version__
from .report_lanes import Doing, Lane, StepLane, end_ns, first_ns, lanes, moved, step_lanes
from .simcore.trace import NOTHING, Op, Trace

_COLOURS = {
    Doing.RUNNING: "thread_state_running",
    Doing.ACTIVE: "thread_state_running",
    Doing.READY: "thread_state_runnable",
    Doing.BLOCKED: "thread_state_uninterruptible",
    Doing.GIL: "thread_state_iowait",
    Doing.JOIN: "thread_state_sleeping",
    Doing.SLEEPING: "thread_state_sleeping",
}
"""Names of chrome://tracing's own palette; Perfetto colours by name and ignores them."""
_WAITING = frozenset({Op.REQUEST, Op.BLOCK})


def export(traces: Mapping[str, Trace]) -> dict[str, Any]:
    """The trace JSON. Keys of ``traces`` name the processes: ``{"simulated": …, "real": …}``.

    Slices of one track never overlap without one holding the other, and events are in the order of their times, as
    both viewers demand (Trace Event Format, "Duration Events" and "Complete Events"). Arrows ("Flow Events") lead from
    what a thread did to the one that waited for it.
    """
    events: list[dict[str, Any]] = []
    described: list[dict[str, Any]] = []
    for process, (name, trace) in enumerate(traces.items(), 1):
        described.append(_metadata(process, 0, "process_name", name))
        described.append(_metadata(process, 0, "process_sort_index", process))
        if trace.header.target:
            described.append(_metadata(process, 0, "process_labels", trace.header.target))
        explored = trace.header.world == "explored"
        found = step_lanes(trace) if explored else [moved(lane, first_ns(trace)) for lane in lanes(trace)]
        tracks = {lane.thread_index: track for track, lane in enumerate(found, 1)}
        for track, lane in enumerate(found, 1):
            described.append(_metadata(process, track, "thread_name", lane.thread))
            described.append(_metadata(process, track, "thread_sort_index", track))
            if isinstance(lane, StepLane):
                events += _steps(lane, process, track, len(trace))
            else:
                events += _states(lane, process, track)
        if not explored and found:
            events += _counter([lane for lane in found if isinstance(lane, Lane)], process)
            events += _arrows(trace, process, tracks)
            # The whole run on a track of its own: two processes differ in length at a glance.
            described.append(_metadata(process, len(found) + 1, "thread_name", "the whole run"))
            described.append(_metadata(process, len(found) + 1, "thread_sort_index", 0))
            length = _microseconds(end_ns(trace) - first_ns(trace))
            if length > 0:
                events.append(_slice(process, len(found) + 1, 0.0, length, f"{name} run", cat="run"))
    # Stable, and longer slices first: of two that begin together the outer one must come first.
    events.sort(key=lambda event: (event["ts"], -event.get("dur", 0)))
    return {
        "traceEvents": described + events,
        "displayTimeUnit": "ns",
        "otherData": {
            "weft": __version__,
            **{f"{name} target": trace.header.target for name, trace in traces.items()},
        },
    }


def write(path: str | Path, traces: Mapping[str, Trace]) -> Path:
    """Write :func:`export` to ``path``.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    path.write_text(json.dumps(export(traces), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    return path


def _metadata(process: int, thread: int, name: str, value: str | int) -> dict[str, Any]:
    key = {"process_labels": "labels"}.get(name, "sort_index" if name.endswith("sort_index") else "name")
    return {"ph": "M", "pid": process, "tid": thread, "name": name, "args": {key: value}}


def _microseconds(nanoseconds: int) -> float:
    """Exact to the nanosecond for traces shorter than 52 days: a float keeps 53 bits."""
    return nanoseconds / 1000


def _slice(process: int, thread: int, start: float, end: float, name: str, **more: Any) -> dict[str, Any]:
    return {"ph": "X", "pid": process, "tid": thread, "ts": start, "dur": end - start, "name": name, **more}


def _states(lane: Lane, process: int, thread: int) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for interval in lane.intervals:
        args = {key: value for key, value in (("about", interval.about), ("at", interval.at)) if value}
        name = f"{interval.doing.value}: {interval.about}" if interval.about else interval.doing.value
        start, end = interval.start, interval.end
        event = _slice(process, thread, _microseconds(start), _microseconds(end), name, cat=interval.doing.value)
        # The difference of two rounded ends may round past the next slice's start; the integer difference does not.
        event |= {"dur": _microseconds(end - start), "cname": _COLOURS[interval.doing], "args": args}
        events.append(event)
    for moment in lane.moments:
        instant = {"ph": "i", "pid": process, "tid": thread, "ts": _microseconds(moment.time), "s": "t"}
        events.append(instant | {"name": moment.text, "cat": "failure" if moment.failure else "mark"})
    return events


def _counter(found: Sequence[Lane], process: int) -> list[dict[str, Any]]:
    """How many threads run, over time; only where the machine's moves are known."""
    changes: dict[int, int] = {}
    for lane in found:
        for interval in lane.intervals:
            if interval.doing is Doing.RUNNING:
                changes[interval.start] = changes.get(interval.start, 0) + 1
                changes[interval.end] = changes.get(interval.end, 0) - 1
    running = 0
    events: list[dict[str, Any]] = []
    for time, change in sorted(changes.items()):
        if change:
            running += change
            event = {"ph": "C", "pid": process, "tid": 0, "ts": _microseconds(time), "name": "threads running"}
            events.append(event | {"args": {"threads": running}})
    return events


def _arrows(trace: Trace, process: int, tracks: Mapping[int, int]) -> list[dict[str, Any]]:
    """From the last thing that another thread did to an object to the thread that waited for it, when it goes on.

    A wait that ended without anybody's doing, by a time-out say, has no arrow.
    """
    origin = first_ns(trace)
    ends = {row.thread: index for index, row in enumerate(trace.tables.objects) if row.thread != NOTHING}
    latest: dict[int, tuple[int, int, Op]] = {}
    waiting: dict[int, tuple[int, int]] = {}
    events: list[dict[str, Any]] = []
    for event in trace:
        time = max((event.time_ns or 0) - origin, 0)
        target, since = waiting.pop(event.thread, (NOTHING, 0))
        waker, when, operation = latest.get(target, (event.thread, 0, event.operation))
        if target != NOTHING and event.operation not in _WAITING and waker != event.thread and since <= when <= time:
            link = {"cat": "wakes", "name": operation.label, "pid": process, "id": f"{process}.{event.index}"}
            events.append(link | {"ph": "s", "tid": tracks[waker], "ts": _microseconds(when)})
            events.append(link | {"ph": "f", "bp": "e", "tid": tracks[event.thread], "ts": _microseconds(time)})
        if event.operation in _WAITING and event.object != NOTHING:
            # A request and the machine's own BLOCK are one wait, from the first of the two on.
            waiting[event.thread] = (event.object, since if target == event.object else time)
        changed = ends.get(event.thread, NOTHING) if event.operation is Op.END else event.object
        if changed != NOTHING and event.operation not in _WAITING:
            latest[changed] = (event.thread, time, event.operation)
    return events


def _steps(lane: StepLane, process: int, thread: int, count: int) -> list[dict[str, Any]]:
    """Each step a slice of one microsecond; a blocked request lasts until the thread's next step or the end."""
    events: list[dict[str, Any]] = []
    for step, following in zip(lane.steps, [*lane.steps[1:], None], strict=True):
        end = step.step + 1
        if step.kind == "blocked":
            end = count + 2 if following is None else following.step
        name = " ".join(part for part in (step.operation, step.object) if part)
        args: dict[str, Any] = {"step": step.step, "at": step.at}
        events.append(_slice(process, thread, float(step.step), float(end), name, cat=step.kind, args=args))
    return events

"""Export to Chrome's trace JSON, which ui.perfetto.dev and chrome://tracing open: one process a trace, one track a thread.

Times become microseconds; an explored trace, which has no time, is laid out with one step a microsecond.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import __version__
from .report_lanes import Doing, Lane, StepLane, lanes, step_lanes
from .simcore.trace import Trace

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


def export(traces: Mapping[str, Trace]) -> dict[str, Any]:
    """The trace JSON. Keys of ``traces`` name the processes: ``{"simulated": …, "real": …}``.

    Slices of one track never overlap without one holding the other, and events are in the order of their times, as
    both viewers demand (Trace Event Format, "Duration Events" and "Complete Events").
    """
    events: list[dict[str, Any]] = []
    described: list[dict[str, Any]] = []
    for process, (name, trace) in enumerate(traces.items(), 1):
        described.append(_metadata(process, 0, "process_name", name))
        described.append(_metadata(process, 0, "process_sort_index", process))
        explored = trace.header.world == "explored"
        for thread, lane in enumerate(step_lanes(trace) if explored else lanes(trace), 1):
            described.append(_metadata(process, thread, "thread_name", lane.thread))
            described.append(_metadata(process, thread, "thread_sort_index", thread))
            if isinstance(lane, StepLane):
                events += _steps(lane, process, thread, len(trace))
            else:
                events += _states(lane, process, thread)
        if not explored:
            events += _counter(trace, process)
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
    key = "sort_index" if name.endswith("sort_index") else "name"
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


def _counter(trace: Trace, process: int) -> list[dict[str, Any]]:
    """How many threads run, over time; only where the machine's moves are known."""
    changes: dict[int, int] = {}
    for lane in lanes(trace):
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

"""``weft record``: run a program for real in a child process and keep the trace of its synchronisation.

A deadlock is a result like any other: the child is stopped, the trace says who is blocked on what. Nothing here
judges what it means; that is for the checkers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..checkers.finding import Hold, ThreadState, Wait
from ..simcore import naming
from ..simcore.target import TargetError
from ..simcore.trace import Event, Op, Tables, Trace, TraceError, load
from .children import GRACE_SECONDS, Child, ending

Status = Literal["finished", "failed", "deadlock", "timeout", "killed", "interrupted"]


class RecordError(Exception):
    """Nothing could be recorded; the message says why and what to do."""


class RecorderFault(RecordError):
    """Something of ours failed in the recording process; the message is its traceback."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded run.

    ``status`` is ``finished``, ``failed`` (an uncaught exception in the main thread), ``deadlock`` (every thread was
    blocked for good), ``timeout``, ``killed`` (a signal, ``os._exit``) or ``interrupted`` (Ctrl-C here). ``threads``
    are those that were blocked at the end, with what they hold. ``exit_code`` is the program's own. ``notes`` says what
    the trace leaves out.
    """

    path: Path
    status: Status
    message: str
    exit_code: int
    seconds: float
    trace: Trace
    threads: list[ThreadState]
    notes: tuple[str, ...] = ()


def record(
    target: str,
    parameters: dict[str, Any] | None = None,
    output: str | Path = "trace.weft",
    timeout_seconds: float = 60.0,
    argv: Sequence[str] = (),
    *,
    version: str = "",
    quiet: bool = False,
    accesses: bool = False,
    instrument: Sequence[str] = (),
) -> Recording:
    """Run ``target`` once, for real, in a child process, and write its trace to ``output`` (``.weft`` or ``.jsonl``).

    While it runs, the trace grows in ``output`` + ``.part``, which can be read even when everything is killed.
    The program keeps its own standard streams (``quiet`` throws its output away). It is stopped after
    ``timeout_seconds``, and half a second after every one of its threads is blocked without a time limit.
    ``accesses`` records accesses to variables that several threads touch, too, in the program's own modules and those
    that ``instrument`` names.

    Raises:
        TargetError: the target cannot be found, read or called.
        RecordError: the trace cannot be written, a bad limit, or the program ended before anything was recorded.
        RecorderFault: a fault of ours.
    """
    if not timeout_seconds > 0:
        raise RecordError(f"the time limit is {timeout_seconds!r} s; it must be more than 0")
    output = Path(output)
    raw = output.with_name(output.name + ".part")
    _check_writable(raw)
    job = {
        "kind": "record",
        "target": target,
        "parameters": parameters or {},
        "argv": list(argv),
        "output": str(raw),
        "timeout_seconds": timeout_seconds,
        "weft": version,
        "accesses": accesses,
        "instrument": list(instrument),
    }
    sink = open(os.devnull, "wb") if quiet else None  # noqa: SIM115 - closed below
    begin = time.monotonic()
    interrupted = False
    try:
        with Child(job, stdout=sink, stderr=sink) as child:
            try:
                answer = child.answer(timeout_seconds + GRACE_SECONDS)
                code = child.wait(GRACE_SECONDS)
            except KeyboardInterrupt:
                # At a terminal the program got the signal, too, and may still write what it has.
                interrupted = True
                answer, code = child.answer(GRACE_SECONDS), child.wait(GRACE_SECONDS)
    finally:
        if sink is not None:
            sink.close()
    seconds = time.monotonic() - begin
    if answer is not None and answer["status"] == "usage":
        raw.unlink(missing_ok=True)
        raise TargetError(answer["message"])
    if answer is not None and answer["status"] == "internal" and not interrupted:
        raw.unlink(missing_ok=True)
        raise RecorderFault(answer["message"])
    trace = _finish_file(raw, output, {} if answer is None else answer.get("names", {}))
    threads = blocked_threads(trace)
    status, exit_code = ("interrupted", 130) if interrupted else _status(answer, code)
    message = _message(status, exit_code, answer, threads, timeout_seconds, len(trace))
    notes = () if answer is None else tuple(answer.get("notes", ()))
    return Recording(output, status, message, exit_code, seconds, trace, threads, notes)


def _check_writable(path: Path) -> None:
    try:
        path.open("wb").close()
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror}; choose another place for the trace") from error


def _status(answer: dict[str, Any] | None, code: int | None) -> tuple[Status, int]:
    if answer is not None:
        return answer["status"], answer["exit_code"]
    if code is None:
        return "timeout", 0
    return "killed", code


def _message(
    status: Status,
    exit_code: int,
    answer: dict[str, Any] | None,
    threads: list[ThreadState],
    timeout_seconds: float,
    events: int,
) -> str:
    blocked = "; ".join(_sentence(thread) for thread in threads)
    if status == "deadlock":
        return f"deadlock: every thread is blocked for ever: {blocked}"
    if status == "timeout":
        where = f"; blocked then: {blocked}" if blocked else "; no thread was blocked then"
        return f"stopped after the time limit of {timeout_seconds:g} s{where}"
    if status == "interrupted":
        return f"interrupted; recorded up to then: {events} events"
    if status == "killed":
        return f"the program {ending(exit_code)}; recorded up to the last {events} events"
    if status == "failed":
        return f"the program failed: {'' if answer is None else answer['message']}"
    return f"the program ended with exit code {exit_code}"


def _sentence(thread: ThreadState) -> str:
    assert thread.waits is not None
    holds = ", ".join(f"{hold.object} ({hold.at})" for hold in thread.holds)
    detail = f", {thread.waits.detail}" if thread.waits.detail else ""
    wants = f"wants {thread.waits.object} ({thread.waits.operation} at {thread.waits.at}{detail})"
    return f"{thread.name} holds {holds}, {wants}" if holds else f"{thread.name} {wants}"


def _finish_file(raw: Path, output: Path, names: dict[str, str]) -> Trace:
    """Put the chunks into one order of time, give objects their final names, and write the file anew."""
    import numpy as np

    try:
        written = load(raw)
    except TraceError as error:
        raw.unlink(missing_ok=True)
        raise RecordError(f"the program ended before anything was recorded ({error})") from error
    columns = _reads_later(written.columns[np.argsort(written.columns["time_ns"], kind="stable")])
    tables = _renamed(written.tables, names)
    trace = Trace(written.header, tables, columns, written.note)
    finished = output.with_name(f".{output.name}.new{output.suffix}")
    trace.save(finished)
    os.replace(finished, output)
    raw.unlink()
    return trace


def _reads_later(columns: Any) -> Any:
    """Move each read of a variable to right before the next event of its thread.

    It was stamped before it happened, and happened before that event; so it stands behind every write it may have seen.
    """
    import numpy as np

    if not (columns["operation"] == Op.READ).any():
        return columns
    by_thread = np.argsort(columns["thread"], kind="stable")
    times = columns["time_ns"].copy()
    here, after = by_thread[:-1], by_thread[1:]
    moved = (columns["operation"][here] == Op.READ) & (columns["thread"][here] == columns["thread"][after])
    times[here[moved]] = columns["time_ns"][after[moved]]
    columns["time_ns"] = times
    return columns[np.argsort(times, kind="stable")]


def _renamed(tables: Tables, names: dict[str, str]) -> Tables:
    if not names:  # the program was killed: tell objects of one name apart by number
        made = [(index, row) for index, row in enumerate(tables.objects) if row.kind != "Thread"]
        numbered = naming.unique_names([(row.name, False, "", row.name) for _, row in made])
        names = {str(index): name for (index, _), name in zip(made, numbered, strict=True)}
    result = Tables()
    result.extend(tables.rows_after(0, 0, 0, 0))
    result.objects = [replace(row, name=names.get(str(index), row.name)) for index, row in enumerate(tables.objects)]
    return result


_LABELS = {Op.WAIT: "Condition.wait", Op.ARRIVE: "Barrier.wait"}


def blocked_threads(trace: Trace) -> list[ThreadState]:
    """The threads whose last event is a wait that did not end, with the locks they hold.

    Works on any trace of real threads; a thread that merely computes at the end is not among them.
    """
    last: dict[int, Event] = {}
    held: dict[int, tuple[int, int]] = {}
    for event in trace:
        operation = event.operation
        # A future's result may be announced by a note stamped before its callbacks ran: the latest stamp counts.
        last[event.thread] = event
        if event.object < 0:
            continue
        row = trace.tables.objects[event.object]
        if operation is Op.ACQUIRE and row.kind in ("Lock", "RLock"):
            held[event.object] = (event.thread, event.location)
        elif operation is Op.RELEASE:
            held.pop(event.object, None)
        elif operation is Op.WAIT and row.kind == "Condition":
            held.pop(row.part_of, None)
    states: list[ThreadState] = []
    for thread, event in sorted(last.items()):
        wait = _wait(trace, event, held)
        if wait is not None:
            holds = [
                Hold(trace.object_name(target), trace.at(where))
                for target, (owner, where) in held.items()
                if owner == thread
            ]
            states.append(ThreadState(name=trace.thread_name(thread), state="blocked", holds=holds, waits=wait))
    return states


def _wait(trace: Trace, event: Event, held: dict[int, tuple[int, int]]) -> Wait | None:
    kind = trace.tables.objects[event.object].kind if event.object >= 0 else ""
    if event.operation is Op.REQUEST:
        label = event.extra["operation"] if event.extra else "acquire"
    elif event.operation in _LABELS and kind in ("Condition", "Barrier"):
        label = _LABELS[event.operation]
    else:
        return None
    owner = held.get(event.object)
    detail = f"held by {trace.thread_name(owner[0])}" if owner is not None else ""
    return Wait(trace.object_name(event.object), label, trace.at(event.location), detail)

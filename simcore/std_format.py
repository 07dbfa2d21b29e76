"""Traces in the STD format of the RAPID tools: one event a line, ``T1|acq(L1)|12``.

It knows threads, locks and variables; everything else of a trace is exported as reads and writes that keep its order.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from .trace import NOTHING, Event, Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder, TraceError

OPERATIONS = {
    "r": Op.READ,
    "w": Op.WRITE,
    "acq": Op.ACQUIRE,
    "rel": Op.RELEASE,
    "fork": Op.START,
    "join": Op.JOIN,
    "req": Op.REQUEST,
}
"""RAPID's operations on memory, locks and threads, and ``req``: the thread asks for the lock and may have to wait."""
_LABELS = {op: label for label, op in OPERATIONS.items()}
_LINE = re.compile(r"([^|()\s]+)\|(\w+)\(([^|]*)\)(?:\|(.*))?")
_PLACE = re.compile(r"(.+):(\d+)")
_MESSAGE_MAX = 60

_PUBLISHING = frozenset({Op.SET, Op.CLEAR, Op.PUT, Op.NOTIFY, Op.TASK_DONE, Op.SUBMIT, Op.CLOSE, Op.ABORT, Op.CANCEL})
_OBSERVING = frozenset({Op.WAKE, Op.RESULT, Op.TIMEOUT, Op.PUT_FAILED, Op.GET_FAILED, Op.ACQUIRE_FAILED})
_BOTH = frozenset({Op.GET, Op.RUN, Op.ARRIVE, Op.DEPART, Op.ATOMIC})


def loads(text: str, name: str = "trace.std") -> Trace:
    """The trace written in ``text``; ``name`` stands for the file in messages and locations.

    The location field may be a number, ``file:line``, empty or missing. A lock that its holder takes again becomes an
    RLock. Empty lines and lines that begin with ``#`` are skipped.

    Raises:
        TraceError: a line is malformed or has an unknown operation; the message gives its number.
    """
    builder = TraceBuilder(Header(name, "real"))
    tables = builder.tables
    threads: dict[str, int] = {}
    thread_objects: dict[str, int] = {}
    objects: dict[tuple[str, str], int] = {}
    depth: dict[tuple[int, int], int] = {}

    def thread_of(label: str, parent: int = NOTHING) -> int:
        if label not in threads:
            threads[label] = len(tables.threads)
            tables.threads.append(ThreadInfo(label, parent))
        return threads[label]

    def object_of(kind: str, label: str) -> int:
        index = objects.get((kind, label))
        if index is None:
            index = objects[kind, label] = len(tables.objects)
            tables.objects.append(ObjectInfo(kind, label))
        return index

    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or not match[3]:
            raise TraceError(
                f"{name}:{number}: not an event of the STD format: {line[:_MESSAGE_MAX]!r}; "
                "a line reads T<thread>|<op>(<operand>)|<location>"
            )
        label, operation, operand, place = match[1], OPERATIONS.get(match[2]), match[3].strip(), match[4] or ""
        if operation is None:
            raise TraceError(f"{name}:{number}: unknown operation {match[2]!r}; known are {', '.join(OPERATIONS)}")
        thread = thread_of(label)
        if operation in (Op.START, Op.JOIN):
            other = thread_of(operand, thread if operation is Op.START else NOTHING)
            if operand not in thread_objects:
                thread_objects[operand] = len(tables.objects)
                tables.objects.append(ObjectInfo("Thread", operand, thread=other))
            target = thread_objects[operand]
        elif operation in (Op.READ, Op.WRITE):
            target = object_of("Variable", operand)
        else:
            target = object_of("Lock", operand)
            _count_level(builder, depth, operation, thread, target)
        extra = {"operation": "acquire"} if operation is Op.REQUEST else None
        builder.add(thread, operation, target, _location(builder, name, place.strip()), extra=extra)
    return builder.build()


def _count_level(
    builder: TraceBuilder, depth: dict[tuple[int, int], int], operation: Op, thread: int, target: int
) -> None:
    level = depth.get((thread, target), 0)
    if operation is Op.ACQUIRE:
        depth[thread, target] = level + 1
        if level:
            builder.tables.objects[target] = replace(builder.tables.objects[target], kind="RLock")
    elif operation is Op.RELEASE and level:
        depth[thread, target] = level - 1


def _location(builder: TraceBuilder, name: str, place: str) -> int:
    if not place:
        return NOTHING
    if place.isascii() and place.isdigit():
        return builder.tables.location(name, int(place))
    match = _PLACE.fullmatch(place)
    return builder.tables.location(match[1], int(match[2])) if match else builder.tables.location(place, 0)


def load(path: str | Path) -> Trace:
    """Read an STD file.

    Raises:
        TraceError: it cannot be read, is not text, holds no event, or a line is not of the format.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TraceError(f"cannot read the trace {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TraceError(f"{path} is not an STD trace: it is not text") from error
    trace = loads(text, str(path))
    if not len(trace):
        raise TraceError(f"{path} holds no event")
    return trace


def dumps(trace: Trace) -> str:
    """The trace as STD text.

    Threads, locks and variables keep names that the format can hold, others are numbered. What the format has no word
    for becomes a write, a read, or both, of a variable named after the object, so that no order is lost:
    ``Event.set`` a write, ``wait`` a read. ``Condition.wait`` releases its lock. Begin, end, sleep and the like leave no line.
    """
    threads = _names([row.name for row in trace.tables.threads], "T")
    objects = _names([row.name for row in trace.tables.objects], "V")
    lines: list[str] = []
    for event in trace:
        place = _place(trace, event)
        for operation, operand in _operations(trace, event, threads, objects):
            lines.append(f"{threads[event.thread]}|{operation}({operand})|{place}\n")
    return "".join(lines)


def save(trace: Trace, path: str | Path) -> None:
    """Write :meth:`dumps` to a file."""
    Path(path).write_text(dumps(trace), encoding="utf-8")


def _names(names: list[str], prefix: str) -> list[str]:
    """Names that fit between the format's signs, each different."""
    found: list[str] = []
    used = set(names)
    for index, name in enumerate(names):
        if re.fullmatch(r"[^|()\s#][^|()\s]*", name) and name not in found:
            found.append(name)
            continue
        number = index
        while f"{prefix}{number}" in used:
            number += len(names)
        used.add(f"{prefix}{number}")
        found.append(f"{prefix}{number}")
    return found


def _place(trace: Trace, event: Event) -> str:
    """A number for the trace's own file, which is what RAPID reads; else ``file:line``."""
    if event.location == NOTHING:
        return ""
    row = trace.tables.locations[event.location]
    if row.file == trace.header.target:
        return str(row.line)
    return f"{Path(row.file).name}:{row.line}".replace("|", "/")


def _operations(trace: Trace, event: Event, threads: list[str], objects: list[str]) -> list[tuple[str, str]]:
    op, target = event.operation, event.object
    if target == NOTHING:
        return []
    info = trace.tables.objects[target]
    name = objects[target]
    if op in (Op.START, Op.JOIN) and info.kind == "Thread":
        return [(_LABELS[op], threads[info.thread])] if info.thread != NOTHING else []
    if info.kind == "Thread":
        return []
    if op in (Op.READ, Op.WRITE, Op.ACQUIRE, Op.RELEASE):
        return [(_LABELS[op], name)]
    if op is Op.REQUEST:
        return [("req", name)] if info.kind in ("Lock", "RLock") else []
    if op is Op.WAIT and info.kind == "Condition" and info.part_of != NOTHING:
        return [("rel", objects[info.part_of])]
    if op in _PUBLISHING:
        return [("w", name)]
    if op in _OBSERVING or op in (Op.WAIT, Op.JOIN):
        return [("r", name)]
    return [("r", name), ("w", name)] if op in _BOTH else []

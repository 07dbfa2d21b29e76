"""What is written down about a run in virtual time: places, names, waiting times, the trace and the result.

It is told what happened and when; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, cast

from . import naming
from .recorder import TOLD_APART
from .takeover import is_library
from .threads import VirtualThread
from .trace import NOTHING, Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder
from .world import Operation, Primitive


@dataclass(frozen=True, slots=True)
class ThreadTimes:
    """Where one thread spent its time, in nanoseconds by state.

    The states are ``machine.STATE_NAMES`` and ``idle``, which is taken out of ``lock wait``: waiting for other threads
    to finish, or for a pool to have work.
    """

    name: str
    time_in: dict[str, int]


@dataclass(frozen=True, slots=True)
class ObjectWait:
    """How long threads waited in all for the objects made at one place, ``at`` (``file.py:12``).

    ``idle_ns`` is the part in which nobody was in the way.
    """

    kind: str
    name: str
    at: str
    waits: int
    total_ns: int
    idle_ns: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A user mark at a virtual time."""

    time_ns: int
    thread: str
    text: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """A thread that waits for ever in virtual time."""

    thread: str
    waits_for: str


@dataclass(frozen=True, slots=True)
class TimedRun:
    """What one run in virtual time came to.

    ``makespan_ns`` ends when the last non-daemon thread does. ``stuck`` is non-empty after a deadlock, ``gave_up`` and
    ``refusal`` say why a run was stopped early; the times are then those up to that moment.
    """

    makespan_ns: int
    cores: int
    gil: bool
    threads: list[ThreadTimes]
    waits: list[ObjectWait]
    marks: list[Mark]
    stuck: list[Stuck]
    failures: list[tuple[str, BaseException]]
    gave_up: str
    refusal: str
    operations: int
    slices: int
    limits: list[str]
    disturbance: float = 0.0
    """The share of real time in which this process waited for a core: measured segments are that much too long."""
    trace: Trace | None = None
    prioritised: bool = False
    """Threads had priorities (``weft.priority``)."""

    @property
    def completed(self) -> bool:
        return not (self.stuck or self.gave_up or self.refusal)

    @property
    def utilisation(self) -> float:
        """The share of the cores' time that was used."""
        return sum(thread.time_in["running"] for thread in self.threads) / (self.cores * max(self.makespan_ns, 1))


class Place:
    """Where an object was made: what :func:`naming.creation_name` needs of a frame that has gone on since."""

    __slots__ = ("f_code", "f_lasti", "f_lineno")

    def __init__(self, frame: FrameType) -> None:
        self.f_code = frame.f_code
        self.f_lasti = frame.f_lasti
        self.f_lineno = frame.f_lineno

    def __str__(self) -> str:
        return f"{self.f_code.co_filename.rsplit('/', 1)[-1]}:{self.f_lineno}"

    def name(self) -> tuple[str, bool]:
        return naming.creation_name(cast(FrameType, self))


def user_place(frame: FrameType | None) -> Place | None:
    """The innermost line of the user's that led to ``frame``."""
    while frame is not None:
        if not is_library(frame.f_code.co_filename):
            return Place(frame)
        frame = frame.f_back
    return None


class Record:
    """Collects one run. Events are kept only with a trace header."""

    def __init__(self, header: Header | None) -> None:
        self.builder = None if header is None else TraceBuilder(header)
        self._places: dict[int, tuple[Primitive, Place | None]] = {}
        """By id, since an object may register before it can be hashed; kept alive so that its id stays its own."""
        self._objects: dict[Primitive, int] = {}
        self._waits: dict[Primitive, list[int]] = {}

    def made(self, primitive: Primitive, frame: FrameType) -> None:
        self._places[id(primitive)] = (primitive, user_place(frame))

    def _place(self, primitive: Primitive) -> Place | None:
        found = self._places.get(id(primitive))
        return None if found is None else found[1]

    def thread(self, thread: VirtualThread) -> None:
        if self.builder is not None:
            parent = NOTHING if thread.parent is None else thread.parent.index
            self.builder.tables.threads.append(ThreadInfo(thread.name, parent, thread.daemon))

    def location(self, frame: FrameType) -> int:
        place = user_place(frame)
        return NOTHING if place is None else self._location(place)

    def _location(self, place: Place) -> int:
        assert self.builder is not None
        code = place.f_code
        return self.builder.tables.location(code.co_filename, place.f_lineno, code.co_qualname)

    def event(self, thread: int, operation: Operation, op: Op, location: int, time_ns: int, result: Any) -> None:
        """An operation took effect, or began to wait."""
        assert self.builder is not None
        outcome = int(result) if isinstance(result, int) and -(1 << 15) <= result < 1 << 15 else 0
        extra: Any = None
        if op in (Op.REQUEST, Op.BLOCK) or (op in (Op.ATOMIC, Op.CANCEL) and operation.label in TOLD_APART):
            extra = {"operation": operation.label}
            if op is Op.REQUEST and operation.timeout is not None:
                extra["alive"] = True  # it ends by itself
        elif op is Op.RELEASE and getattr(operation, "count", 1) > 1:
            extra = {"count": getattr(operation, "count", 1)}
        elif operation.timeout is not None and op in (Op.ACQUIRE, Op.JOIN, Op.RESULT):
            extra = {"blocking": "timed" if operation.timeout else "try"}
        self.builder.add(thread, op, self._object(operation.target), location, time_ns, outcome, extra)

    def _object(self, primitive: Primitive) -> int:
        index = self._objects.get(primitive)
        if index is None:
            assert self.builder is not None
            parent = primitive.part_of()
            part_of = NOTHING if parent is None else self._object(parent)
            objects = self.builder.tables.objects
            index = self._objects[primitive] = len(objects)
            place = self._place(primitive)
            site = NOTHING if place is None else self._location(place)
            thread = primitive.index if isinstance(primitive, VirtualThread) else NOTHING
            objects.append(ObjectInfo(primitive.kind, "", site, 0, thread, primitive.capacity(), part_of))
        return index

    def waited(self, primitive: Primitive, duration_ns: int, idle: bool) -> None:
        """A thread has waited for ``primitive`` and goes on."""
        found = self._waits.get(primitive)
        if found is None:
            found = self._waits[primitive] = [0, 0, 0]
        found[0] += 1
        found[1] += duration_ns
        if idle:
            found[2] += duration_ns

    def name(self, primitive: Primitive) -> str:
        """The user's name for an object, by the statement that made it; its kind when there is none."""
        if isinstance(primitive, VirtualThread):
            return primitive.name
        place = self._place(primitive)
        name = "" if place is None else place.name()[0]
        parent = primitive.part_of()
        if not name and parent is not None:
            return self.name(parent)
        return name or primitive.kind

    def at(self, primitive: Primitive) -> str:
        """The line that made it, or an empty string."""
        place = self._place(primitive)
        return "" if place is None else str(place)

    def waits(self) -> list[ObjectWait]:
        """Waiting per object, longest first; objects of one kind made at one place are taken together."""
        together: dict[tuple[str, str, str], list[int]] = {}
        for primitive, counted in self._waits.items():
            found = together.setdefault((primitive.kind, self.name(primitive), self.at(primitive)), [0, 0, 0])
            for position, value in enumerate(counted):
                found[position] += value
        rows = [ObjectWait(*key, *counted) for key, counted in together.items()]
        return sorted(rows, key=lambda row: -row.total_ns)

    def trace(self) -> Trace | None:
        if self.builder is None:
            return None
        tables = self.builder.tables
        names = naming.unique_names([self._candidate(primitive) for primitive in self._objects])
        tables.objects = [replace(info, name=name) for info, name in zip(tables.objects, names, strict=True)]
        return self.builder.build()

    def _candidate(self, primitive: Primitive) -> tuple[str, bool, str, str]:
        place = self._place(primitive)
        if isinstance(primitive, VirtualThread) or place is None:
            return "", False, "", self.name(primitive)
        return *place.name(), "", f"{primitive.kind} ({place})"


def total_time_in(threads: Iterable[ThreadTimes]) -> dict[str, int]:
    """The times of all threads added up, by state."""
    total: dict[str, int] = {}
    for thread in threads:
        for state, duration_ns in thread.time_in.items():
            total[state] = total.get(state, 0) + duration_ns
    return total

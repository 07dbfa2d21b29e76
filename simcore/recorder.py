"""Records one execution of the explored world in full: every step with its place, every object with its name.

Exploration itself runs without it; an execution worth showing is repeated with a recorder as its observer.
"""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import Any

from . import naming
from .access import AccessMonitor
from .directory import label_of
from .explored import ExploredWorld, Outcome
from .hooks import SITES, Site
from .reachable import reachable_from
from .takeover import is_library
from .target import Target
from .threads import VirtualThread
from .trace import NOTHING, Header, Location, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder
from .variables import WRITES, Container, MemoryAccess, Variable, Write
from .world import Operation, Primitive

for _late in ("ast", "unicodedata", "_suggestions"):
    # traceback imports these when it formats some errors; in a world that is over, an import's lock cannot be taken.
    with suppress(ImportError):
        import_module(_late)


def user_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of the user's code, going outwards from ``frame``."""
    while frame is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


class Recorder:
    """An observer that builds the trace. After the execution :meth:`trace` gives it."""

    def __init__(self, header: Header, target: Target | None = None) -> None:
        self.builder = TraceBuilder(header)
        self.target = target
        self.labels: list[str] = []
        """The operation of every step, for replay files."""
        self.blocked_labels: list[str] = []
        self._objects: list[Primitive] = []
        self._index: dict[int, int] = {}
        self._made: list[tuple[str, bool, str, int]] = []
        self._paths: dict[int, str] = {}
        self._locations: dict[int, int] = {}
        self._threads: list[VirtualThread] = []
        self._cache: dict[tuple[int, int], int] = {}
        self._codes: list[Any] = []
        self._monitor: AccessMonitor | None = None
        self._variable_names: dict[int, str] = {}
        self._wrote_at: dict[int, int] = {}
        """Per variable, the row of its last write, which does not know yet what it left behind."""

    # What the world reports.

    def registered(self, primitive: Primitive) -> None:
        if isinstance(primitive, VirtualThread):
            return
        frame = user_frame(sys._getframe(2))
        name, many, site = "", False, NOTHING
        if frame is not None:
            name, many = naming.creation_name(frame)
            site = self._location(frame)
        self._add(primitive, name, many, site)

    def registered_outside(self, primitive: Primitive) -> None:
        self._add(primitive, primitive.given_name(), False, NOTHING)

    def _add(self, primitive: Primitive, name: str, many: bool, site: int) -> int:
        index = self._index.get(id(primitive))
        if index is None:
            index = self._index[id(primitive)] = len(self._objects)
            self._objects.append(primitive)
            at = "" if site == NOTHING else f" ({self.builder.tables.locations[site]})"
            self._made.append((name, many, f"{primitive.kind}{at}", site))
        return index

    def performing(self, thread: VirtualThread, operation: Operation) -> None:
        frame = user_frame(sys._getframe(2))
        self._locations[thread.index] = NOTHING if frame is None else self._location(frame)

    def took(self, thread: VirtualThread, operation: Operation, op: Op, result: Any) -> None:
        self._see(thread)
        self.labels.append(operation.label)
        outcome = int(result) if isinstance(result, bool | int) and abs(int(result)) < 30_000 else 0
        extra = _extra(operation, op)
        if isinstance(operation, MemoryAccess):
            writes = isinstance(operation, Write)
            frame = user_frame(sys._getframe(2))
            extra = _access(SITES[operation.site], writes, operation.target.value, frame)
            if writes:
                self._wrote_at[id(operation.target)] = len(self.builder.rows)
        self.builder.add(
            thread.index,
            op,
            self._object(operation.target),
            self._locations.get(thread.index, NOTHING),
            outcome=outcome,
            extra=extra,
        )

    def watch(self, monitor: AccessMonitor) -> None:
        """Record the accesses to shared variables as well, steps or not."""
        monitor.observer = self._accessed
        monitor.wrote = self._wrote
        self._monitor = monitor

    def _accessed(self, thread: VirtualThread, variable: Variable, kind: int, site: int) -> None:
        """An access that is no step."""
        self._see(thread)
        frame = user_frame(sys._getframe(2))
        op = Op.ATOMIC if isinstance(variable, Container) else Op.WRITE if kind in WRITES else Op.READ
        if op is Op.WRITE or kind in WRITES:
            self._wrote_at[id(variable)] = len(self.builder.rows)
        self.builder.add(
            thread.index,
            op,
            self._object(variable),
            NOTHING if frame is None else self._location(frame),
            extra=_access(SITES[site], kind in WRITES, variable.value, frame),
        )

    def _wrote(self, variable: Variable) -> None:
        row = self._wrote_at.pop(id(variable), None)
        if row is not None:
            thread, op, outcome, target, location, extra, time_ns = self.builder.rows[row]
            known: dict[str, Any] = {} if extra == NOTHING else self.builder.tables.extras[extra]
            extra = self.builder.tables.extra({**known, "value": variable.value})
            self.builder.rows[row] = (thread, op, outcome, target, location, extra, time_ns)

    def _see(self, thread: VirtualThread) -> None:
        while len(self._threads) <= thread.index:
            other = thread if len(self._threads) == thread.index else None
            self._threads.append(other or thread)
        self._threads[thread.index] = thread

    def _object(self, primitive: Primitive) -> int:
        if isinstance(primitive, Variable):
            whole = primitive.part_of()
            if whole is not None:
                self._add(whole, "", False, NOTHING)
        return self._add(primitive, "", False, NOTHING)

    def ended(self, world: ExploredWorld) -> None:
        """Called while the stuck threads still stand where they are stuck."""
        reachable = self._reachable(world) if world.outcome is Outcome.STEP_LIMIT else {}
        for thread in world.live:
            operation = thread.pending
            if operation is None or operation is thread.begin:
                continue
            self._see(thread)
            self.blocked_labels.append(f"{thread.index}:{operation.label}")
            if world.outcome is Outcome.DEADLOCK or not world.enabled(thread):
                extra: dict[str, Any] = {"operation": operation.label, "detail": operation.detail()}
                if operation.timeout is not None or operation.ready(thread):
                    extra["alive"] = True  # it was only held back, and goes on by itself
                elif reachable.get(id(operation.target)) is not None:
                    extra["reachable"] = reachable[id(operation.target)]
                self.builder.add(
                    thread.index,
                    Op.REQUEST,
                    self._object(operation.target),
                    self._locations.get(thread.index, NOTHING),
                    extra=extra,
                )
        for thread in world.threads:
            self._see(thread)
            if thread.failure is not None:
                error, _ = thread.failure
                lines = failure_lines(error)
                place = failure_place(error)
                self.builder.add(
                    thread.index,
                    Op.FAIL,
                    location=NOTHING if place is None else self.builder.tables.location(*place),
                    extra={
                        "type": type(error).__name__,
                        "message": _message(error),
                        "assertion": isinstance(error, AssertionError),
                        "traceback": lines,
                    },
                )
        self.look_for_names(world)

    def _reachable(self, world: ExploredWorld) -> dict[int, tuple[int, ...] | None]:
        """Who could get at the objects that threads wait for, where anybody may end the wait and others go on."""
        awaited = [
            thread.pending.target
            for thread in world.live
            if thread.pending is not None
            and not thread.daemon
            and thread.pending.timeout is None
            and not thread.pending.ready(thread)
            and thread.pending.wakers() is None
        ]
        if not awaited:
            return {}
        program = [] if self.target is None else [variables for _, variables in self.target.names()]
        return reachable_from(awaited, world.live, program)

    def look_for_names(self, world: ExploredWorld) -> None:
        """Search the program's variables for the objects; those found earlier keep their names."""
        roots: list[dict[str, Any]] = []
        if self.target is not None:
            roots += [variables for _, variables in self.target.names()]
        for thread in world.threads:
            frame = thread.frame()
            stack: list[FrameType] = []
            while frame is not None:
                if not is_library(frame.f_code.co_filename):
                    stack.append(frame)
                frame = frame.f_back
            roots += [frame.f_locals for frame in reversed(stack) if frame.f_code.co_name != "<module>"]
        holders: dict[int, list[Variable]] = {}
        for item in self._objects:
            if isinstance(item, Variable) and self._monitor is not None:
                entry = item.holder
                if self._monitor.directory.entries.get(entry.object_id) is entry:
                    holders.setdefault(entry.object_id, []).append(item)
        for key, path in naming.find_paths(roots, self._objects, ("weft.simcore",), holders).items():
            for variable in holders.get(key, ()):
                self._variable_names.setdefault(id(variable), _part(path, variable))
            if key not in holders:
                self._paths.setdefault(key, path)

    def _location(self, frame: FrameType) -> int:
        key = (id(frame.f_code), frame.f_lasti)
        found = self._cache.get(key)
        if found is None:
            code = frame.f_code
            self._codes.append(code)  # keeps the id from being used again
            found = self.builder.tables.location(code.co_filename, frame.f_lineno, code.co_qualname)
            self._cache[key] = found
        return found

    # The result.

    def trace(self) -> Trace:
        tables = self.builder.tables
        for thread in self._threads:
            parent = NOTHING if thread.parent is None else thread.parent.index
            tables.threads.append(ThreadInfo(thread.name, parent, thread.daemon))
        names = naming.unique_names(
            [
                (name, many, self._paths.get(id(primitive), ""), fallback)
                for primitive, (name, many, fallback, _) in zip(self._objects, self._made, strict=True)
                if not isinstance(primitive, VirtualThread | Variable) and primitive.part_of() is None
            ]
        )
        free = iter(names)
        own: dict[int, str] = {
            id(primitive): next(free)
            for primitive in self._objects
            if not isinstance(primitive, VirtualThread | Variable) and primitive.part_of() is None
        }
        for primitive, (name, _, fallback, site) in zip(self._objects, self._made, strict=True):
            whole = primitive.part_of()
            if isinstance(primitive, VirtualThread):
                final = primitive.name
            elif isinstance(primitive, Variable):
                final = self._variable_names.get(id(primitive)) or label_of(primitive)
            elif whole is not None:
                final = (
                    name or self._paths.get(id(primitive), "") or f"{primitive.kind} of {own.get(id(whole), fallback)}"
                )
            else:
                final = own[id(primitive)]
            tables.objects.append(
                ObjectInfo(
                    primitive.kind,
                    final,
                    site,
                    thread=primitive.index if isinstance(primitive, VirtualThread) else NOTHING,
                    capacity=primitive.capacity(),
                    part_of=NOTHING if whole is None else self._index.get(id(whole), NOTHING),
                )
            )
        return self.builder.build()


TOLD_APART = frozenset({"take a task", "Future.add_done_callback"})
"""Operations that a checker could not tell from others of their kind by the event alone."""


def _part(path: str, variable: Variable) -> str:
    """The name of a variable of the object at ``path``."""
    if variable.part is None:
        return path
    return f"{path}[{variable.part!r}]" if variable.container else f"{path}.{variable.part}"


def _access(site: Site, writes: bool, value: str, frame: FrameType | None) -> dict[str, Any]:
    """What a trace keeps of an access: what it does, the value (of a write once it is known), the user's stack."""
    extra: dict[str, Any] = {"access": "write" if writes else "read", "site": site.number}
    if site.kind in ("method", "inplace", "iteration"):
        extra["operation"] = site.name or ("+=" if site.kind == "inplace" else "next")
    if site.pair:
        extra["pair"] = True
    if site.blind:
        extra["blind"] = True
    if value and not writes:
        extra["value"] = value
    stack: list[str] = []
    while frame is not None:
        code = frame.f_code
        if not is_library(code.co_filename):
            stack.append(f"{Location(code.co_filename, frame.f_lineno)} in {code.co_qualname}")
        frame = frame.f_back
    if stack:
        extra["stack"] = stack[::-1]
    return extra


def _extra(operation: Operation, op: Op) -> Any:
    if op is Op.SLEEP:
        return {"seconds": getattr(operation, "seconds", 0)}
    if op is Op.RELEASE and getattr(operation, "count", 1) > 1:
        return {"count": getattr(operation, "count", 1)}
    if op in (Op.ATOMIC, Op.CANCEL) and operation.label in TOLD_APART:
        return {"operation": operation.label}
    if operation.timeout is not None and op in (Op.ACQUIRE, Op.JOIN, Op.RESULT):  # it could not have waited for ever
        return {"blocking": "timed" if operation.timeout else "try"}
    return None


def failure_place(error: BaseException) -> tuple[str, int, str] | None:
    """File, line and function where the exception was raised in the user's code (the innermost user frame)."""
    place: tuple[str, int, str] | None = None
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if not is_library(code.co_filename):
            place = (code.co_filename, step.tb_lineno, code.co_qualname)
        step = step.tb_next
    return place


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as inner:  # the program's own __str__ may fail, too
        return f"<its __str__() raises {type(inner).__name__}>"


def failure_lines(error: BaseException) -> list[str]:
    """The traceback as CPython prints it, user frames only."""
    summary = traceback.TracebackException.from_exception(error)
    summary.stack = traceback.StackSummary.from_list([row for row in summary.stack if not is_library(row.filename)])
    return "".join(summary.format()).rstrip().split("\n")

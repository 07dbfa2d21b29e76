"""Records one execution of the explored world in full: every step with its place, every object with its name.

Exploration itself runs without it; an execution worth showing is repeated with a recorder as its observer.
"""

from __future__ import annotations

import sys
import traceback
from types import FrameType
from typing import Any

from . import naming
from .explored import ExploredWorld, Outcome
from .takeover import is_library
from .target import Target
from .threads import VirtualThread
from .trace import NOTHING, Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder
from .world import Operation, Primitive


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
        self._add(primitive, "", False, NOTHING)

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
        self.builder.add(
            thread.index,
            op,
            self._object(operation.target),
            self._locations.get(thread.index, NOTHING),
            outcome=outcome,
            extra=_extra(operation, op),
        )

    def _see(self, thread: VirtualThread) -> None:
        while len(self._threads) <= thread.index:
            other = thread if len(self._threads) == thread.index else None
            self._threads.append(other or thread)
        self._threads[thread.index] = thread

    def _object(self, primitive: Primitive) -> int:
        return self._add(primitive, "", False, NOTHING)

    def ended(self, world: ExploredWorld) -> None:
        """Called while the stuck threads still stand where they are stuck."""
        for thread in world.live:
            operation = thread.pending
            if operation is None or operation is thread.begin:
                continue
            self._see(thread)
            self.blocked_labels.append(f"{thread.index}:{operation.label}")
            if world.outcome is Outcome.DEADLOCK or not world.enabled(thread):
                self.builder.add(
                    thread.index,
                    Op.REQUEST,
                    self._object(operation.target),
                    self._locations.get(thread.index, NOTHING),
                    extra={"operation": operation.label, "detail": operation.detail()},
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
                        "message": str(error),
                        "assertion": isinstance(error, AssertionError),
                        "traceback": lines,
                    },
                )
        self.look_for_names(world)

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
        for key, path in naming.find_paths(roots, self._objects, ("weft.simcore",)).items():
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
                if not isinstance(primitive, VirtualThread) and primitive.part_of() is None
            ]
        )
        free = iter(names)
        own: dict[int, str] = {
            id(primitive): next(free)
            for primitive in self._objects
            if not isinstance(primitive, VirtualThread) and primitive.part_of() is None
        }
        for primitive, (name, _, fallback, site) in zip(self._objects, self._made, strict=True):
            whole = primitive.part_of()
            if isinstance(primitive, VirtualThread):
                final = primitive.name
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


def _extra(operation: Operation, op: Op) -> Any:
    if op is Op.SLEEP:
        return {"seconds": getattr(operation, "seconds", 0)}
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


def failure_lines(error: BaseException) -> list[str]:
    """The traceback as CPython prints it, user frames only."""
    summary = traceback.TracebackException.from_exception(error)
    summary.stack = traceback.StackSummary.from_list([row for row in summary.stack if not is_library(row.filename)])
    return "".join(summary.format()).rstrip().split("\n")

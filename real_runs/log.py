"""The event log of a real run: lists a thread, no lock on the way in, written out in chunks by a thread of its own.

It knows traces and source locations; which operations are logged, and how the objects behave, is not its business.
"""

from __future__ import annotations

import _thread
import os
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from ..simcore import naming
from ..simcore.takeover import is_library
from ..simcore.trace import COLUMNS, NOTHING, Header, Location, ObjectInfo, Op, Tables, ThreadInfo, TraceWriter

Row = tuple[int, int, int, int, int, int, int]
"""Thread, operation, outcome, object, location, extra, time: a trace row, its time not yet relative to the start."""

now = time.perf_counter_ns
allocate_lock = _thread.allocate_lock
RealRLock = _thread.RLock
FLUSH_SECONDS = 0.1
"""What a kill may lose. Looking ten times a second costs the program less than 0.1 % when nothing happened."""

_OWN_MODULES = ("weft.simcore", "weft.real_runs")
_LIBRARY: dict[int, int] = {}
"""Stands in the code cache for code that is not shown: the standard library's and ours."""


class ThreadLog:
    """The events of one thread; only that thread appends, only the writer removes from the front.

    ``waiting`` is true while the thread is blocked without a time limit, ``idle`` while a pool's worker has no task,
    ``ended`` after its last event: what :meth:`Recorder.stuck` reads from outside.
    """

    __slots__ = (
        "add",
        "ended",
        "ident",
        "idle",
        "index",
        "pool",
        "put",
        "requested",
        "rows",
        "stamped",
        "waiting",
        "worker",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.ident = _thread.get_ident()
        self.rows: list[Row] = []
        self.add = self.rows.append
        self.stamped: list[int] = []
        """For frequent events: the number of a known row (:meth:`Recorder.known_row`) and a time, in turn."""
        # Takes the pair at once, so that a finalizer or signal handler that logs, too, cannot come in between.
        self.put = self.stamped.extend
        self.waiting = False
        self.requested = NOTHING
        """The object of a request already logged, while a queue's loop waits several times for one operation."""
        self.pool = NOTHING
        """The pool object whose ``submit`` this thread is in."""
        self.worker = False
        self.idle = False
        self.ended = False


class _Here(_thread._local):  # pyright: ignore[reportPrivateUsage]
    """``here.log`` is the running thread's log, ``here.put`` takes its frequent events.

    Threads that nobody announced get one at their first event.
    """

    def __init__(self, adopt: Callable[[], ThreadLog]) -> None:
        self.log = adopt()
        self.put = self.log.put


class Recorder:
    """Collects the events of one real run and writes them to ``path``.

    The file grows by a chunk every ``FLUSH_SECONDS`` and is readable at any moment. Within a chunk events are in
    time order; across chunks one may be late (its thread was interrupted between clock and list), so whoever closes
    the books sorts once more by time.
    """

    def __init__(self, path: str | Path, header: Header) -> None:
        self.tables = Tables()
        self.logs: list[ThreadLog] = []
        self.origin_ns = now()
        self.events = 0
        self.tables_lock = RealRLock()
        self._writing = allocate_lock()
        self._extras: dict[Any, int] = {}
        self._known: list[Row] = []
        self._known_table: Any = None
        self._codes: dict[int, dict[int, int]] = {}
        self._made: dict[int, tuple[weakref.ref[Any], str, bool, str]] = {}
        self._paths: dict[int, str] = {}
        self._starts = 0
        self._code_kept: list[CodeType] = []
        self._header = header
        self._late: Any = None
        self._late_count = 0
        self._process = os.getpid()
        self._closed = False
        self._stop = allocate_lock()
        self._stop.acquire()
        self._writer_ident = 0
        self._writer = TraceWriter(path, header, self.tables)
        self._announced: dict[int, ThreadLog] = {}
        self.here = _Here(self._adopt)
        self.main = self.here.log
        os.register_at_fork(after_in_child=self._abandon)

    # Tables.

    def _adopt(self) -> ThreadLog:
        announced = self._announced.pop(_thread.get_ident(), None)
        if announced is not None:
            return announced
        first = not self.logs
        name = "MainThread" if first else f"unknown thread {_thread.get_ident()}"
        return self._new_log(self.register_thread(name, NOTHING, daemon=not first)[0])

    def enter_thread(self, index: int) -> ThreadLog:
        """Make a log for the calling thread, which has had none and is row ``index`` of the thread table."""
        self._announced[_thread.get_ident()] = self._new_log(index)
        return self.here.log

    def _new_log(self, index: int) -> ThreadLog:
        log = ThreadLog(index)
        with self.tables_lock:
            self.logs.append(log)
        return log

    def register_thread(self, name: str, parent: int, daemon: bool, site: int = NOTHING) -> tuple[int, int]:
        """Add a thread and its object; returns both indices."""
        with self.tables_lock:
            index = len(self.tables.threads)
            self.tables.threads.append(ThreadInfo(name, parent, daemon))
            return index, self.register("Thread", name, site, thread=index)

    def register(
        self,
        kind: str,
        name: str,
        site: int,
        *,
        thread: int = NOTHING,
        capacity: int = 0,
        part_of: int = NOTHING,
        generation: int = 0,
    ) -> int:
        """Add an object; returns its index."""
        with self.tables_lock:
            self.tables.objects.append(ObjectInfo(kind, name, site, generation, thread, capacity, part_of))
            return len(self.tables.objects) - 1

    def register_made(
        self, made: object, kind: str, frame: FrameType | None, *, capacity: int = 0, part_of: int = NOTHING
    ) -> int:
        """Add an object that the program just made, called by the statement that ``frame`` (or its caller) is in.

        The name in the table is provisional; :meth:`final_names` gives the better ones.
        """
        while frame is not None and self._hidden(frame.f_code):
            frame = frame.f_back
        site = self.location(frame)
        name, many = ("", False) if frame is None else naming.creation_name(frame)
        place = self.place(site)
        fallback = kind if place is None else f"{kind} ({place})"
        with self.tables_lock:
            index = self.register(kind, name or fallback, site, capacity=capacity, part_of=part_of)
            self._made[index] = (weakref.ref(made), name, many, fallback)
        return index

    # Names.

    def look_for_names(self, roots: list[dict[str, Any]]) -> None:
        """Search variables for objects whose creating statement does not name them alone."""
        with self.tables_lock:
            alive = [(index, row[0]()) for index, row in self._made.items() if index not in self._paths]
        wanted = {id(item): index for index, item in alive if item is not None}
        if wanted:
            found = naming.find_paths(roots, [item for _, item in alive if item is not None], _OWN_MODULES)
            for key, path in found.items():
                self._paths[wanted[key]] = path

    def variables(self, frames: Iterable[FrameType]) -> list[dict[str, Any]]:
        """What the user's functions on these stacks see: their modules' variables, then their own from outside in."""
        modules: dict[int, dict[str, Any]] = {}
        own: list[dict[str, Any]] = []
        for innermost in frames:
            stack: list[FrameType] = []
            frame: FrameType | None = innermost
            while frame is not None:
                if not self._hidden(frame.f_code):
                    stack.append(frame)
                    modules[id(frame.f_globals)] = frame.f_globals
                frame = frame.f_back
            own += [frame.f_locals for frame in reversed(stack) if frame.f_code.co_name != "<module>"]
        return [*modules.values(), *own]

    def thread_started(self) -> None:
        """Take the 1st, 2nd, 4th, 8th … start of a thread, a slow moment anyway, to look for names in its variables."""
        self._starts += 1
        if self._starts & (self._starts - 1) == 0:
            self.look_for_names(self.variables([sys._getframe(1)]))

    def final_names(self) -> dict[int, str]:
        """Object index to name, for every object the program made.

        Different objects have different names, but a part (a condition's lock apart, a pool's future) may be called as
        its whole.
        """
        with self.tables_lock:
            rows = sorted(self._made.items())
            objects = tuple(self.tables.objects)
        names: dict[int, str] = {}
        wholes = [(index, row) for index, row in rows if objects[index].part_of == NOTHING]
        parts = [(index, row) for index, row in rows if objects[index].part_of != NOTHING]
        for group in (wholes, parts):
            candidates: list[tuple[str, bool, str, str]] = []
            for index, (_, name, many, fallback) in group:
                whole = objects[index].part_of
                if whole != NOTHING:
                    fallback = f"{objects[index].kind} of {names.get(whole, objects[whole].name)}"
                candidates.append((name, many, self._paths.get(index, ""), fallback))
            found = naming.unique_names(candidates)
            names.update((index, name) for (index, _), name in zip(group, found, strict=True))
        return names

    def extra(self, key: Any, value: Any) -> int:
        """The index of an extra; ``key`` is its hashable short form, so that the JSON is made once."""
        found = self._extras.get(key)
        if found is None:
            with self.tables_lock:
                found = self._extras[key] = self.tables.extra(value)
        return found

    def known_row(self, operation: int, target: int, location: int, outcome: int = 0, extra: int = NOTHING) -> int:
        """A number for events that differ only in thread and time; ``log.put((number, now()))`` logs one of them.

        A caller keeps the number: every call makes a new one.
        """
        with self.tables_lock:
            self._known.append((0, operation, outcome, target, location, extra, 0))
            return len(self._known) - 1

    # Source locations.

    def hidden(self, code: CodeType) -> bool:
        """Is this code not shown: the standard library's, or ours?"""
        return self._hidden(code)

    def _hidden(self, code: CodeType) -> bool:
        known = self._codes.get(id(code))
        return (self._learn_code(code) if known is None else known) is _LIBRARY

    def made_by_library(self, frame: FrameType | None) -> bool:
        """Is the code that makes an object here the standard library's (or ours), for its own use?"""
        while frame is not None and frame.f_code.co_filename.startswith("<string"):
            frame = frame.f_back
        return frame is None or self._hidden(frame.f_code)

    def _learn_code(self, code: CodeType) -> dict[int, int]:
        name = code.co_filename
        # Generated code ("<string>": a dataclass's __init__) has no place to show; its caller has.
        hidden = name.startswith("<") or is_library(name)
        with self.tables_lock:
            self._code_kept.append(code)  # keeps its id from being reused
            return self._codes.setdefault(id(code), _LIBRARY if hidden else {})

    def location(self, frame: FrameType | None) -> int:
        """The index of the innermost place in the user's code, from ``frame`` outwards; -1 when there is none."""
        codes = self._codes
        while frame is not None:
            code = frame.f_code
            known = codes.get(id(code))
            if known is None:
                known = self._learn_code(code)
            if known is not _LIBRARY:
                found = known.get(frame.f_lasti)
                if found is None:
                    with self.tables_lock:
                        found = known[frame.f_lasti] = self.tables.location(
                            code.co_filename, frame.f_lineno, code.co_qualname
                        )
                return found
            frame = frame.f_back
        return NOTHING

    def add_location(self, file: str, line: int, function: str) -> int:
        """The index of a place that is not a frame's."""
        with self.tables_lock:
            return self.tables.location(file, line, function)

    def place(self, index: int) -> Location | None:
        return None if index == NOTHING else self.tables.locations[index]

    # Writing.

    def start_writer(self, look: Callable[[], None]) -> None:
        """Flush ten times a second from a thread of our own, and call ``look`` after each time."""

        def run() -> None:
            self._writer_ident = _thread.get_ident()
            while not self._stop.acquire(timeout=FLUSH_SECONDS):
                self.flush()
                look()

        _thread.start_new_thread(run, ())

    def flush(self, *, everything: bool = False) -> None:
        """Write what was logged until now, in time order; ``everything`` also what seems to come from later."""
        with self._writing:
            if not self._closed:
                self._flush(everything)

    def _flush(self, everything: bool) -> None:
        import numpy as np

        horizon_ns = now() - self.origin_ns
        parts: list[Any] = [self._late] if self._late_count else []
        for log in tuple(self.logs):
            parts += self._taken_out(log)
        if not parts:
            return
        columns = np.concatenate(parts) if len(parts) > 1 else parts[0]
        times = columns["time_ns"]
        if not (times[1:] >= times[:-1]).all():
            # Stable: each thread keeps its order, and what was late comes first.
            columns = columns[np.argsort(times, kind="stable")]
        ready = len(columns)
        if not everything:
            ready = int(np.searchsorted(columns["time_ns"], horizon_ns, side="right"))
        self._late = columns[ready:]
        self._late_count = len(self._late)
        self.events += ready
        if ready:
            with self.tables_lock:
                self._writer.append(columns[:ready])

    def _taken_out(self, log: ThreadLog) -> Iterator[Any]:
        """What a thread logged until now, as columns, removed from its lists."""
        import numpy as np

        count = len(log.rows)
        if count:
            values = np.fromiter(chain.from_iterable(log.rows[:count]), np.int64).reshape(-1, 7)
            del log.rows[:count]
            columns = np.empty(count, COLUMNS)
            for number, (name, _) in enumerate(COLUMNS):
                columns[name] = values[:, number]
            columns["time_ns"] -= self.origin_ns
            yield columns
        count = len(log.stamped)
        if count:
            pairs = np.fromiter(log.stamped[:count], np.int64, count).reshape(-1, 2)
            del log.stamped[:count]
            # Made after the events were taken out: every row they speak of is known by now.
            if self._known_table is None or len(self._known_table) < len(self._known):
                self._known_table = np.array(self._known, COLUMNS)
            columns = self._known_table.take(pairs[:, 0])
            columns["thread"] = log.index
            columns["time_ns"] = pairs[:, 1] - self.origin_ns
            yield columns

    def close(self) -> None:
        """Write the rest and finish the file. Safe to call twice; does nothing in a forked child."""
        if not self.ours():
            return
        with self._writing:
            if self._closed:
                return
            self._flush(True)
            self._closed = True
            self._writer.close()
        if self._stop.locked():
            self._stop.release()

    def ours(self) -> bool:
        """Is this the process that records, and not a forked child of it?"""
        return os.getpid() == self._process

    def _abandon(self) -> None:
        """A forked child shares the file but not the writer: it must neither write nor collect."""
        self._closed = True
        for log in self.logs:
            log.add = log.put = _discard
        self.here.put = _discard  # the child's only thread

    # Seen from outside.

    def stuck(self) -> bool:
        """Is every thread blocked without a time limit, ended, or a worker without work, and at least one blocked?

        One look is not proof: a thread may have been woken and not yet have run. False as soon as a Python thread
        exists that was not recorded, since it might wake somebody.
        """
        known = {log.ident: log for log in tuple(self.logs)}
        blocked = False
        for ident in sys._current_frames():
            if ident == self._writer_ident:
                continue
            log = known.get(ident)
            if log is None:
                return False
            if log.waiting:
                blocked = True
            elif not (log.ended or log.idle):
                return False
        return blocked

    def pending(self) -> int:
        """How many events there are, written or not: two equal answers mean that nothing happened in between."""
        logged = sum(len(log.rows) + len(log.stamped) // 2 for log in tuple(self.logs))
        return self.events + self._late_count + logged


def _discard(row: Iterable[int]) -> None:
    return


def request(recorder: Recorder, log: ThreadLog, target: int, label: str, where: int, limited: bool) -> None:
    """Log that the thread has to wait for ``target``; the caller clears ``log.waiting`` afterwards.

    A wait with a time limit is marked as ``alive``: should the recording end in it, it is no wait for ever.
    """
    details = {"operation": label, "alive": True} if limited else {"operation": label}
    log.add((log.index, Op.REQUEST, 0, target, where, recorder.extra((label, limited), details), now()))
    log.waiting = not limited

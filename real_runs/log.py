"""The recorder of a real run: who runs, on which objects, in which forms; a thread of its own writes the events out.

It knows events as numbers; which operations are logged, and how the objects behave, is not its business.
"""

from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from ..simcore.trace import NOTHING, Header, ObjectInfo, Op, Tables, ThreadInfo
from .log_file import LogFile
from .made_objects import MadeObjects
from .places import Place, Places
from .thread_log import Row, ThreadLog, now

FLUSH_SECONDS = 0.1
"""What a kill may lose. Looking ten times a second costs the program less than 0.1 % when nothing happened."""


class _Here(_thread._local):
    """``here.log`` is the running thread's log, ``here.put`` takes its events.

    Threads that nobody announced get one at their first event.
    """

    def __init__(self, adopt: Callable[[], ThreadLog]) -> None:
        self.log = adopt()
        self.put = self.log.put


class Recorder:
    """Collects the events of one real run and writes them to ``path``, a chunk every ``FLUSH_SECONDS``.

    The way in is ``here.put((mark, now()))``; whoever has many events of one kind keeps their mark.
    """

    def __init__(self, path: str | Path, header: Header) -> None:
        self.tables = Tables()
        self.tables_lock = _thread.RLock()
        self.logs: list[ThreadLog] = []
        self.places = Places(self.tables, self.tables_lock)
        self._made = MadeObjects(self.tables, self.tables_lock, self.places)
        self._extras: dict[Any, int] = {}
        self.forms: list[Row] = []
        """As rows without thread, object and time."""
        self._form_index: dict[tuple[int, int, int, int], int] = {}
        self._file = LogFile(path, header, self.tables, self.tables_lock, self.logs, self.forms)
        self.origin_ns = self._file.origin_ns
        self._starts = 0
        self._process = os.getpid()
        self._stop = _thread.allocate_lock()
        self._stop.acquire()
        self._writer_ident = 0
        self._announced: dict[int, ThreadLog] = {}
        self.here = _Here(self._adopt)
        self.main = self.here.log
        os.register_at_fork(after_in_child=self._abandon)

    # Threads.

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
        log = ThreadLog(index, self.form)
        with self.tables_lock:
            self.logs.append(log)
        return log

    def register_thread(self, name: str, parent: int, daemon: bool, site: int = NOTHING) -> tuple[int, int]:
        """Add a thread and its object; returns both indices."""
        with self.tables_lock:
            index = len(self.tables.threads)
            self.tables.threads.append(ThreadInfo(name, parent, daemon))
            return index, self.register(ObjectInfo("Thread", name, site, thread=index))

    def thread_started(self) -> None:
        """Take the 1st, 2nd, 4th, 8th … start of a thread, a slow moment anyway, to look for names in its variables."""
        self._starts += 1
        if self._starts & (self._starts - 1) == 0:
            self.look_for_names(self.variables([sys._getframe(1)]))

    # Objects and their names.

    def register(self, row: ObjectInfo) -> int:
        """Add an object; returns its index."""
        with self.tables_lock:
            index = len(self.tables.objects)
            self.tables.objects.append(row)
            return index

    def register_made(
        self, made: object, kind: str, frame: FrameType | None, *, capacity: int = 0, part_of: int = NOTHING
    ) -> int:
        """Add an object that the program just made, called by the statement that ``frame`` (or its caller) is in."""
        return self._made.add(made, kind, frame, capacity, part_of)

    def look_for_names(self, roots: list[dict[str, Any]]) -> None:
        """Search these variables for the objects that are not named by the statement that made them."""
        self._made.look_for_names(roots)

    def variables(self, frames: Iterable[FrameType]) -> list[dict[str, Any]]:
        """What the user's functions on these stacks see, to look for names in."""
        return self.places.variables(frames)

    def final_names(self) -> dict[int, str]:
        """Object index to name, for every object the program made."""
        return self._made.final_names()

    # Forms and marks.

    def extra(self, key: Any, value: Any) -> int:
        """The index of an extra; ``key`` is its hashable short form, so that the JSON is made once."""
        found = self._extras.get(key)
        if found is None:
            with self.tables_lock:
                found = self._extras[key] = self.tables.extra(value)
        return found

    def form(self, operation: int, location: int, outcome: int = 0, extra: int = NOTHING) -> int:
        """The number of what the events of one operation at one place have in common."""
        key = (operation, location, outcome, extra)
        found = self._form_index.get(key)
        if found is None:
            found = self._new_form((0, operation, outcome, 0, location, extra, 0))
            self._form_index[key] = found  # known to others only now that it is in the list
        return found

    def _new_form(self, row: Row) -> int:
        with self.tables_lock:
            self.forms.append(row)
            number = len(self.forms) - 1
            while self.forms[number] is not row:  # a signal handler or finalizer added one, too
                number -= 1
            return number

    def form_at(self, place: Place, operation: int, outcome: int = 0) -> int:
        """:meth:`form` without an extra."""
        found = place.forms.get(outcome << 8 | operation)
        if found is None:
            found = place.forms[outcome << 8 | operation] = self.form(operation, place.location, outcome)
        return found

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
        self._file.flush(everything=everything)

    def close(self) -> None:
        """Write the rest and finish the file. Safe to call twice; does nothing in a forked child."""
        if not self.ours():
            return
        self._file.close()
        if self._stop.locked():
            self._stop.release()

    def ours(self) -> bool:
        """Is this the process that records, and not a forked child of it?"""
        return os.getpid() == self._process

    def _abandon(self) -> None:
        """A forked child shares the file but not the writer: it must neither write nor collect."""
        self._file.closed = True
        for log in (*self.logs, self.here.log):
            log.discard()
        self.here.put = self.here.log.put  # of the child's only thread

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
        return self._file.count()


def request(recorder: Recorder, log: ThreadLog, target: int, label: str, where: int, limited: bool) -> None:
    """Log that the thread has to wait for ``target``; the caller clears ``log.waiting`` afterwards.

    A wait with a time limit is marked as ``alive``: should the recording end in it, it is no wait for ever.
    """
    details = {"operation": label, "alive": True} if limited else {"operation": label}
    log.add((log.index, Op.REQUEST, 0, target, where, recorder.extra((label, limited), details), now()))
    log.waiting = not limited

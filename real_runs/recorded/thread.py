"""The methods of ``Thread`` and ``Timer``, recorded: start, begin, end, join, cancel and failures.

The class itself stays the real one, so that a program's subclasses and ``isinstance`` are as ever.
"""

from __future__ import annotations

import concurrent.futures.thread
import threading
from typing import Any

from ...simcore.recorder import failure_lines, failure_place
from ...simcore.trace import NOTHING, Op
from ..log import Recorder, request
from ..thread_log import ThreadLog, now
from .notes import Recording, getframe, note

real_start = threading.Thread.start
real_join = threading.Thread.join
real_cancel = threading.Timer.cancel
_pool_worker = getattr(concurrent.futures.thread, "_worker", None)


def thread_row(recorder: Recorder, thread: threading.Thread) -> tuple[int, int]:
    """The indices of a thread and its object; a thread started before the recording is added now."""
    row: tuple[Recorder, int, int] | None = getattr(thread, "_weft_recorded", None)
    if row is None or row[0] is not recorder:
        row = (recorder, *recorder.register_thread(thread.name, NOTHING, thread.daemon))
        thread._weft_recorded = row  # pyright: ignore[reportAttributeAccessIssue]
    return row[1:]


def start(self: threading.Thread) -> None:
    recorder = Recording.recorder
    if not getattr(self, "_initialized", False) or self.ident is not None:
        return real_start(self)  # raises what the real one raises
    log = recorder.here.log
    where = recorder.places.location(getframe(1))
    recorder.thread_started()
    index, target = recorder.register_thread(self.name, log.index, self.daemon, where)
    self._weft_recorded = (recorder, index, target)  # pyright: ignore[reportAttributeAccessIssue]
    worker = _pool_worker is not None and getattr(self, "_target", None) is _pool_worker
    replaced = vars(self).get("run")

    def run() -> None:
        _restore_run(self, replaced)
        own = recorder.enter_thread(index)
        own.worker = own.idle = worker
        own.add((index, Op.BEGIN, 0, target, where, NOTHING, now()))
        try:
            self.run()
        except SystemExit:
            raise
        except BaseException as error:
            note_failure(recorder, own, target, error)
            raise
        finally:
            own.add((index, Op.END, 0, target, NOTHING, NOTHING, now()))
            own.ended = True

    self.run = run
    time_ns = now()
    try:
        real_start(self)
    except BaseException:
        _restore_run(self, replaced)
        raise
    log.add((log.index, Op.START, 0, target, where, NOTHING, time_ns))
    return None


def _restore_run(thread: threading.Thread, replaced: Any) -> None:
    if replaced is None:
        vars(thread).pop("run", None)  # gone already when a signal's exception came after the thread had begun
    else:
        thread.run = replaced


def note_failure(recorder: Recorder, log: ThreadLog, target: int, error: BaseException) -> None:
    """Log an exception that nobody caught, where the user's code raised it."""
    place = failure_place(error)
    values = {
        "type": type(error).__name__,
        "message": str(error),
        "assertion": isinstance(error, AssertionError),
        "traceback": failure_lines(error),
    }
    where = NOTHING if place is None else recorder.places.add(*place)
    log.add((log.index, Op.FAIL, 0, target, where, recorder.extra((id(error), now()), values), now()))


def join(self: threading.Thread, timeout: float | None = None) -> None:
    recorder = Recording.recorder
    if not getattr(self, "_initialized", False) or self.ident is None or self is threading.current_thread():
        return real_join(self, timeout)  # raises what the real one raises
    log = recorder.here.log
    where = recorder.places.location(getframe(1))
    target = thread_row(recorder, self)[1]
    if self.is_alive():
        request(recorder, log, target, "join", where, timeout is not None)
    try:
        real_join(self, timeout)
    finally:
        log.waiting = False
    ended = not self.is_alive()
    log.add((log.index, Op.JOIN if ended else Op.TIMEOUT, int(ended), target, where, NOTHING, now()))
    return None


def cancel(self: threading.Timer) -> None:
    recorder = Recording.recorder
    if self.ident is not None:
        note(recorder, Op.CANCEL, thread_row(recorder, self)[1], now())
    real_cancel(self)

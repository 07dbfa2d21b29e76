"""Recording versions of the standard library's threading family: the real objects, with a note of each operation.

Same semantics, same errors, real threads. They know the log they write to, and neither files nor children. A note's
time is true to the order on its object: what gives something away (release, set, put) is stamped before it takes
effect, what takes something (acquire, get, result) after; ``request`` is noted only when a thread has to wait.
"""

from __future__ import annotations

import _thread
import concurrent.futures
import concurrent.futures._base
import concurrent.futures.thread
import queue
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from ..simcore import work as _work
from ..simcore.recorder import failure_lines, failure_place
from ..simcore.trace import NOTHING, Op
from .log import Recorder, ThreadLog, allocate_lock, now, request

RealRLock = _thread.RLock
RealCondition = threading.Condition
RealSemaphore = threading.Semaphore
RealBoundedSemaphore = threading.BoundedSemaphore
RealEvent = threading.Event
RealBarrier = threading.Barrier
RealQueue = queue.Queue
RealLifoQueue = queue.LifoQueue
RealPriorityQueue = queue.PriorityQueue
RealSimpleQueue = queue.SimpleQueue
RealFuture = concurrent.futures.Future
RealThreadPoolExecutor = concurrent.futures.ThreadPoolExecutor
real_wait = concurrent.futures.wait
real_as_completed = concurrent.futures.as_completed
real_start = threading.Thread.start
real_join = threading.Thread.join
real_cancel = threading.Timer.cancel
real_sleep = time.sleep
real_work = _work.work
_pool_worker = getattr(concurrent.futures.thread, "_worker", None)

# Plain integers: an IntEnum member is a little slower to build a row from and to convert to a column.
_ACQUIRE, _ACQUIRE_FAILED, _RELEASE = int(Op.ACQUIRE), int(Op.ACQUIRE_FAILED), int(Op.RELEASE)


class _Recording:
    """Where the recording objects of this process write."""

    recorder: Recorder


def _note(recorder: Recorder, operation: Op, target: int, time_ns: int, outcome: int = 0, extra: int = NOTHING) -> None:
    """One event of the calling thread, placed at the innermost user frame outside the function that calls this."""
    log = recorder.here.log
    log.add((log.index, operation, outcome, target, recorder.location(sys._getframe(2)), extra, time_ns))


# Locks.


class Lock:
    """``threading.Lock``, recorded."""

    __slots__ = ("__weakref__", "_acquire_real", "_index", "_real", "_recorder")
    _kind = "Lock"

    def __init__(self) -> None:
        self._recorder = _Recording.recorder
        self._real: Any = self._make_real()
        self._acquire_real = self._real.acquire
        self._index = self._recorder.register_made(self, self._kind, sys._getframe(1))

    def _make_real(self) -> Any:
        return allocate_lock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking and timeout == -1 and self._acquire_real(False):
            time_ns = now()
            recorder = self._recorder
            log = recorder.here.log
            where = recorder.location(sys._getframe(1))
            log.add((log.index, _ACQUIRE, 0, self._index, where, NOTHING, time_ns))
            return True
        return self._acquire_slowly(blocking, timeout, sys._getframe(1))

    def _acquire_slowly(self, blocking: bool, timeout: float, frame: Any) -> bool:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.location(frame)
        acquire = self._acquire_real
        limited = timeout != -1
        # A call with arguments the real lock refuses must reach it unchanged; any other may try before it waits.
        valid = blocking and (not limited or 0 <= timeout <= _thread.TIMEOUT_MAX)
        if not valid:
            got = acquire(blocking, timeout)
        else:
            got = acquire(False)
            if not got:
                request(recorder, log, self._index, "acquire", where, limited)
                try:
                    got = acquire(True, timeout)
                finally:
                    log.waiting = False
        log.add((log.index, _ACQUIRE if got else _ACQUIRE_FAILED, int(got), self._index, where, NOTHING, now()))
        return got

    def release(self) -> None:
        time_ns = now()
        self._real.release()
        recorder = self._recorder
        log = recorder.here.log
        log.add((log.index, _RELEASE, 0, self._index, recorder.location(sys._getframe(1)), NOTHING, time_ns))

    def locked(self) -> bool:
        return self._real.locked()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def __enter__(self) -> bool:
        if self._acquire_real(False):
            time_ns = now()
            recorder = self._recorder
            log = recorder.here.log
            where = recorder.location(sys._getframe(1))
            log.add((log.index, _ACQUIRE, 0, self._index, where, NOTHING, time_ns))
            return True
        return self._acquire_slowly(True, -1, sys._getframe(1))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        time_ns = now()
        self._real.release()
        recorder = self._recorder
        log = recorder.here.log
        log.add((log.index, _RELEASE, 0, self._index, recorder.location(sys._getframe(1)), NOTHING, time_ns))

    def __repr__(self) -> str:
        return repr(self._real)

    def _at_fork_reinit(self) -> None:
        self._real._at_fork_reinit()

    # What Condition asks of its lock; a wait gives it up and takes it back without notes of its own.

    def _is_owned(self) -> bool:
        return self._real.locked()

    def _release_save(self) -> int:
        self._real.release()
        return 1

    def _acquire_restore(self, depth: int) -> None:
        self._retake(depth, True)

    def _retake(self, depth: int, blocking: bool) -> bool:
        return self._acquire_real(blocking)


class RLock(Lock):
    """``threading.RLock``, recorded. Only the outermost acquire and release are events.

    Invariant: ``_depth`` is changed by the owner alone (test_primitives.py: test_only_the_outermost_level_is_an_event).
    """

    __slots__ = ("_depth",)
    _kind = "RLock"

    def __init__(self) -> None:
        self._depth = 0
        self._recorder = _Recording.recorder
        self._real = RealRLock()
        self._acquire_real = self._real.acquire
        self._index = self._recorder.register_made(self, self._kind, sys._getframe(1))

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if self._real._is_owned():
            self._acquire_real(blocking, timeout)
            self._depth += 1
            return True
        got = self._acquire_slowly(blocking, timeout, sys._getframe(1))
        if got:
            self._depth = 1
        return got

    def release(self) -> None:
        self._leave(sys._getframe(1))

    def _leave(self, frame: Any) -> None:
        time_ns = now()
        if not self._real._is_owned():
            self._real.release()  # raises what the real one raises
        self._depth -= 1
        outermost = self._depth == 0
        self._real.release()
        if outermost:
            recorder = self._recorder
            log = recorder.here.log
            log.add((log.index, _RELEASE, 0, self._index, recorder.location(frame), NOTHING, time_ns))

    def locked(self) -> bool:
        return self._real.locked()

    def __enter__(self) -> bool:
        if self._real._is_owned():
            self._acquire_real()
            self._depth += 1
            return True
        got = self._acquire_slowly(True, -1, sys._getframe(1))
        self._depth = 1
        return got

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave(sys._getframe(1))

    def __getattr__(self, name: str) -> Any:
        # What only some versions have (_recursion_count): the real lock knows whether it exists.
        return getattr(object.__getattribute__(self, "_real"), name)

    def _is_owned(self) -> bool:
        return self._real._is_owned()

    def _release_save(self) -> int:
        depth = self._depth
        self._depth = 0
        self._real._release_save()
        return depth

    def _retake(self, depth: int, blocking: bool) -> bool:
        if not self._acquire_real(blocking):
            return False
        for _ in range(depth - 1):
            self._acquire_real()
        self._depth = depth
        return True


def make_lock() -> Any:
    """``threading.Lock()``: the standard library gets a real one for itself, the program a recorded one."""
    if _Recording.recorder.made_by_library(sys._getframe(1)):
        return allocate_lock()
    return Lock()


def make_rlock() -> Any:
    """``threading.RLock()``; see :func:`make_lock`."""
    if _Recording.recorder.made_by_library(sys._getframe(1)):
        return RealRLock()
    return RLock()


# Conditions.


class _Waiter:
    """One thread in ``wait()``: a locked lock that notify opens."""

    __slots__ = ("gate", "thread")

    def __init__(self, thread: int) -> None:
        self.gate = allocate_lock()
        self.gate.acquire()
        self.thread = thread


class Condition(RealCondition):
    """``threading.Condition``, recorded. ``wait`` gives the lock up and takes it back: wait, wake, acquire."""

    _waiters: deque[_Waiter]
    _lock: Any
    _is_owned: Callable[[], bool]

    def __new__(cls, lock: Any = None) -> Any:
        if cls is Condition and _Recording.recorder.made_by_library(sys._getframe(1)):
            return RealCondition(lock)
        return super().__new__(cls)

    def __init__(self, lock: Any = None) -> None:
        self._recorder = _Recording.recorder
        if lock is None:
            lock = RLock()
        super().__init__(lock)
        part_of = lock._index if isinstance(lock, Lock) else NOTHING
        self._index = self._recorder.register_made(self, "Condition", sys._getframe(1), part_of=part_of)

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.location(sys._getframe(1))
        waiter = _Waiter(log.index)
        self._waiters.append(waiter)
        log.add((log.index, Op.WAIT, 0, self._index, where, NOTHING, now()))
        log.waiting = timeout is None
        saved: Any = self._release_save()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType]
        notified = False
        try:
            if timeout is None:
                notified = waiter.gate.acquire()
            else:
                notified = waiter.gate.acquire(True, timeout) if timeout > 0 else waiter.gate.acquire(False)
        finally:
            log.waiting = False
            woken = Op.WAKE if notified else Op.TIMEOUT
            log.add((log.index, woken, int(notified), self._index, where, NOTHING, now()))
            self._take_back(saved, log, where)
            if not notified and waiter in self._waiters:
                self._waiters.remove(waiter)
        return notified

    def _take_back(self, saved: Any, log: ThreadLog, where: int) -> None:
        lock = self._lock
        if not isinstance(lock, Lock):
            self._acquire_restore(saved)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            return
        if not lock._retake(saved, False):
            request(self._recorder, log, lock._index, "acquire", where, False)
            try:
                lock._retake(saved, True)
            finally:
                log.waiting = False
        log.add((log.index, Op.ACQUIRE, 1, lock._index, where, NOTHING, now()))

    def notify(self, n: int = 1) -> None:
        if not self._is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        time_ns = now()
        chosen: list[int] = []
        waiters = self._waiters
        while waiters and len(chosen) < n:
            waiter = waiters.popleft()
            chosen.append(waiter.thread)
            waiter.gate.release()
        recorder = self._recorder
        extra = recorder.extra(tuple(chosen), {"woken": chosen}) if chosen else NOTHING
        _note(recorder, Op.NOTIFY, self._index, time_ns, len(chosen), extra)

    def notify_all(self) -> None:
        self.notify(len(self._waiters))


# Semaphores, events, barriers.


class Semaphore(RealSemaphore):
    """``threading.Semaphore``, recorded."""

    _kind = "Semaphore"

    def __new__(cls, value: int = 1) -> Any:
        if cls in (Semaphore, BoundedSemaphore) and _Recording.recorder.made_by_library(sys._getframe(1)):
            return (RealSemaphore if cls is Semaphore else RealBoundedSemaphore)(value)
        return super().__new__(cls)

    def __init__(self, value: int = 1) -> None:
        if isinstance(self, RealBoundedSemaphore) and _Recording.recorder.made_by_library(sys._getframe(1)):
            # CPython's bounded one calls its base by name, and finds us under that name.
            RealSemaphore.__init__(self, value)
            return
        super().__init__(value)
        self._recorder = _Recording.recorder
        self._index = self._recorder.register_made(self, self._kind, sys._getframe(1), capacity=value)

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.location(sys._getframe(1))
        got = super().acquire(blocking, timeout) if not blocking else super().acquire(False)
        if blocking and not got:
            request(recorder, log, self._index, f"{self._kind}.acquire", where, timeout is not None)
            try:
                got = super().acquire(True, timeout)
            finally:
                log.waiting = False
        log.add((log.index, _ACQUIRE if got else _ACQUIRE_FAILED, int(got), self._index, where, NOTHING, now()))
        return got

    __enter__ = acquire  # pyright: ignore[reportAssignmentType]

    def release(self, n: int = 1) -> None:
        time_ns = now()
        super().release(n)
        recorder = self._recorder
        for _ in range(n):
            _note(recorder, Op.RELEASE, self._index, time_ns)


class BoundedSemaphore(Semaphore, RealBoundedSemaphore):
    """``threading.BoundedSemaphore``, recorded."""

    _kind = "BoundedSemaphore"


class Event(RealEvent):
    """``threading.Event``, recorded; ``is_set`` is not an event of the trace."""

    _cond: RealCondition

    def __new__(cls) -> Any:
        if cls is Event and _Recording.recorder.made_by_library(sys._getframe(1)):
            return RealEvent()
        return super().__new__(cls)

    def __init__(self) -> None:
        super().__init__()
        self._recorder = _Recording.recorder
        self._index = self._recorder.register_made(self, "Event", sys._getframe(1))

    def set(self) -> None:
        # Stamped under the event's own lock, so that set and clear of several threads are in their true order.
        with self._cond:
            _note(self._recorder, Op.SET, self._index, now())
            self._flag = True
            self._cond.notify_all()

    def clear(self) -> None:
        with self._cond:
            _note(self._recorder, Op.CLEAR, self._index, now())
            self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.location(sys._getframe(1))
        seen = self.is_set()
        if not seen:
            request(recorder, log, self._index, "Event.wait", where, timeout is not None)
            try:
                seen = super().wait(timeout)
            finally:
                log.waiting = False
        log.add((log.index, Op.WAIT if seen else Op.TIMEOUT, int(seen), self._index, where, NOTHING, now()))
        return seen


class Barrier(RealBarrier):
    """``threading.Barrier``, recorded: an ``arrive`` without its ``depart`` is a thread that waits there."""

    def __new__(cls, parties: int, action: Callable[[], None] | None = None, timeout: float | None = None) -> Any:
        if cls is Barrier and _Recording.recorder.made_by_library(sys._getframe(1)):
            return RealBarrier(parties, action, timeout)
        return super().__new__(cls)

    def __init__(self, parties: int, action: Callable[[], None] | None = None, timeout: float | None = None) -> None:
        super().__init__(parties, action, timeout)
        self._recorder = _Recording.recorder
        self._limited = timeout is not None
        self._index = self._recorder.register_made(self, "Barrier", sys._getframe(1), capacity=parties)

    def wait(self, timeout: float | None = None) -> int:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.location(sys._getframe(1))
        log.add((log.index, Op.ARRIVE, 0, self._index, where, NOTHING, now()))
        log.waiting = timeout is None and not self._limited
        try:
            place = super().wait(timeout)
        except threading.BrokenBarrierError:
            log.add((log.index, Op.DEPART, -1, self._index, where, recorder.extra("broken", {"broken": True}), now()))
            raise
        finally:
            log.waiting = False
        log.add((log.index, Op.DEPART, place, self._index, where, NOTHING, now()))
        return place

    def abort(self) -> None:
        _note(self._recorder, Op.ABORT, self._index, now())
        super().abort()


# Queues.


class _Gate(RealCondition):
    """One of a queue's conditions: whoever waits here has to wait for the queue."""

    def __init__(self, owner: Queue, label: str) -> None:
        super().__init__(owner.mutex)
        self._recorder = owner._recorder
        self._target = owner._index
        self._label = label

    def wait(self, timeout: float | None = None) -> bool:
        recorder = self._recorder
        log = recorder.here.log
        if log.requested != self._target:
            log.requested = self._target
            where = recorder.location(sys._getframe(1))
            request(recorder, log, self._target, self._label, where, timeout is not None)
        log.waiting = timeout is None
        try:
            return super().wait(timeout)
        finally:
            log.waiting = False


class Queue(RealQueue):  # pyright: ignore[reportMissingTypeArgument]
    """``queue.Queue``, recorded. Puts and gets are noted under the queue's own mutex: their order is the true one."""

    _kind = "Queue"

    def __new__(cls, maxsize: int = 0, *args: Any, **kwargs: Any) -> Any:
        if cls in _REAL_QUEUES and _Recording.recorder.made_by_library(sys._getframe(1)):
            return _REAL_QUEUES[cls](maxsize)
        return super().__new__(cls)

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._recorder = recorder = _Recording.recorder
        self._index = recorder.register_made(self, self._kind, sys._getframe(1), capacity=max(maxsize, 0))
        self.not_empty = _Gate(self, "Queue.get")
        self.not_full = _Gate(self, "Queue.put")
        self.all_tasks_done = _Gate(self, "Queue.join")
        # On the instance, around whatever a subclass overrides: these two are called with the mutex held.
        this: Any = self
        this._put = self._noted_put(this._put)
        this._get = self._noted_get(this._get)

    def _noted_put(self, really: Callable[[Any], None]) -> Callable[[Any], None]:
        recorder, index = self._recorder, self._index

        def put(item: Any) -> None:
            really(item)
            recorder.here.log.requested = NOTHING
            _note(recorder, Op.PUT, index, now())

        return put

    def _noted_get(self, really: Callable[[], Any]) -> Callable[[], Any]:
        recorder, index = self._recorder, self._index

        def get() -> Any:
            item = really()
            recorder.here.log.requested = NOTHING
            _note(recorder, Op.GET, index, now())
            return item

        return get

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        try:
            super().put(item, block, timeout)  # pyright: ignore[reportUnknownMemberType]
        except queue.Full:
            self._recorder.here.log.requested = NOTHING
            _note(self._recorder, Op.PUT_FAILED, self._index, now())
            raise

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return super().get(block, timeout)  # pyright: ignore[reportUnknownVariableType]
        except queue.Empty:
            self._recorder.here.log.requested = NOTHING
            _note(self._recorder, Op.GET_FAILED, self._index, now())
            raise

    def task_done(self) -> None:
        time_ns = now()
        super().task_done()
        _note(self._recorder, Op.TASK_DONE, self._index, time_ns)

    def join(self) -> None:
        super().join()
        self._recorder.here.log.requested = NOTHING
        _note(self._recorder, Op.JOIN, self._index, now())

    def shutdown(self, immediate: bool = False) -> None:
        """Python 3.13 and later; before, the attribute error is the real queue's."""
        really = super().shutdown  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        _note(self._recorder, Op.CLOSE, self._index, now())
        really(immediate)


if not hasattr(RealQueue, "shutdown"):
    del Queue.shutdown


class LifoQueue(Queue, RealLifoQueue):  # pyright: ignore[reportMissingTypeArgument]
    """``queue.LifoQueue``, recorded."""

    _kind = "LifoQueue"


class PriorityQueue(Queue, RealPriorityQueue):  # pyright: ignore[reportMissingTypeArgument]
    """``queue.PriorityQueue``, recorded."""

    _kind = "PriorityQueue"


_REAL_QUEUES: dict[Any, Any] = {Queue: RealQueue, LifoQueue: RealLifoQueue, PriorityQueue: RealPriorityQueue}


class SimpleQueue:
    """``queue.SimpleQueue``, recorded.

    The real one, holding a token an item, does the waiting; items are moved under a lock with the note, since two
    stamps around the real calls could come out in the wrong order.
    """

    def __new__(cls) -> Any:
        if _Recording.recorder.made_by_library(sys._getframe(1)):
            return RealSimpleQueue()  # pyright: ignore[reportUnknownVariableType]
        return super().__new__(cls)

    def __init__(self) -> None:
        self._recorder = _Recording.recorder
        self._tokens: Any = RealSimpleQueue()
        self._items: deque[Any] = deque()
        self._moving = RealRLock()  # re-entrant, as the real put is: a finalizer may put
        self._index = self._recorder.register_made(self, "SimpleQueue", sys._getframe(1))

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        with self._moving:
            _note(self._recorder, Op.PUT, self._index, now())
            self._items.append(item)
            self._tokens.put(None)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.location(sys._getframe(1))
        tokens = self._tokens
        try:
            if not block or (timeout is not None and timeout < 0):
                tokens.get(block, timeout)
            else:
                self._wait(log, where, timeout)
        except queue.Empty:
            log.add((log.index, Op.GET_FAILED, 0, self._index, where, NOTHING, now()))
            raise
        with self._moving:
            item = self._items.popleft()
            log.add((log.index, Op.GET, 0, self._index, where, NOTHING, now()))
        return item

    def _wait(self, log: ThreadLog, where: int, timeout: float | None) -> None:
        try:
            self._tokens.get(False)
        except queue.Empty:
            request(self._recorder, log, self._index, "SimpleQueue.get", where, timeout is not None)
            try:
                self._tokens.get(True, timeout)
            finally:
                log.waiting = False

    def put_nowait(self, item: Any) -> None:
        self.put(item)

    def get_nowait(self) -> Any:
        return self.get(False)

    def empty(self) -> bool:
        return not self._items

    def qsize(self) -> int:
        return len(self._items)

    def __class_getitem__(cls, item: Any) -> Any:
        return types.GenericAlias(RealSimpleQueue, item)  # pyright: ignore[reportUnknownVariableType]


# Threads.


def _thread_row(recorder: Recorder, thread: threading.Thread) -> tuple[int, int]:
    """The indices of a thread and its object; a thread started before the recording is added now."""
    row: tuple[Recorder, int, int] | None = getattr(thread, "_weft_recorded", None)
    if row is None or row[0] is not recorder:
        row = (recorder, *recorder.register_thread(thread.name, NOTHING, thread.daemon))
        thread._weft_recorded = row  # pyright: ignore[reportAttributeAccessIssue]
    return row[1:]


def start(self: threading.Thread) -> None:
    recorder = _Recording.recorder
    if not getattr(self, "_initialized", False) or self.ident is not None:
        return real_start(self)  # raises what the real one raises
    log = recorder.here.log
    where = recorder.location(sys._getframe(1))
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
        del thread.run
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
    where = NOTHING if place is None else recorder.add_location(*place)
    log.add((log.index, Op.FAIL, 0, target, where, recorder.extra((id(error), now()), values), now()))


def join(self: threading.Thread, timeout: float | None = None) -> None:
    recorder = _Recording.recorder
    if not getattr(self, "_initialized", False) or self.ident is None or self is threading.current_thread():
        return real_join(self, timeout)  # raises what the real one raises
    log = recorder.here.log
    where = recorder.location(sys._getframe(1))
    target = _thread_row(recorder, self)[1]
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
    recorder = _Recording.recorder
    if self.ident is not None:
        _note(recorder, Op.CANCEL, _thread_row(recorder, self)[1], now())
    real_cancel(self)


# Futures and pools.


class Future(RealFuture):  # pyright: ignore[reportMissingTypeArgument]
    """``concurrent.futures.Future``, recorded."""

    def __init__(self) -> None:
        super().__init__()
        self._recorder = recorder = _Recording.recorder
        pool = recorder.here.log.pool
        self._index = recorder.register_made(self, "Future", sys._getframe(1), part_of=pool)

    def set_running_or_notify_cancel(self) -> bool:
        runs = super().set_running_or_notify_cancel()
        if runs:
            self._recorder.here.log.idle = False
            _note(self._recorder, Op.RUN, self._index, now())
        return runs

    def set_result(self, result: Any) -> None:
        time_ns = now()
        super().set_result(result)  # pyright: ignore[reportUnknownMemberType]
        self._was_set(time_ns, 0)

    def set_exception(self, exception: BaseException | None) -> None:
        time_ns = now()
        super().set_exception(exception)
        self._was_set(time_ns, 1)

    def _was_set(self, time_ns: int, failed: int) -> None:
        log = self._recorder.here.log
        where = self._recorder.location(sys._getframe(2))
        log.add((log.index, Op.SET, failed, self._index, where, NOTHING, time_ns))
        log.idle = log.worker

    def result(self, timeout: float | None = None) -> Any:
        return self._await(super().result, timeout, "Future.result")

    def exception(self, timeout: float | None = None) -> BaseException | None:
        return self._await(super().exception, timeout, "Future.exception")

    def _await(self, really: Callable[[float | None], Any], timeout: float | None, label: str) -> Any:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.location(sys._getframe(2))
        if not self.done():
            request(recorder, log, self._index, label, where, timeout is not None)
        try:
            return really(timeout)
        finally:
            log.waiting = False
            seen = self.done()
            log.add((log.index, Op.RESULT if seen else Op.TIMEOUT, int(seen), self._index, where, NOTHING, now()))

    def cancel(self) -> bool:
        time_ns = now()
        done = super().cancel()
        if done:
            _note(self._recorder, Op.CANCEL, self._index, time_ns)
        return done


class ThreadPoolExecutor(RealThreadPoolExecutor):
    """``concurrent.futures.ThreadPoolExecutor``, recorded: its futures, its workers' threads, and its closing."""

    def __init__(self, max_workers: int | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(max_workers, *args, **kwargs)
        self._recorder = _Recording.recorder
        workers: int = getattr(self, "_max_workers", max_workers or 0)
        self._index = self._recorder.register_made(self, "ThreadPoolExecutor", sys._getframe(1), capacity=workers)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        log = self._recorder.here.log
        time_ns = now()
        outer, log.pool = log.pool, self._index
        try:
            future = super().submit(fn, *args, **kwargs)
        finally:
            log.pool = outer
        if isinstance(future, Future):
            _note(self._recorder, Op.SUBMIT, future._index, time_ns)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        _note(self._recorder, Op.CLOSE, self._index, now())
        super().shutdown(wait, cancel_futures=cancel_futures)


def _await_one(
    log: ThreadLog, recorder: Recorder, futures: Iterable[Any], label: str, frame: Any, limited: bool
) -> None:
    """Note that the thread has to wait: for the first of the unfinished futures, since it waits for any of them."""
    waiting = [future for future in futures if isinstance(future, Future) and not future.done()]
    if waiting:
        first = min(waiting, key=lambda future: future._index)
        request(recorder, log, first._index, label, recorder.location(frame), limited)


def wait(fs: Iterable[Any], timeout: float | None = None, return_when: str = concurrent.futures.ALL_COMPLETED) -> Any:
    recorder = _Recording.recorder
    log = recorder.here.log
    futures = set(fs)
    frame = sys._getframe(1)
    unfinished = [future for future in futures if not future.done()]
    enough = return_when != concurrent.futures.ALL_COMPLETED and len(unfinished) < len(futures)
    if unfinished and not enough:
        _await_one(log, recorder, unfinished, "futures.wait", frame, timeout is not None)
    try:
        result = real_wait(futures, timeout, return_when)
    finally:
        log.waiting = False
    where = recorder.location(frame)
    for future in sorted((item for item in result.done if isinstance(item, Future)), key=lambda item: item._index):
        log.add((log.index, Op.RESULT, 1, future._index, where, NOTHING, now()))
    return result


def as_completed(fs: Iterable[Any], timeout: float | None = None) -> Generator[Any]:
    recorder = _Recording.recorder
    left = set(fs)
    completed = real_as_completed(left.copy(), timeout)
    while True:
        log = recorder.here.log
        frame = sys._getframe(1)
        if left and not any(future.done() for future in left):
            _await_one(log, recorder, left, "as_completed", frame, timeout is not None)
        try:
            future = next(completed, None)
        finally:
            log.waiting = False
        if future is None:
            return
        left.discard(future)
        if isinstance(future, Future):
            log.add((log.index, Op.RESULT, 1, future._index, recorder.location(frame), NOTHING, now()))
        yield future


# Time.


def sleep(seconds: float, /) -> None:
    recorder = _Recording.recorder
    _note(recorder, Op.SLEEP, NOTHING, now(), extra=recorder.extra(("sleep", seconds), {"seconds": seconds}))
    real_sleep(seconds)


def work(seconds: float, gil: bool = True) -> None:
    recorder = _Recording.recorder
    values = {"class": "py" if gil else "nogil", "seconds": seconds}
    _note(recorder, Op.COMPUTE, NOTHING, now(), extra=recorder.extra(("work", seconds, gil), values))
    real_work(seconds, gil)


# In and out.


def _replacements() -> list[tuple[Any, str, Any]]:
    table: list[tuple[Any, str, Any]] = [
        (_thread, "allocate_lock", make_lock),
        (_thread, "RLock", make_rlock),
        (threading, "Lock", make_lock),
        (threading, "RLock", make_rlock),
        (threading, "Condition", Condition),
        (threading, "Semaphore", Semaphore),
        (threading, "BoundedSemaphore", BoundedSemaphore),
        (threading, "Event", Event),
        (threading, "Barrier", Barrier),
        (threading.Thread, "start", start),
        (threading.Thread, "join", join),
        (threading.Timer, "cancel", cancel),
        (queue, "Queue", Queue),
        (queue, "LifoQueue", LifoQueue),
        (queue, "PriorityQueue", PriorityQueue),
        (queue, "SimpleQueue", SimpleQueue),
        (time, "sleep", sleep),
        (_work, "work", work),
    ]
    for package in (concurrent.futures, concurrent.futures._base):
        table += [(package, "Future", Future), (package, "wait", wait), (package, "as_completed", as_completed)]
    for package in (concurrent.futures, concurrent.futures.thread):
        table.append((package, "ThreadPoolExecutor", ThreadPoolExecutor))
    face = sys.modules.get("weft")
    if face is not None and "work" in vars(face):
        table.append((face, "work", work))
    return table


@contextmanager
def recording(recorder: Recorder) -> Generator[None]:
    """While it lasts, the standard library's threading family records into ``recorder``.

    Objects made before it, and names imported before it, keep the real thing.
    """
    replaced = [(holder, name, getattr(holder, name), value) for holder, name, value in _replacements()]
    _Recording.recorder = recorder
    for holder, name, _, value in replaced:
        setattr(holder, name, value)
    try:
        yield
    finally:
        for holder, name, original, _ in reversed(replaced):
            setattr(holder, name, original)

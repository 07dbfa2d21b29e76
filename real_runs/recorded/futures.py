"""``concurrent.futures``, recorded: futures, the pool of threads, and waiting for several.

Pool workers are ordinary recorded threads; a future knows its pool only as the object it is part of.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Generator, Iterable
from typing import Any

from ...simcore.trace import NOTHING, Op
from ..log import Recorder, request
from ..thread_log import ThreadLog, now
from .notes import Recording, getframe, note

RealFuture = concurrent.futures.Future
RealThreadPoolExecutor = concurrent.futures.ThreadPoolExecutor
real_wait = concurrent.futures.wait
real_as_completed = concurrent.futures.as_completed


class Future(RealFuture):  # pyright: ignore[reportMissingTypeArgument]
    """``concurrent.futures.Future``, recorded."""

    def __init__(self) -> None:
        super().__init__()
        self._recorder = recorder = Recording.recorder
        pool = recorder.here.log.pool
        self._index = recorder.register_made(self, "Future", getframe(1), part_of=pool)

    def set_running_or_notify_cancel(self) -> bool:
        runs = super().set_running_or_notify_cancel()
        if runs:
            self._recorder.here.log.idle = False
            note(self._recorder, Op.RUN, self._index, now())
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
        recorder = self._recorder
        note(recorder, Op.SET, self._index, time_ns, failed, depth=3)
        log = recorder.here.log
        log.idle = log.worker

    def result(self, timeout: float | None = None) -> Any:
        return self._await(super().result, timeout, "Future.result")

    def exception(self, timeout: float | None = None) -> BaseException | None:
        return self._await(super().exception, timeout, "Future.exception")

    def _await(self, really: Callable[[float | None], Any], timeout: float | None, label: str) -> Any:
        recorder = self._recorder
        log = recorder.here.log
        where = recorder.places.location(getframe(2))
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
            note(self._recorder, Op.CANCEL, self._index, time_ns)
        return done


class ThreadPoolExecutor(RealThreadPoolExecutor):
    """``concurrent.futures.ThreadPoolExecutor``, recorded: its futures, its workers' threads, and its closing."""

    def __init__(self, max_workers: int | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(max_workers, *args, **kwargs)
        self._recorder = Recording.recorder
        workers: int = getattr(self, "_max_workers", max_workers or 0)
        self._index = self._recorder.register_made(self, "ThreadPoolExecutor", getframe(1), capacity=workers)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        log = self._recorder.here.log
        time_ns = now()
        outer, log.pool = log.pool, self._index
        try:
            future = super().submit(fn, *args, **kwargs)
        finally:
            log.pool = outer
        if isinstance(future, Future):
            note(self._recorder, Op.SUBMIT, future._index, time_ns)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        note(self._recorder, Op.CLOSE, self._index, now())
        super().shutdown(wait, cancel_futures=cancel_futures)


def _await_one(
    log: ThreadLog, recorder: Recorder, futures: Iterable[Any], label: str, frame: Any, limited: bool
) -> None:
    """Note that the thread has to wait: for the first of the unfinished futures, since it waits for any of them."""
    waiting = [future for future in futures if isinstance(future, Future) and not future.done()]
    if waiting:
        first = min(waiting, key=lambda future: future._index)
        request(recorder, log, first._index, label, recorder.places.location(frame), limited)


def wait(fs: Iterable[Any], timeout: float | None = None, return_when: str = concurrent.futures.ALL_COMPLETED) -> Any:
    recorder = Recording.recorder
    log = recorder.here.log
    futures = set(fs)
    frame = getframe(1)
    unfinished = [future for future in futures if not future.done()]
    enough = return_when != concurrent.futures.ALL_COMPLETED and len(unfinished) < len(futures)
    if unfinished and not enough:
        _await_one(log, recorder, unfinished, "futures.wait", frame, timeout is not None)
    try:
        result = real_wait(futures, timeout, return_when)
    finally:
        log.waiting = False
    where = recorder.places.location(frame)
    for future in sorted((item for item in result.done if isinstance(item, Future)), key=lambda item: item._index):
        log.add((log.index, Op.RESULT, 1, future._index, where, NOTHING, now()))
    return result


def as_completed(fs: Iterable[Any], timeout: float | None = None) -> Generator[Any]:
    recorder = Recording.recorder
    left = set(fs)
    completed = real_as_completed(left.copy(), timeout)
    while True:
        log = recorder.here.log
        frame = getframe(1)
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
            log.add((log.index, Op.RESULT, 1, future._index, recorder.places.location(frame), NOTHING, now()))
        last = [future]
        del future, frame  # as in the original: once yielded it is nobody's here any more
        yield last.pop()

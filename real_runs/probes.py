"""The probes of a calibration: small programs, each of which measures one cost again and again.

They run in a process of their own, on any interpreter, with the standard library alone; what their samples come to is
not known here. They are none of the workloads that predictions are checked on.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

WARM_UP = 5
"""The first samples of every probe are dropped, by this rule alone."""
GIVE_UP_SECONDS = 5.0
"""A partner thread that has not answered by then never will; the probe fails instead of hanging."""

now = time.perf_counter_ns


class ProbeError(Exception):
    """A probe did not come to an end; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One measurement: ``run`` yields samples in ``unit`` until it is no longer asked."""

    name: str
    run: Callable[[], Generator[float]]
    unit: str = "ns"
    enough: int = 2000
    """Samples after which more would only cost time."""
    warm_up: int = WARM_UP
    times: int = 1
    """It gets so many times the time that others get."""


def take(probe: Probe, seconds: float) -> list[float]:
    """Samples of a probe until its time is up, at least one; the first few warm up, are dropped, and do not count.
    ``seconds`` is what a probe gets that gets no more than others.

    Raises:
        ProbeError: the probe ended by itself, or got stuck.
    """
    found: list[float] = []
    seconds *= probe.times
    deadline = now() + int(seconds * 1e9)
    with contextlib.closing(probe.run()) as samples:
        for index, sample in enumerate(samples):
            if index >= probe.warm_up:
                found.append(sample)
            else:
                deadline = now() + int(seconds * 1e9)
            if (found and now() > deadline) or len(found) >= probe.enough:
                return found
    raise ProbeError(f"the probe {probe.name!r} ended by itself")


def costs(cores: Sequence[int]) -> list[Probe]:
    """The probes of what operations cost, on these processors, in nanoseconds."""
    every, one, two = list(cores), list(cores[:1]), list(cores[:2])
    found = [
        Probe("thread_create", lambda: _thread_start(0)),
        Probe("thread_start", lambda: _thread_start(1)),
        Probe("lock", _lock),
        Probe("queue", _queue),
        Probe("handover_lock_any", lambda: _handover(LockGate, every, every)),
        Probe("handover_lock_same_core", lambda: _handover(LockGate, one, one)),
        Probe("handover_condition_any", lambda: _handover(_ConditionGate, every, every)),
        Probe("handover_condition_same_core", lambda: _handover(_ConditionGate, one, one)),
        Probe("context_switch", lambda: _context_switch(one)),
        Probe("submit", lambda: _executor(0)),
        Probe("submit_to_result", lambda: _executor(1)),
        Probe("sleep_overshoot", _sleep_overshoot),
        Probe("timeout_overshoot", _timeout_overshoot),
    ]
    if len(cores) > 1:
        working = Probe("handover_lock_working", lambda: _handover(LockGate, every, every, work_bytes=1 << 17))
        found += [
            working,
            Probe("handover_lock_other_core", lambda: _handover(LockGate, one, two[1:])),
            Probe("handover_lock_idle_core", lambda: _handover(LockGate, one, two[1:], pause_seconds=5e-4)),
            Probe("balance", lambda: _balance(every), enough=40, warm_up=1, times=3),
        ]
    return found


def _thread_start(which: int) -> Generator[float]:
    """What ``start()`` costs the starter (0), and from ``start()`` to the thread's first line (1)."""
    first_line = [0]

    def body() -> None:
        first_line[0] = now()

    while True:
        thread = threading.Thread(target=body)
        begin = now()
        thread.start()
        started = now()
        thread.join()
        yield (started - begin, first_line[0] - begin)[which]


def _lock() -> Generator[float]:
    """One acquire or release nobody competes for; the loop around it is measured and taken off."""
    lock = threading.Lock()
    acquire, release = lock.acquire, lock.release
    turns = range(500)
    while True:
        begin = now()
        for _ in turns:
            acquire()
            release()
        middle = now()
        for _ in turns:
            pass
        end = now()
        yield max((middle - begin) - (end - middle), 0) / (2 * len(turns))


def _queue() -> Generator[float]:
    """One put or get of a queue that is neither full nor empty."""
    line: queue.Queue[int] = queue.Queue()
    turns = range(100)
    while True:
        begin = now()
        for item in turns:
            line.put(item)
        for _ in turns:
            line.get()
        yield (now() - begin) / (2 * len(turns))


class LockGate:
    """A thread waits in ``acquire``; opening is a ``release``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self) -> bool:
        return self._lock.acquire(timeout=GIVE_UP_SECONDS)

    def open(self) -> None:
        self._lock.release()


class _ConditionGate:
    """A thread waits in ``Condition.wait``; opening is a ``notify``."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._opened = 0

    def wait(self) -> bool:
        with self._condition:
            if not self._condition.wait_for(lambda: self._opened > 0, GIVE_UP_SECONDS):
                return False
            self._opened -= 1
            return True

    def open(self) -> None:
        with self._condition:
            self._opened += 1
            self._condition.notify()


def _handover(
    gate: type[LockGate] | type[_ConditionGate],
    waker: list[int],
    sleeper: list[int],
    *,
    pause_seconds: float = 3e-5,
    work_bytes: int = 0,
) -> Generator[float]:
    """From the wake-up to the first line of the blocked thread, with both threads pinned to the given cores.

    The waker gives the GIL up at once, so that its hand-over is in and no forced switch is: by waiting for the answer,
    or by hashing ``work_bytes``, which keeps its core busy. Before, it pauses until the other thread is blocked; after
    a long pause that thread's core has gone idle, and waking it costs more.
    """
    load = bytes(work_bytes)
    there, back = gate(), LockGate()
    woken = [0]
    running = True

    def body() -> None:
        os.sched_setaffinity(0, sleeper)
        while there.wait() and running:
            woken[0] = now()
            back.open()

    with pinned(waker), partner(body):
        try:
            while True:
                time.sleep(pause_seconds)
                begin = now()
                there.open()
                if load:
                    hashlib.sha256(load)
                answered(back.wait(), "handover")
                yield woken[0] - begin
        finally:
            running = False
            there.open()


def _context_switch(core: list[int]) -> Generator[float]:
    """A pipe's round trip between two threads on one core, less the reads and writes themselves, halved."""
    ping, pong = os.pipe(), os.pipe()

    def body() -> None:
        os.sched_setaffinity(0, core)
        while os.read(ping[0], 1) == b"x":
            os.write(pong[1], b"x")

    with _closed_at_end((*ping, *pong)), pinned(core), partner(body):
        try:
            while True:
                begin = now()
                for _ in range(20):
                    os.write(ping[1], b"x")
                    os.read(pong[0], 1)
                middle = now()
                for _ in range(20):  # the same calls, without anybody to switch to
                    os.write(pong[1], b"x")
                    os.read(pong[0], 1)
                alone = now() - middle
                yield max(middle - begin - 2 * alone, 0) / 40
        finally:
            os.write(ping[1], b"-")


_UNBALANCED_SECONDS = 0.03
"""What each thread computes: longer than kernels let a core idle beside one that two threads share."""


def _balance(cores: list[int]) -> Generator[float]:
    """How long a core stays idle while a thread waits for another one, in a program of equal threads, one more than there
    are cores.

    Two of them share a core; all others are done after w, the time of one alone, and then a core stays idle for d. From
    then on each of the two has a core, and what is left of them, 2 w - w - d in all, takes half as long: the last ends
    at 1.5 w + d / 2. No kernel that waits longer than w is told from one that waits for ever.
    """
    buffer = bytes(1 << 20)
    with pinned(cores):
        blocks = max(round(_UNBALANCED_SECONDS * 1e9 / _hashed_ns(buffer, 4) * 4), 1)
        while True:
            alone_ns = _hashed_ns(buffer, blocks)
            threads = [threading.Thread(target=_hashed_ns, args=(buffer, blocks)) for _ in range(len(cores) + 1)]
            begin = now()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            yield min(max(2 * (now() - begin) - 3 * alone_ns, 0), alone_ns)


def _hashed_ns(buffer: bytes, blocks: int) -> int:
    """How long so many blocks take to hash, without the GIL."""
    made = hashlib.sha256()
    begin = now()
    for _ in range(blocks):
        made.update(buffer)
    return now() - begin


@contextlib.contextmanager
def _closed_at_end(descriptors: Sequence[int]) -> Generator[None]:
    try:
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _executor(which: int) -> Generator[float]:
    """What ``submit`` costs the caller (0), and from there to the result (1), with a worker that waits."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result(GIVE_UP_SECONDS)
        while True:
            begin = now()
            future = pool.submit(int)
            submitted = now()
            future.result(GIVE_UP_SECONDS)
            yield (submitted - begin, now() - begin)[which]
            time.sleep(0.0002)  # lets the worker block again


def _sleep_overshoot() -> Generator[float]:
    """How much later than asked a sleep of 1 ms ends."""
    while True:
        begin = now()
        time.sleep(0.001)
        yield now() - begin - 1_000_000


def _timeout_overshoot() -> Generator[float]:
    """How much later than asked an ``acquire`` with a time-out of 1 ms gives up."""
    lock = threading.Lock()
    lock.acquire()
    while True:
        begin = now()
        lock.acquire(timeout=0.001)
        yield now() - begin - 1_000_000


def answered(arrived: bool, probe: str) -> None:
    if not arrived:
        raise ProbeError(
            f"the probe {probe!r} got no answer within {GIVE_UP_SECONDS:g} s; the machine is too busy to be measured"
        )


@contextlib.contextmanager
def pinned(cores: list[int]) -> Generator[None]:
    """The calling thread on these processors while it lasts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def partner(body: Callable[[], None]) -> Generator[None]:
    """A second thread for the time of the probe; the probe must make it end."""
    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(GIVE_UP_SECONDS + 1)

"""``weft calibrate``: measure what operations cost on this machine, as a profile for the timed world.

The probes are programs of their own, different from every workload that predictions are checked on. They use the real
primitives, need no privileges, and each stops at its share of the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ..simcore.profile import IDEAL, Profile, ProfileError
from ..simcore.profile import load as load_profile
from .machine import available_cores, busy_seconds, describe
from .statistics import estimate

SHARE_SECONDS = 0.5
"""What a probe takes when there is time enough: hundreds of samples of anything below a millisecond."""
DISTURBED_MAX = 0.05
"""What others may use of the processors without a probe being repeated: a desktop at rest uses less."""
_ATTEMPTS_MAX = 4
_RAW_MAX = 200
"""Raw samples kept in the profile for each term; more of them only make the file long."""
_WARM_UP = 5
_GIVE_UP_SECONDS = 5.0
"""A partner thread that has not answered by then never will; the probe fails instead of hanging."""

now = time.perf_counter_ns


class CalibrationError(Exception):
    """A probe did not come to an end, or the time allowed is too short; the message says which."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One measurement: ``run`` yields samples in nanoseconds until it is no longer asked."""

    name: str
    run: Callable[[], Generator[float]]
    enough: int = 2000
    cores: int = 1
    """How many cores it needs."""


def calibrate(seconds_max: float = 15.0, name: str = "this machine") -> Profile:
    """Measure this machine; takes about 8 s when it is quiet, and never much longer than ``seconds_max``.

    Every term has its median, 95 % bootstrap interval, number and raw samples in ``Profile.samples``, and the share of
    the processors that others used meanwhile. A probe that was disturbed is repeated while there is time; the least
    disturbed attempt counts.

    Raises:
        CalibrationError: ``seconds_max`` is not above 0, or a probe got stuck.
    """
    if not seconds_max > 0:
        raise CalibrationError(f"the time for a calibration is {seconds_max!r} s; it must be more than 0")
    cores = available_cores()
    probes = [probe for probe in _probes(cores) if probe.cores <= len(cores)]
    share = min(SHARE_SECONDS, seconds_max / len(probes))
    end = time.monotonic() + seconds_max
    machine = describe()
    samples: dict[str, dict[str, Any]] = {}
    for later, probe in zip(reversed(range(len(probes))), probes, strict=True):
        best = attempt(probe, share)
        for _ in range(_ATTEMPTS_MAX - 1):
            if best["disturbed"] <= DISTURBED_MAX or time.monotonic() + share * (later + 1) > end:
                break
            best = min(best, attempt(probe, share), key=lambda values: values["disturbed"])
        samples[probe.name] = best
    term = {key: max(round(values["median"]), 0) for key, values in samples.items()}
    return Profile(
        name=name,
        thread_create_ns=term["thread_create"],
        thread_start_ns=term["thread_start"],
        lock_ns=term["lock"],
        # Who wakes another usually goes on computing; on one core that other waits, and only a pinned pair tells.
        handover_ns=term["handover_lock_working" if len(cores) > 1 else "handover_lock_same_core"],
        context_switch_ns=term["context_switch"],
        queue_ns=term["queue"],
        submit_ns=term["submit"],
        timer_slack_ns=term["sleep_overshoot"],
        gil_switch_interval_ns=round(sys.getswitchinterval() * 1e9),
        gil_handover_ns=term["gil_handover"],
        machine=machine,
        samples=samples,
    )


def _here() -> Traversable:
    return files(__name__.rpartition(".")[0])


def shipped() -> list[str]:
    """The names of the profiles that come with weft."""
    folder = _here() / "profiles"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


def find_profile(text: str) -> Profile:
    """The profile a user names: a file, the name of a shipped one, ``default`` or ``ideal``.

    Raises:
        ProfileError: there is none of that name, or the file is not a profile.
    """
    if text in ("default", "ideal"):
        return Profile() if text == "default" else IDEAL
    if text in shipped():
        entry = _here() / "profiles" / f"{text}.json"
        return load_profile(Path(str(entry)))
    if not Path(text).exists():
        known = ", ".join(["default", "ideal", *shipped()])
        raise ProfileError(
            f"no machine profile {text!r}: neither a file nor one of {known}; `weft calibrate -o FILE` writes one"
        )
    return load_profile(text)


def attempt(probe: Probe, seconds: float) -> dict[str, Any]:
    """One go at a probe: its summary, with ``disturbed``, the share of all processors' time that others used."""
    own, all_of_us, begin = time.process_time(), busy_seconds(), time.perf_counter()
    values = _summary(_take(probe, seconds))
    own, after, elapsed = time.process_time() - own, busy_seconds(), time.perf_counter() - begin
    others = 0.0 if all_of_us is None or after is None else max(after - all_of_us - own, 0.0)
    return {**values, "disturbed": round(others / (elapsed * (os.cpu_count() or 1)), 3)}


def _take(probe: Probe, seconds: float) -> list[float]:
    """Samples of a probe until its time is up; the first few warm up and are dropped by that rule alone."""
    found: list[float] = []
    deadline = now() + int(seconds * 1e9)
    with contextlib.closing(probe.run()) as samples:
        for index, sample in enumerate(samples):
            if index >= _WARM_UP:
                found.append(sample)
            if (found and now() > deadline) or len(found) >= probe.enough:
                return found
    raise CalibrationError(f"the probe {probe.name!r} ended by itself")


def _summary(samples: Sequence[float]) -> dict[str, Any]:
    result = estimate(samples)
    step = max(1, -(-len(samples) // _RAW_MAX))
    return {
        "unit": "ns",
        "median": round(result.median, 1),
        "interval": [round(result.low, 1), round(result.high, 1)],
        "n": result.n,
        "raw": [round(value, 1) for value in samples[::step]],
    }


def _probes(cores: list[int]) -> list[Probe]:
    one, two = cores[:1], cores[:2]
    return [
        Probe("thread_create", lambda: _thread_start(0)),
        Probe("thread_start", lambda: _thread_start(1)),
        Probe("lock", _lock),
        Probe("queue", _queue),
        Probe("handover_lock_working", lambda: _handover(_LockGate, cores, cores, work_bytes=1 << 17)),
        Probe("handover_lock_any", lambda: _handover(_LockGate, cores, cores)),
        Probe("handover_lock_same_core", lambda: _handover(_LockGate, one, one)),
        Probe("handover_lock_other_core", lambda: _handover(_LockGate, one, two[1:]), cores=2),
        Probe("handover_lock_idle_core", lambda: _handover(_LockGate, one, two[1:], pause_seconds=5e-4), cores=2),
        Probe("handover_condition_any", lambda: _handover(_ConditionGate, cores, cores)),
        Probe("handover_condition_same_core", lambda: _handover(_ConditionGate, one, one)),
        Probe("context_switch", lambda: _context_switch(one)),
        Probe("submit", lambda: _executor(0)),
        Probe("submit_to_result", lambda: _executor(1)),
        Probe("sleep_overshoot", _sleep_overshoot),
        Probe("gil_handover", _gil_handover),
        Probe("gil_forced_switch", _gil_forced_switch),
    ]


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


class _LockGate:
    """A thread waits in ``acquire``; opening is a ``release``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self) -> bool:
        return self._lock.acquire(timeout=_GIVE_UP_SECONDS)

    def open(self) -> None:
        self._lock.release()


class _ConditionGate:
    """A thread waits in ``Condition.wait``; opening is a ``notify``."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._opened = 0

    def wait(self) -> bool:
        with self._condition:
            if not self._condition.wait_for(lambda: self._opened > 0, _GIVE_UP_SECONDS):
                return False
            self._opened -= 1
            return True

    def open(self) -> None:
        with self._condition:
            self._opened += 1
            self._condition.notify()


def _handover(
    gate: type[_LockGate] | type[_ConditionGate],
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
    there, back = gate(), _LockGate()
    woken = [0]
    running = True

    def body() -> None:
        os.sched_setaffinity(0, sleeper)
        while there.wait() and running:
            woken[0] = now()
            back.open()

    with _pinned(waker), _partner(body):
        try:
            while True:
                time.sleep(pause_seconds)
                begin = now()
                there.open()
                if load:
                    hashlib.sha256(load)
                _answered(back.wait(), "handover")
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

    with _closed_at_end((*ping, *pong)), _pinned(core), _partner(body):
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
        pool.submit(int).result(_GIVE_UP_SECONDS)
        while True:
            begin = now()
            future = pool.submit(int)
            submitted = now()
            future.result(_GIVE_UP_SECONDS)
            yield (submitted - begin, now() - begin)[which]
            time.sleep(0.0002)  # lets the worker block again


def _sleep_overshoot() -> Generator[float]:
    """How much later than asked a sleep of 1 ms ends."""
    while True:
        begin = now()
        time.sleep(0.001)
        yield now() - begin - 1_000_000


def _gil_handover() -> Generator[float]:
    """From giving the GIL up to the first line of a thread that was blocked on it."""
    gate, back = _LockGate(), _LockGate()
    woken = [0]
    running = True

    def body() -> None:
        while gate.wait() and running:
            time.sleep(0.0005)
            woken[0] = now()
            back.open()

    interval = sys.getswitchinterval()
    with _partner(body):
        try:
            sys.setswitchinterval(1.0)  # no forced switch: the GIL is given up only by waiting
            while True:
                gate.open()
                time.sleep(0.0001)
                _spin(1_000_000)  # the partner wakes up meanwhile, and blocks on the GIL
                begin = now()
                _answered(back.wait(), "gil_handover")
                if woken[0] > begin:  # else it came in before the spinning began
                    yield woken[0] - begin
        finally:
            sys.setswitchinterval(interval)
            running = False
            gate.open()


def _gil_forced_switch() -> Generator[float]:
    """From the end of a sleep to the first line, while another thread computes in pure Python all the time."""
    running = True

    def hog() -> None:
        while running:
            _spin(50_000)

    with _partner(hog):
        try:
            while True:
                begin = now()
                time.sleep(0.001)
                yield now() - begin - 1_000_000
        finally:
            running = False


def _spin(duration_ns: int) -> None:
    end = now() + duration_ns
    while now() < end:
        pass


def _answered(arrived: bool, probe: str) -> None:
    if not arrived:
        raise CalibrationError(
            f"the probe {probe!r} got no answer within {_GIVE_UP_SECONDS:g} s; the machine is too busy to be measured"
        )


@contextlib.contextmanager
def _pinned(cores: list[int]) -> Generator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def _partner(body: Callable[[], None]) -> Generator[None]:
    """A second thread for the time of the probe; the probe must make it end."""
    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(_GIVE_UP_SECONDS + 1)

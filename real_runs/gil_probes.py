"""The probes of what the GIL costs: handing it over, a forced switch, and giving it up for a short operation.

They are left out where there is none.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Generator, Sequence

from .machine import gil_enabled
from .probes import LockGate, Probe, answered, now, partner, pinned


def gil_costs(cores: Sequence[int]) -> list[Probe]:
    """The probes for an interpreter with a GIL on these processors, in nanoseconds."""
    if not gil_enabled():
        return []
    found = [
        Probe("gil_handover", _gil_handover),
        Probe("gil_forced_switch", _gil_forced_switch),
        Probe("gil_release", _gil_release),
    ]
    if len(cores) > 1:
        found.append(Probe("gil_contended", lambda: _gil_contended(list(cores[:2]))))
    return found


def _gil_handover() -> Generator[float]:
    """From giving the GIL up to the first line of a thread that was blocked on it."""
    gate, back = LockGate(), LockGate()
    woken = [0]
    running = True

    def body() -> None:
        while gate.wait() and running:
            time.sleep(0.0005)
            woken[0] = now()
            back.open()

    interval = sys.getswitchinterval()
    with partner(body):
        try:
            sys.setswitchinterval(1.0)  # no forced switch: the GIL is given up only by waiting
            while True:
                gate.open()
                time.sleep(0.0001)
                _spin(1_000_000)  # the partner wakes up meanwhile, and blocks on the GIL
                begin = now()
                answered(back.wait(), "gil_handover")
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

    with partner(hog):
        try:
            while True:
                begin = now()
                time.sleep(0.001)
                yield now() - begin - 1_000_000
        finally:
            running = False


_KEPT = bytes(2047)
"""hashlib holds the GIL for this much, and gives it up for one byte more (``HASHLIB_GIL_MINSIZE``)."""
_RELEASED = bytes(2048)
_CONTENDED = bytes(4096)


def _gil_release() -> Generator[float]:
    """Giving the GIL up and taking it back, nobody else wanting it: two hashes of almost one length, one of each kind."""
    kept, released = hashlib.sha256(), hashlib.sha256()
    turns = range(100)
    while True:
        begin = now()
        for _ in turns:
            kept.update(_KEPT)
        middle = now()
        for _ in turns:
            released.update(_RELEASED)
        end = now()
        yield max((end - middle) - (middle - begin) * len(_RELEASED) / len(_KEPT), 0) / len(turns)


def _gil_contended(cores: list[int]) -> Generator[float]:
    """The processor time that a short release of the GIL costs on top while a second thread does the same."""
    go, back = LockGate(), LockGate()
    turns = range(500)
    running = True

    def hash_all() -> None:
        digest = hashlib.sha256()
        for _ in turns:
            digest.update(_CONTENDED)

    def body() -> None:
        os.sched_setaffinity(0, cores[1:])
        while go.wait() and running:
            hash_all()
            back.open()

    clock = time.process_time_ns
    with pinned(cores[:1]), partner(body):
        try:
            while True:
                begin = clock()
                hash_all()
                middle = clock()
                go.open()
                hash_all()
                answered(back.wait(), "gil_contended")
                end = clock()
                alone, both = middle - begin, end - middle
                yield max(both - 2 * alone, 0) / (2 * len(turns))
        finally:
            running = False
            go.open()


def _spin(duration_ns: int) -> None:
    end = now() + duration_ns
    while now() < end:
        pass

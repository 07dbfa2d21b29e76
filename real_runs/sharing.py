"""The probes of what cores take from each other: computing side by side, memory bandwidth, siblings, unequal cores.

Each compares a piece of work done alone with the same piece done on several cores at the same moment. Like the others
they need the standard library alone; those that need NumPy are left out without it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

from .machine import memory_available_bytes, physical_cores, unequal_cores
from .probes import GIVE_UP_SECONDS, Probe, answered, now

WORKING_SETS_BYTES = (1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 27)
"""What one thread touches, from the second-level cache of most processors to far beyond the last-level cache."""
_MEMORY_SHARE = 4
"""The arrays of all threads together take at most one in so many of the bytes available."""
_PIECE_SECONDS = 0.006
"""One piece of work: hundreds of times what starting the threads together misses by (some 20 us)."""
_HEAD_START_SECONDS = 0.0005
"""Threads are told when to begin that much in advance, so that the last one told is in time."""
_BUFFER_BYTES = 1 << 20
_MATRIX = 256

Work = Callable[[int], object]
"""What one member of a team does; its number is the argument."""


def counts(cores: int) -> list[int]:
    """The numbers of busy cores to measure: powers of two from 2, and all of them."""
    found = [1 << power for power in range(1, cores.bit_length()) if 1 << power < cores]
    return [*found, cores] if cores > 1 else []


def filled(measured: dict[int, float], one: float = 1.0) -> list[float]:
    """A curve for 1, 2, … cores from its value at some of them, straight lines between; ``one`` is that at 1 core."""
    points = sorted({1: one, **measured}.items())
    curve = [one]
    for (before, low), (after, high) in itertools.pairwise(points):
        curve += [low + (high - low) * step / (after - before) for step in range(1, after - before + 1)]
    return [round(value, 4) for value in curve]


def sharing(cores: Sequence[int]) -> list[Probe]:
    """The probes that fit these processors; the names say what each is about, with the number of busy cores."""
    groups = physical_cores(cores)
    single = [group[0] for group in groups]
    numpy = importlib.util.find_spec("numpy") is not None
    found: list[Probe] = []
    for busy in counts(len(single)):
        found.append(_ratio(f"co_run_hash_{busy}", single[:busy], _hashing))
        if numpy:
            found.append(_ratio(f"co_run_matmul_{busy}", single[:busy], _multiplying))
    siblings = next((group for group in groups if len(group) > 1), None)
    if siblings is not None:
        found.append(_ratio("smt", siblings, _hashing))
    if unequal_cores(cores):
        found += [Probe(f"core_{core}", _against_first(cores[0], core), "ratio", 200) for core in cores]
    if numpy:
        for size in working_sets(len(single)):
            found += [_ratio(f"memory_{size}_{busy}", single[:busy], _adding(size)) for busy in counts(len(single))]
    return found


def working_sets(cores: int) -> list[int]:
    """The sizes for which this machine has memory enough when every core touches as much."""
    available = memory_available_bytes()
    return [size for size in WORKING_SETS_BYTES if available is None or size * cores * _MEMORY_SHARE <= available]


def _ratio(name: str, cores: Sequence[int], work: Callable[[int], Work]) -> Probe:
    return Probe(name, lambda: _together(cores, work(len(cores))), "ratio", 200, 2)


def _together(cores: Sequence[int], work: Work) -> Generator[float]:
    """How many times longer a piece of work takes while every other member of the team does one, too.

    Alone and together alternate, so that what disturbs the machine for longer disturbs both; each member has its turn
    to be the one that is compared.
    """
    with _Team(cores, work) as team:
        everybody = range(len(cores))
        turn = 0
        while True:
            member = turn % len(cores)
            turn += 1
            alone = team.run([member])[member]
            yield team.run(everybody)[member] / alone


def _against_first(first: int, core: int) -> Callable[[], Generator[float]]:
    """How fast a processor is, the first one of all being 1."""

    def run() -> Generator[float]:
        with _Team([first, core], _hashing(1)) as team:
            while True:
                reference = team.run([0])[0]
                yield reference / team.run([1])[1]

    return run


class _Team:
    """Threads, each on a processor of its own, that do a piece of work at the same moment whenever they are told."""

    def __init__(self, cores: Sequence[int], work: Work) -> None:
        self._cores = cores
        self._work = work
        self._go = [threading.Semaphore(0) for _ in cores]
        self._done = threading.Semaphore(0)
        self._begin_ns = 0
        self._durations = [0 for _ in cores]
        self._running = True
        self._threads = [threading.Thread(target=self._member, args=(i,), daemon=True) for i in range(len(cores))]

    def __enter__(self) -> _Team:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False
        for go in self._go:
            go.release()
        for thread in self._threads:
            thread.join(GIVE_UP_SECONDS)

    def run(self, members: Sequence[int]) -> list[int]:
        """Let these members do one piece together; what each took, in nanoseconds."""
        self._begin_ns = now() + int(_HEAD_START_SECONDS * 1e9)
        for member in members:
            self._go[member].release()
        for _ in members:
            answered(self._done.acquire(timeout=GIVE_UP_SECONDS), "sharing")
        return self._durations

    def _member(self, number: int) -> None:
        os.sched_setaffinity(0, [self._cores[number]])
        self._work(number)  # memory is touched, the processor awake
        while True:
            self._go[number].acquire()
            if not self._running:
                return
            time.sleep(max(self._begin_ns - now(), 0) / 1e9)
            begin = now()
            self._work(number)
            self._durations[number] = now() - begin
            self._done.release()


def _pieces(operation: Callable[[], object]) -> int:
    """How many operations make a piece of work."""
    begin = now()
    turns = 0
    while now() - begin < _PIECE_SECONDS * 1e9:
        operation()
        turns += 1
    return turns


def _hashing(_: int) -> Work:
    """SHA-256 in blocks that stay in a core's own cache, half a millisecond each, without the GIL."""
    buffer = bytes(_BUFFER_BYTES)
    turns = _pieces(lambda: hashlib.sha256(buffer))

    def work(_: int) -> None:
        for _ in range(turns):
            hashlib.sha256(buffer)

    return work


def _multiplying(members: int) -> Work:
    """Products of matrices that stay in a core's own cache; for one BLAS thread, which the environment must say."""
    import numpy as np

    matrices = [np.full((_MATRIX, _MATRIX), 1.0 / _MATRIX) for _ in range(members)]
    products = [np.empty((_MATRIX, _MATRIX)) for _ in range(members)]
    turns = _pieces(lambda: np.matmul(matrices[0], matrices[0], out=products[0]))

    def work(member: int) -> None:
        for _ in range(turns):
            np.matmul(matrices[member], matrices[member], out=products[member])

    return work


def _adding(working_set_bytes: int) -> Callable[[int], Work]:
    """``total += values`` again and again, both arrays together of that size, all in one call without the GIL."""

    def prepare(members: int) -> Work:
        import numpy as np

        length = working_set_bytes // 16
        arrays: list[Any] = [np.ones(length) for _ in range(members)]
        totals: list[Any] = [np.zeros(length) for _ in range(members)]
        add: Any = np.add
        repeated: Any = np.lib.stride_tricks.as_strided

        def rows(member: int, turns: int) -> Any:
            return repeated(arrays[member], (turns, length), (0, 8))

        one = rows(0, 1)
        turns = _pieces(lambda: add.reduce(one, axis=0, out=totals[0]))

        def work(member: int) -> None:
            add.reduce(rows(member, turns), axis=0, out=totals[member])

        return work

    return prepare

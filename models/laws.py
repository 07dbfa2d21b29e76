"""Closed formulas for how a threaded program scales, right and wrong ones side by side, each with its source.

They take numbers and give numbers; fitting them to a prediction is :mod:`weft.simcore.laws`, and which program each of
them is exact for is said at the formula and tested against simulation (tests/models/test_laws.py).

Two of them circulate in tutorials as ways to choose a number of threads. ``threads_seconds`` is right as far as it goes
(``threads_seconds_on_cores`` goes on from there). ``published_speedup`` is wrong everywhere but where it happens to
cross the truth: without a serial part and overhead it says that nothing gains from cores, and at one core it promises
a speedup. Its printed example comes out as neither the formula, nor the substitution printed under it, nor Amdahl's
law say.
"""

from __future__ import annotations

import math

from .parameters import at_least, shares

PUBLISHED_EXAMPLE = {"serial": 0.7, "cores": 4, "overhead": 0.2, "printed": 2.56}
"""The example that ``published_speedup`` is published with. The formula gives 1.16, what is printed as its substitution
2.44, and the true speedup of a program that is 70 % serial is 1.29 on 4 cores without any overhead."""


def amdahl_speedup(serial: float, cores: int) -> float:
    """1 / (s + (1 - s) / N) for a program of which the share ``serial`` cannot be divided (Amdahl 1967).

    Exact for a serial part followed by equal shares of the rest, one a core; too pessimistic where the serial part of
    one thread overlaps the rest of another (a lock: Eyerman and Eeckhout 2010).
    """
    shares(serial=serial)
    at_least(1, cores=cores)
    return 1 / (serial + (1 - serial) / cores)


def gustafson_speedup(serial: float, cores: int) -> float:
    """s + (1 - s) N: how much work N cores do in the time in which one does 1, if only the rest of it grows (1988).

    ``serial`` is the share of that time in which one core works alone. Exact for a serial part followed by one share
    of the same length on every core.
    """
    shares(serial=serial)
    at_least(1, cores=cores)
    return serial + (1 - serial) * cores


def usl_speedup(contention: float, coherency: float, cores: int) -> float:
    """N / (1 + a (N - 1) + b N (N - 1)), the universal scalability law (Gunther 1993).

    Exact for threads that meet at a barrier after every round, of which the share ``contention`` is done one after the
    other and ``coherency`` is what a thread spends, one after the other too, on each thread but itself.
    """
    at_least(0, contention=contention, coherency=coherency)
    at_least(1, cores=cores)
    return cores / (1 + contention * (cores - 1) + coherency * cores * (cores - 1))


def critical_path_seconds(work_seconds: float, span_seconds: float, cores: int) -> float:
    """max(T1 / N, span): what no schedule on N cores can beat (Graham 1966, Brent 1974).

    A bound: met when the work divides evenly, or when one chain of steps is longer than everything else together.
    """
    at_least(0, work_seconds=work_seconds, span_seconds=span_seconds)
    at_least(1, cores=cores)
    return max(work_seconds / cores, span_seconds)


def threads_seconds(
    tasks: int,
    threads: int,
    task_seconds: float,
    create_seconds: float = 0.0,
    overhead_seconds: float = 0.0,
    serial_seconds: float = 0.0,
) -> float:
    """N / K T + K (C + O) + S: N tasks of T on K threads, each of which costs C to create and O to wind up.

    As published in tutorials. Exact when K divides N, there are as many cores as threads, the tasks hold no GIL, and
    creating, winding up and the serial part S are done by one thread that the others wait for. It knows neither cores
    nor whole tasks: with more threads than cores, or a remainder, it promises what nothing can keep
    (:func:`threads_seconds_on_cores`).
    """
    at_least(1, threads=threads)
    at_least(0, tasks=tasks, task_seconds=task_seconds, create_seconds=create_seconds)
    at_least(0, overhead_seconds=overhead_seconds, serial_seconds=serial_seconds)
    return tasks / threads * task_seconds + threads * (create_seconds + overhead_seconds) + serial_seconds


def threads_seconds_on_cores(
    tasks: int,
    threads: int,
    task_seconds: float,
    create_seconds: float = 0.0,
    overhead_seconds: float = 0.0,
    serial_seconds: float = 0.0,
    *,
    cores: int,
) -> float:
    """The same with whole tasks and ``cores``: max(ceil(N / K) T, N T / cores) + K (C + O) + S.

    Exact up to as many threads as cores, and with more of them when their tasks are equal and take turns; below 1 core
    a thread (``cores`` < K) a time slice more or less.
    """
    at_least(1, cores=cores)
    overheads = threads_seconds(0, threads, task_seconds, create_seconds, overhead_seconds, serial_seconds)
    return max(math.ceil(tasks / threads) * task_seconds, tasks * task_seconds / cores) + overheads


def published_speedup(serial: float, cores: int, overhead: float = 0.0) -> float:
    """1 / (1 - f / n + (c / n) f / sqrt(1 - f / n)), published as the speedup on n cores. WRONG; for comparison.

    f is called the share that cannot be parallel and c the cost of coordinating. It is not Amdahl's law for any reading
    of f: at one core it is 1 / (1 - f) instead of 1, and with more cores it falls towards 1.

    Raises:
        ValueError: f = 1 on one core, where it divides by zero.
    """
    shares(serial=serial)
    at_least(1, cores=cores)
    at_least(0, overhead=overhead)
    rest = 1 - serial / cores
    if not rest:
        raise ValueError(f"serial={serial} on {cores} core: the published formula divides by zero there")
    return 1 / (rest + overhead / cores * serial / math.sqrt(rest))

"""Scaling laws: closed formulas with few parameters, fitted to the times that a program takes on N cores.

It knows numbers of cores and seconds, and nothing of how they were found; a fit describes what was seen, and says
nothing of why.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

POINTS_MIN = 3
"""Core counts that a law is fitted to: with fewer, its two parameters are an exact fit to anything."""
Point = tuple[int, float]
"""A number of cores, and the seconds a program takes on them (or what is said there)."""


class TimedPoint(Protocol):
    """What is asked of a run: the result of one configuration, or anything alike."""

    @property
    def cores(self) -> int: ...
    @property
    def gil(self) -> bool: ...
    @property
    def seconds(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Amdahl:
    """T(N) = S + P / N: a part that no core shortens, and one that all of them share.

    Amdahl 1967, "Validity of the single processor approach to achieving large scale computing capabilities".
    """

    serial_seconds: float
    parallel_seconds: float

    @property
    def one_core_seconds(self) -> float:
        return self.serial_seconds + self.parallel_seconds

    @property
    def serial_fraction(self) -> float:
        """Of the time on one core; 0 for a program that takes no time."""
        return self.serial_seconds / self.one_core_seconds if self.one_core_seconds else 0.0

    @property
    def speedup_max(self) -> float | None:
        """With any number of cores; None when nothing limits it."""
        return 1 / self.serial_fraction if self.serial_fraction else None

    def seconds(self, cores: float) -> float:
        return self.serial_seconds + self.parallel_seconds / cores


@dataclass(frozen=True, slots=True)
class Gustafson:
    """Scaled speedup s + (1 - s) N: how much more work N cores do in the time that one takes for its share.

    ``serial_fraction`` is the part of that time in which one core works whatever their number. It answers another
    question than :class:`Amdahl`: there the work is given, here the time. Gustafson 1988, "Reevaluating Amdahl's law".
    """

    serial_fraction: float

    def scaled_speedup(self, cores: float) -> float:
        return self.serial_fraction + (1 - self.serial_fraction) * cores


@dataclass(frozen=True, slots=True)
class Usl:
    """The universal scalability law: T(N) = T(1) (1 + a (N - 1) + b N (N - 1)) / N.

    ``contention`` a is the serial part, ``coherency`` b what every pair of cores costs; from b > 0 on more cores make
    it slower in the end. Gunther 1993, "A simple capacity model of massively parallel transaction systems"; Gunther
    2007, "Guerrilla Capacity Planning".
    """

    one_core_seconds: float
    contention: float
    coherency: float

    @property
    def cores_best(self) -> float | None:
        """Where it is fastest, sqrt((1 - a) / b); None when more cores never hurt, or never help."""
        if self.coherency <= 0 or self.contention >= 1:
            return None
        return ((1 - self.contention) / self.coherency) ** 0.5

    def seconds(self, cores: float) -> float:
        extra = self.contention * (cores - 1) + self.coherency * cores * (cores - 1)
        return self.one_core_seconds * (1 + extra) / cores


@dataclass(frozen=True, slots=True)
class ThreadsTime:
    """T(N) = W / N + c N + S: work that is divided, a cost for each thread, and the rest.

    The form in which N / K T + K (C + O) + S is published in tutorials (:func:`weft.models.laws.threads_seconds`).
    """

    work_seconds: float
    thread_seconds: float
    serial_seconds: float

    @property
    def cores_best(self) -> float | None:
        """Where it is fastest, sqrt(W / c); None when threads cost nothing, or there is nothing to divide."""
        if self.thread_seconds <= 0 or self.work_seconds <= 0:
            return None
        return (self.work_seconds / self.thread_seconds) ** 0.5

    def seconds(self, cores: float) -> float:
        return self.work_seconds / cores + self.thread_seconds * cores + self.serial_seconds


@dataclass(frozen=True, slots=True)
class CriticalPathBound:
    """No schedule on N cores is shorter than T1 / N, nor than the longest chain of steps that wait for each other.

    ``work_seconds`` is T1, all computation; ``span_seconds`` that chain. A bound, not an estimate: waiting for locks,
    for the GIL or for cores is in neither. A greedy scheduler is never worse than T1 / N + span (Graham 1966, Brent
    1974; for locks see there, too).
    """

    work_seconds: float
    span_seconds: float

    @property
    def speedup_max(self) -> float | None:
        """Work over span, also called parallelism; None for a program without any chain."""
        return self.work_seconds / self.span_seconds if self.span_seconds else None

    def seconds(self, cores: float) -> float:
        return max(self.work_seconds / cores, self.span_seconds)

    def greedy_seconds(self, cores: float) -> float:
        """Graham's upper bound for a program that waits for nothing but its own steps and a core."""
        return self.work_seconds / cores + self.span_seconds


def fit_amdahl(points: Sequence[Point]) -> Amdahl:
    """Least squares in T against 1 / N, which the law is linear in; neither part is below 0."""
    serial, parallel = non_negative_least_squares(
        [[1.0, 1 / cores] for cores, _ in points], [spent for _, spent in points]
    )
    return Amdahl(serial, parallel)


def fit_usl(points: Sequence[Point]) -> Usl:
    """Least squares in N T against N - 1 and N (N - 1), which the law is linear in; no term is below 0."""
    rows = [[1.0, float(cores - 1), float(cores * (cores - 1))] for cores, _ in points]
    one, contention, coherency = non_negative_least_squares(rows, [cores * spent for cores, spent in points])
    return Usl(one, contention / one, coherency / one) if one else Usl(0.0, 0.0, 0.0)


def fit_threads(points: Sequence[Point]) -> ThreadsTime:
    """Least squares in T against 1 / N, N and 1; no term is below 0."""
    rows = [[1 / cores, float(cores), 1.0] for cores, _ in points]
    return ThreadsTime(*non_negative_least_squares(rows, [spent for _, spent in points]))


def fit_gustafson(speedups: Sequence[Point]) -> Gustafson:
    """Fitted to scaled speedups: (cores, work done in a given time relative to one core), which are linear in the cores.

    For times of one and the same work use ``Gustafson(fit_amdahl(points).serial_fraction)``: what the program would
    do with more of it.
    """
    weight = sum((cores - 1) ** 2 for cores, _ in speedups)
    missing = sum((cores - speedup) * (cores - 1) for cores, speedup in speedups)
    return Gustafson(min(max(missing / weight, 0.0), 1.0) if weight else 0.0)


def fit_laws(runs: Iterable[TimedPoint]) -> dict[str, dict[str, Any]]:
    """The laws of a sweep, by name and GIL mode (``"gil on"``), for modes with at least :data:`POINTS_MIN` core counts.

    Fitted to the best time at each number of cores. ``error`` is the largest relative deviation of a law from a point.
    Gustafson's answers what the same program would do with more work on the largest machine of the sweep: its serial
    fraction is Amdahl's.
    """
    best: dict[bool, dict[int, float]] = {True: {}, False: {}}
    for run in runs:
        if run.seconds:
            times = best[run.gil]
            times[run.cores] = min(run.seconds, times.get(run.cores, run.seconds))
    laws: dict[str, dict[str, Any]] = {}
    for gil, times in best.items():
        if len(times) >= POINTS_MIN:
            points = sorted(times.items())
            for name, law in _fitted(points).items():
                laws.setdefault(name, {})["gil on" if gil else "gil off"] = law
    return laws


def _fitted(points: list[Point]) -> dict[str, dict[str, Any]]:
    amdahl, usl, threads = fit_amdahl(points), fit_usl(points), fit_threads(points)
    gustafson, cores_max = Gustafson(amdahl.serial_fraction), points[-1][0]
    return {
        "amdahl": {
            "serial_fraction": amdahl.serial_fraction,
            "speedup_max": amdahl.speedup_max,
            "one_core_seconds": amdahl.one_core_seconds,
            "error": _error(amdahl, points),
        },
        "gustafson": {
            "serial_fraction": gustafson.serial_fraction,
            "cores": cores_max,
            "scaled_speedup": gustafson.scaled_speedup(cores_max),
        },
        "usl": {
            "contention": usl.contention,
            "coherency": usl.coherency,
            "cores_best": usl.cores_best,
            "one_core_seconds": usl.one_core_seconds,
            "error": _error(usl, points),
        },
        "threads": {
            "work_seconds": threads.work_seconds,
            "thread_seconds": threads.thread_seconds,
            "serial_seconds": threads.serial_seconds,
            "cores_best": threads.cores_best,
            "error": _error(threads, points),
        },
    }


def _error(law: Amdahl | Usl | ThreadsTime, points: list[Point]) -> float:
    return max(abs(law.seconds(cores) - spent) / spent for cores, spent in points)


def non_negative_least_squares(rows: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    """The coefficients of 0 or more that fit ``rows`` times them to ``values`` best; for a handful of columns.

    The optimum leaves some columns out and fits the others freely, so all choices of columns are tried: exact, and
    without a numerical library.
    """
    width = len(rows[0])
    columns = [[float(row[number]) for row in rows] for number in range(width)]
    # Exact models come out a rounding error away from 0.
    nothing = 1e-12 * max(map(abs, values), default=0.0)
    best, best_error = [0.0] * width, sum(value * value for value in values)
    for kept in itertools.chain.from_iterable(
        itertools.combinations(range(width), count) for count in range(1, width + 1)
    ):
        solution = _least_squares([columns[number] for number in kept], values)
        if solution is None or min(solution) < 0:
            continue
        found = [0.0] * width
        for number, coefficient in zip(kept, solution, strict=True):
            found[number] = coefficient if coefficient > nothing else 0.0
        error = sum(
            (sum(cell * coefficient for cell, coefficient in zip(row, found, strict=True)) - value) ** 2
            for row, value in zip(rows, values, strict=True)
        )
        if error < best_error:
            best, best_error = found, error
    return best


def _least_squares(columns: list[list[float]], values: Sequence[float]) -> list[float] | None:
    """Least squares by Gram-Schmidt, each column made orthogonal to those before it; None when they depend."""
    orthogonal: list[list[float]] = []
    factors: list[list[float]] = []
    for column in columns:
        rest, shares = [*column], list[float]()
        for direction in orthogonal:
            share = _dot(direction, rest)
            shares.append(share)
            rest = [cell - share * other for cell, other in zip(rest, direction, strict=True)]
        length = _dot(rest, rest) ** 0.5
        if length <= 1e-12 * _dot(column, column) ** 0.5:
            return None
        orthogonal.append([cell / length for cell in rest])
        factors.append([*shares, length])
    left = [float(value) for value in values]
    targets: list[float] = []
    for direction in orthogonal:
        share = _dot(direction, left)
        targets.append(share)
        left = [cell - share * other for cell, other in zip(left, direction, strict=True)]
    solution = [0.0] * len(columns)
    for number in range(len(columns) - 1, -1, -1):
        known = sum(factors[later][number] * solution[later] for later in range(number + 1, len(columns)))
        solution[number] = (targets[number] - known) / factors[number][number]
    return solution


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(map(float.__mul__, left, right))

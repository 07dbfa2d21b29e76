"""Predictions: the timed world over a sweep of parameters, cores and GIL, and what the numbers say.

It knows what one run in virtual time returns, not how a run is simulated; rendering is left to others.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from .profile import Profile
from .takeover import takeover
from .timed import MAX_SECONDS, TimedWorld
from .timed_record import Mark, TimedRun, total_time_in
from .trace import Trace

SCHEMA = "weft.result/1"
_NAMED_IN_RESULTS = {"sleeping": "io"}
"""The states of a run that have another name in the result."""
_HARDLY_ANY = 0.01
"""Waiting below this share of all threads' time is not worth a bottleneck's name."""
_POINTS_MIN = 3
"""Core counts that a law is fitted to: with fewer, its two parameters are an exact fit to anything."""


DISTURBANCE_MAX = 0.02
"""Runs that waited longer for a real core, as a share of their time, are left out."""


class PredictionError(Exception):
    """The program cannot be predicted: it failed or did something no world can simulate; says where and what."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One point of a sweep."""

    params: dict[str, Any]
    cores: int
    gil: bool

    def __str__(self) -> str:
        values = [f"{name}={value}" for name, value in self.params.items()]
        return ", ".join([*values, f"{self.cores} core{'s' if self.cores > 1 else ''}"])


class Latency(msgspec.Struct, frozen=True):
    """Percentiles of the time between the marks ``begin X`` and ``end X``, in seconds of virtual time."""

    p50: float
    p95: float
    p99: float


class PredictedRun(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One configuration that completed."""

    params: dict[str, Any]
    cores: int
    gil: bool
    seconds: float
    """Median virtual makespan of the repeated runs."""
    seconds_interval: tuple[float, float]
    """Smallest and largest of them."""
    speedup: float
    """Relative to the base of its GIL mode."""
    interval: tuple[float, float]
    """The speedup at both ends of ``seconds_interval``."""
    utilisation: float
    """The share of the cores' time that was used."""
    time_in: dict[str, float]
    """Shares of all threads' time."""
    bottleneck: str
    latency: Latency | None = None
    throughput: float | None = None
    """Marked requests per second."""
    prioritised: bool = False
    """The program set priorities (``weft.priority``)."""
    lock_wait_max: float = 0.0
    """The largest share of the makespan that one thread waited for locks."""


class UnfinishedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration without a makespan: it deadlocked in virtual time or reached a limit."""

    params: dict[str, Any]
    cores: int
    gil: bool
    reason: str
    stuck: list[str]
    """One sentence for each thread that waits for ever."""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What checkers found in one run of a configuration; each finding as in the JSON of ``weft check``."""

    params: dict[str, Any]
    cores: int
    gil: bool
    findings: list[dict[str, Any]]


class Base(msgspec.Struct, frozen=True):
    """The configuration that the speedups of one GIL mode are relative to."""

    params: dict[str, Any]
    cores: int
    gil: bool


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a sweep; its JSON is the contract of ``weft predict --json``."""

    schema: str = SCHEMA
    weft: str = ""
    command: str = "predict"
    target: str = ""
    seed: int = 0
    profile: str = ""
    repeat: int = 1
    seconds: float = 0.0
    """Real time that the sweep took."""
    base: list[Base]
    runs: list[PredictedRun]
    unfinished: list[UnfinishedRun]
    laws: dict[str, dict[str, Any]]
    limits: list[str]
    observed: list[Observed] = []
    """Priority inversions and starved threads."""

    def json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def sweep(
    parameters: Mapping[str, Sequence[Any]], cores: Sequence[int], gil: Sequence[bool] = (True,)
) -> list[Configuration]:
    """All combinations, GIL modes first, then parameters in the order given, then cores.

    Raises:
        ValueError: an empty list, or a number of cores below 1.
    """
    for name, values in [("cores", cores), ("gil", gil), *parameters.items()]:
        if not values:
            raise ValueError(f"{name} has no values to sweep; give at least one")
    for count in cores:
        if count < 1:
            raise ValueError(f"cores is {count}; a machine needs at least 1")
    rows = itertools.product(gil, itertools.product(*parameters.values()), cores)
    return [Configuration(dict(zip(parameters, values, strict=True)), count, mode) for mode, values, count in rows]


def predict(
    run: Callable[[dict[str, Any]], object],
    configurations: Sequence[Configuration],
    *,
    profile: Profile | None = None,
    repeat: int = 5,
    measure: bool = True,
    handover: Literal["barging", "fifo"] = "barging",
    seed: int = 0,
    target: str = "",
    weft: str = "",
    max_seconds: float = MAX_SECONDS,
    real_seconds_max: float = 600.0,
    inheritance: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Prediction:
    """Simulate ``run(params)`` in every configuration and compare.

    Every configuration is run ``repeat`` times, since real segments are measured anew each time; without ``measure``
    all runs are equal and one is made. A first run is thrown away: it imports and fills caches. ``progress`` is told
    (runs made, runs in all). With ``inheritance`` a lock's owner has its waiters' priority.

    Raises:
        PredictionError: the program raised an exception, or did something that cannot be simulated.
        ValueError: no configuration, or ``repeat`` below 1.
    """
    if not configurations:
        raise ValueError("there is no configuration to predict; give at least one")
    if repeat < 1:
        raise ValueError(f"repeat is {repeat}; at least one run is needed")
    started = time.perf_counter()
    profile = profile or Profile()
    times = repeat if measure else 1
    total = times * len(configurations)

    def simulate(configuration: Configuration, seed: int) -> TimedRun:
        world = TimedWorld(
            cores=configuration.cores,
            gil=configuration.gil,
            profile=profile,
            measure=measure,
            handover=handover,
            seed=seed,
            max_seconds=max_seconds,
            real_seconds_max=real_seconds_max,
            inheritance=inheritance,
        )
        return _run_once(world, run, configuration)

    points: list[tuple[Configuration, list[TimedRun]]] = []
    with takeover():
        if measure:
            simulate(configurations[0], seed)
        for number, configuration in enumerate(configurations):
            runs: list[TimedRun] = []
            for _ in range(times):
                runs.append(simulate(configuration, seed))
                if progress is not None:
                    progress(number * times + len(runs), total)
            points.append((configuration, _undisturbed(runs)))
    base = _base(points)
    predicted = [
        _predicted(configuration, runs, base[configuration.gil][1])
        for configuration, runs in points
        if all(run.completed for run in runs)
    ]
    return Prediction(
        weft=weft,
        target=target,
        seed=seed,
        profile=profile.name,
        repeat=times,
        seconds=round(time.perf_counter() - started, 3),
        base=[Base(point.params, point.cores, point.gil) for point, _ in base.values()],
        runs=predicted,
        unfinished=[_unfinished(*point) for point in points if not all(run.completed for run in point[1])],
        laws=fit_laws(predicted),
        limits=_limits(points, profile, measure),
    )


def timeline(
    run: Callable[[dict[str, Any]], object],
    configuration: Configuration,
    *,
    profile: Profile | None = None,
    measure: bool = True,
    seed: int = 0,
    target: str = "",
    inheritance: bool = False,
) -> Trace:
    """The trace of one run with everything a timeline needs: operations, and each thread's states on the machine.

    Raises:
        PredictionError: as :func:`predict`.
    """
    with takeover():
        world = TimedWorld(
            cores=configuration.cores,
            gil=configuration.gil,
            profile=profile,
            measure=measure,
            seed=seed,
            scheduler_events=True,
            target=target,
            parameters=configuration.params,
            inheritance=inheritance,
        )
        result = _run_once(world, run, configuration)
    assert result.trace is not None
    return result.trace


def _run_once(world: TimedWorld, run: Callable[[dict[str, Any]], object], configuration: Configuration) -> TimedRun:
    def program() -> None:
        run(configuration.params)

    result = world.run(program)
    if result.refusal:
        raise PredictionError(result.refusal)
    for thread, error in result.failures:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            continue
        if thread == "MainThread" or not result.completed:
            raise PredictionError(
                f"the program failed in {thread}: {type(error).__name__}: {error}; "
                "run `weft check` on it, or mend it first"
            ) from error
    return result


def _undisturbed(runs: list[TimedRun]) -> list[TimedRun]:
    """Without the runs that other processes kept from their core, when at least half are left."""
    quiet = [run for run in runs if run.disturbance <= DISTURBANCE_MAX]
    return quiet if 2 * len(quiet) >= len(runs) else runs


def _base(points: list[tuple[Configuration, list[TimedRun]]]) -> dict[bool, tuple[Configuration, float]]:
    """Per GIL mode, the first configuration that completed, and its median seconds."""
    found: dict[bool, tuple[Configuration, float]] = {}
    for configuration, runs in points:
        if configuration.gil not in found and all(run.completed for run in runs):
            found[configuration.gil] = (configuration, statistics.median(_seconds(runs)))
    return found


def _seconds(runs: list[TimedRun]) -> list[float]:
    return [run.makespan_ns / 1e9 for run in runs]


def _predicted(configuration: Configuration, runs: list[TimedRun], base_seconds: float) -> PredictedRun:
    seconds = _seconds(runs)
    low, median, high = min(seconds), statistics.median(seconds), max(seconds)
    latencies = sorted(itertools.chain.from_iterable(request_latencies(run.marks) for run in runs))
    return PredictedRun(
        params=configuration.params,
        cores=configuration.cores,
        gil=configuration.gil,
        seconds=median,
        seconds_interval=(low, high),
        speedup=_ratio(base_seconds, median),
        interval=(_ratio(base_seconds, high), _ratio(base_seconds, low)),
        utilisation=statistics.median(run.utilisation for run in runs),
        time_in=_shares(runs),
        bottleneck=bottleneck(sorted(runs, key=lambda run: run.makespan_ns)[len(runs) // 2]),
        latency=Latency(*(percentile(latencies, share) for share in (0.50, 0.95, 0.99))) if latencies else None,
        throughput=len(latencies) / sum(seconds) if latencies and sum(seconds) else None,
        prioritised=any(run.prioritised for run in runs),
        lock_wait_max=max(
            (thread.time_in["lock wait"] / max(run.makespan_ns, 1) for run in runs for thread in run.threads),
            default=0.0,
        ),
    )


def _ratio(base_seconds: float, seconds: float) -> float:
    """A program that takes no time at all is as fast everywhere."""
    return base_seconds / seconds if seconds else 1.0


def _unfinished(configuration: Configuration, runs: list[TimedRun]) -> UnfinishedRun:
    run = next(run for run in runs if not run.completed)
    return UnfinishedRun(
        params=configuration.params,
        cores=configuration.cores,
        gil=configuration.gil,
        reason=run.gave_up or f"deadlock at {run.makespan_ns / 1e9:.6f} s of virtual time",
        stuck=[f"{row.thread} waits: {row.waits_for}" for row in run.stuck],
    )


def _shares(runs: list[TimedRun]) -> dict[str, float]:
    total = total_time_in(itertools.chain.from_iterable(run.threads for run in runs))
    whole = sum(total.values()) or 1
    return {_NAMED_IN_RESULTS.get(state, state): round(spent / whole, 6) for state, spent in total.items()}


def bottleneck(run: TimedRun) -> str:
    """One sentence: what threads waited for most, out of objects, the GIL and cores.

    It is about waiting, not about the critical path: removing the named thing need not gain as much.
    """
    total = total_time_in(run.threads)
    waits = [(total["gil wait"], "the GIL"), (total["ready"], f"a free core (of {run.cores})")]
    for wait in run.waits:
        at = f" ({wait.at})" if wait.at else ""
        waits.append((wait.total_ns - wait.idle_ns, f"{wait.kind} {wait.name!r}{at}"))
    all_waiting = sum(spent for spent, _ in waits)
    active = sum(total.values()) - total["idle"]
    if all_waiting <= _HARDLY_ANY * active:
        if total["sleeping"] > total["running"]:
            return "none: threads sleep and hardly wait for each other"
        return "none: threads compute and hardly wait"
    most, name = max(waits, key=lambda wait: wait[0])
    return f"{name}: {100 * most / all_waiting:.0f} % of all waiting"


def request_latencies(marks: Iterable[Mark]) -> list[float]:
    """Seconds between the marks ``begin X`` and ``end X``, for every X; equal X are paired in order."""
    begun: dict[str, list[int]] = {}
    found: list[float] = []
    for mark in marks:
        word, _, name = mark.text.partition(" ")
        if word == "begin" and name:
            begun.setdefault(name, []).append(mark.time_ns)
        elif word == "end" and begun.get(name):
            found.append((mark.time_ns - begun[name].pop(0)) / 1e9)
    return found


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of values in ascending order: always one of them."""
    rank = -(-len(ordered) * round(share * 100) // 100)
    return ordered[max(rank, 1) - 1]


def _limits(points: list[tuple[Configuration, list[TimedRun]]], profile: Profile, measure: bool) -> list[str]:
    found: dict[str, None] = {}
    for configuration, runs in points:
        for limit in runs[0].limits:
            found[limit] = None
        if not configuration.gil and profile.free_threading_slowdown != 1.0:
            text = f"without the GIL, Python code is taken to be {profile.free_threading_slowdown:g} times slower"
            found[f"{text}; its new contention is not modelled"] = None
    worst = max(run.disturbance for _, runs in points for run in runs)
    if measure and worst > DISTURBANCE_MAX:
        text = f"other processes kept the simulation itself from a core for up to {100 * worst:.0f} % of a run"
        found[f"{text}: measured segments are too long"] = None
    if profile.name == "default":
        found["costs are those of a default machine; `weft calibrate` measures yours"] = None
    return list(found)


# Laws, fitted to the best time at each number of cores.


def fit_laws(runs: Sequence[PredictedRun]) -> dict[str, dict[str, Any]]:
    """Amdahl's law and the universal scalability law by least squares, per GIL mode with three core counts or more.

    Amdahl: T(N) = T(1) (s + (1 - s) / N). USL (Gunther 1993): X(N) = g N / (1 + a (N - 1) + b N (N - 1)). Both are
    linear in other variables (T against 1/N; N T against N - 1 and N (N - 1)) and fitted there; what comes out negative
    is taken as 0 and the rest fitted again. ``error`` is the largest relative deviation of the law from a point.
    """
    laws: dict[str, dict[str, Any]] = {}
    for gil in (True, False):
        best: dict[int, float] = {}
        for run in runs:
            if run.gil is gil and run.seconds:
                best[run.cores] = min(run.seconds, best.get(run.cores, run.seconds))
        if len(best) >= _POINTS_MIN:
            mode = "gil on" if gil else "gil off"
            points = sorted(best.items())
            laws.setdefault("amdahl", {})[mode] = _amdahl(points)
            laws.setdefault("usl", {})[mode] = _usl(points)
    return laws


def _amdahl(points: list[tuple[int, float]]) -> dict[str, Any]:
    serial, parallel = _least_squares([[1.0, 1 / cores] for cores, _ in points], [spent for _, spent in points])
    share = serial / (serial + parallel)
    return {
        "serial_fraction": share,
        "speedup_max": 1 / share if share > 0 else None,
        "error": max(abs(serial + parallel / cores - spent) / spent for cores, spent in points),
    }


def _usl(points: list[tuple[int, float]]) -> dict[str, Any]:
    rows = [[1.0, float(cores - 1), float(cores * (cores - 1))] for cores, _ in points]
    one, contention, coherency = _least_squares(rows, [cores * spent for cores, spent in points])
    alpha, beta = (contention / one, coherency / one) if one else (0.0, 0.0)
    errors = [
        abs((one + contention * (cores - 1) + coherency * cores * (cores - 1)) / cores - spent) / spent
        for cores, spent in points
    ]
    return {
        "contention": alpha,
        "coherency": beta,
        "cores_best": ((1 - alpha) / beta) ** 0.5 if beta > 0 and alpha < 1 else None,
        "error": max(errors),
    }


def _least_squares(rows: list[list[float]], values: list[float]) -> list[float]:
    """The non-negative coefficients that fit best: negative ones are dropped and the others fitted again."""
    import numpy as np

    matrix = np.array(rows)
    kept = list(range(matrix.shape[1]))
    while True:
        solution = np.linalg.lstsq(matrix[:, kept], np.array(values), rcond=None)[0]
        # Exact models come out a rounding error away from 0.
        negative = [column for column, value in zip(kept, solution, strict=True) if value <= 1e-12 * max(values)]
        if not negative or len(kept) == 1:
            break
        kept = [column for column in kept if column not in negative]
    result = [0.0] * matrix.shape[1]
    for column, value in zip(kept, solution, strict=True):
        result[column] = float(value)
    return result

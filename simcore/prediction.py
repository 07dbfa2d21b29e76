"""Predictions: the timed world over a sweep of parameters, cores and GIL, and what the numbers say.

It knows what one run in virtual time returns, not how a run is simulated or measured; rendering is left to others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, Unpack

from . import limits
from .laws import fit_laws
from .measuring import DISTURBANCE_MAX, STRANGE_MAX, Measured, Measuring, Predicted, beyond_noise
from .predicted import (
    SCHEMA,
    Base,
    Configuration,
    Latency,
    Observed,
    PredictedRun,
    Prediction,
    PredictionError,
    UnfinishedRun,
    sweep,
)
from .profile import Profile
from .run_summary import bottleneck, latency, percentile, request_latencies, shares
from .scaled_code import ScaledCode
from .segment_table import Plan, SegmentTable
from .simulator import Simulator
from .stopwatch import Stopwatch
from .takeover import takeover
from .timed import MAX_SECONDS
from .timed_record import Mark, TimedRun
from .trace import Trace

__all__ = [
    "DISTURBANCE_MAX",
    "SCHEMA",
    "Base",
    "Configuration",
    "Latency",
    "Mark",
    "Observed",
    "Options",
    "PredictedRun",
    "Prediction",
    "PredictionError",
    "Study",
    "UnfinishedRun",
    "bottleneck",
    "fit_laws",
    "percentile",
    "predict",
    "request_latencies",
    "sweep",
    "timeline",
]

REPEAT = 5
DRAWS = 2
"""Runs in which every segment takes one of its samples by chance, beside those that repeat a fast and a slow run."""
DRAWN_MAX = 24
"""In a sweep of more configurations, an interval is only looked for with the base and the fastest of each GIL mode: each
costs up to four runs, and the others only one."""
SPREAD_MIN = 0.002
"""Samples that may move the end by less than this share of the makespan are not worth a run."""


class Options(TypedDict, total=False):
    """How a study is made; see :class:`Study`."""

    profile: Profile | None
    repeat: int
    measure: bool
    handover: Literal["barging", "fifo"]
    seed: int
    target: str
    weft: str
    max_seconds: float
    real_seconds_max: float
    inheritance: bool
    probe: bool
    stopwatch: Stopwatch | None


@dataclass(slots=True)
class _Point:
    """What is known about one configuration: the prediction, and the makespans that it might have as well."""

    configuration: Configuration
    run: TimedRun
    makespans_ns: list[int]
    predicted: Predicted | None = None
    """How it was found, when something was measured for it."""
    said: list[str] = field(default_factory=list[str])
    """Limits that are about this configuration alone."""
    drawn: bool = False
    """Its interval was looked for."""

    @property
    def is_full(self) -> bool:
        """Has the predicted run a trace with everything a timeline needs?"""
        return self.predicted is not None and self.predicted.full


class Study:
    """Predictions of one program. What its segments take is measured once for each set of parameters and kept.

    Every segment then takes the median of its ``repeat`` samples, so that a prediction is the same each time it is
    made. The interval around it comes from runs that repeat the fastest and the slowest measured run, and from runs
    that draw the samples by chance. Without ``measure`` code takes no time but that of ``weft.work``. With ``probe`` one
    more run finds out which long segments hold the GIL, where no table says so. A run is given up after ``max_seconds``
    of virtual and ``real_seconds_max`` of real time. With ``inheritance`` a lock's owner has its waiters' priority.
    Without ``draws`` no interval is asked for, and none of the runs for it is made; with more than :data:`DRAWN_MAX`
    configurations they are made for a few.
    """

    def __init__(
        self,
        run: Callable[[dict[str, Any]], object],
        *,
        profile: Profile | None = None,
        repeat: int = REPEAT,
        measure: bool = True,
        handover: Literal["barging", "fifo"] = "barging",
        seed: int = 0,
        target: str = "",
        weft: str = "",
        max_seconds: float = MAX_SECONDS,
        real_seconds_max: float = 600.0,
        inheritance: bool = False,
        probe: bool = True,
        draws: bool = True,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        if repeat < 1:
            raise ValueError(f"repeat is {repeat}; at least one run is needed")
        self._simulator = Simulator(
            run,
            profile=profile,
            measure=measure,
            handover=handover,
            seed=seed,
            target=target,
            max_seconds=max_seconds,
            real_seconds_max=real_seconds_max,
            inheritance=inheritance,
            stopwatch=stopwatch,
        )
        self._measuring = Measuring(self._simulator, repeat, probe, self._count)
        self._points: dict[str, _Point] = {}
        self._repeat = repeat if measure else 1
        self._draws = draws
        self._target = target
        self._weft = weft
        self._made = 0
        self._to_make = 0
        self._progress: Callable[[int, int], None] | None = None
        self._timelines: set[str] = set()

    def predict(
        self,
        configurations: Sequence[Configuration],
        progress: Callable[[int, int], None] | None = None,
        timelines: Sequence[Configuration] = (),
    ) -> Prediction:
        """Simulate the program in every configuration and compare. ``progress`` is told (runs made, runs in all).
        Those whose ``timelines`` will be asked for keep theirs, which saves a run.

        Raises:
            PredictionError: the program raised an exception, or did something that cannot be simulated; a what-if
                names what is not there.
            ValueError: no configuration.
        """
        if not configurations:
            raise ValueError("there is no configuration to predict; give at least one")
        started = time.perf_counter()
        measures = self._simulator.measure
        parameters = {repr(configuration.params) for configuration in configurations}
        self._progress = progress
        self._made = 0
        self._timelines = {repr(configuration) for configuration in timelines}
        self._to_make = len(configurations) + (self._repeat * len(parameters) if measures else 0)
        with takeover():
            few = len(configurations) > DRAWN_MAX
            points = [self._point(configuration, draw=not few) for configuration in configurations]
            finished = [point for point in points if point.run.completed]
            if few:
                for number in worth_drawing([_mode_and_seconds(point) for point in finished]):
                    self._draw(finished[number])
        if progress is not None and self._made < self._to_make:  # some runs were not worth making
            progress(self._made, self._made)
        base = _base(finished)
        predicted = [_predicted(point, base[point.configuration.gil].run.makespan_ns / 1e9) for point in finished]
        return Prediction(
            weft=self._weft,
            target=self._target,
            seed=self._simulator.seed,
            profile=self._simulator.profile.name,
            repeat=self._repeat,
            seconds=round(time.perf_counter() - started, 3),
            base=[
                Base(found.params, found.cores, found.gil) for found in (point.configuration for point in base.values())
            ],
            runs=predicted,
            unfinished=[_unfinished(point) for point in points if not point.run.completed],
            laws=fit_laws([run for run in predicted if not (run.scale or run.free_locks)]),
            limits=[
                *limits.of_measuring([point.predicted for point in points if point.predicted is not None]),
                *(said for point in points for said in point.said),
                *(few_drawn(len(finished)) if few and self._draws and measures else []),
                *limits.of_assumptions(configurations, self._simulator.profile, measured=measures),
            ],
        )

    def timeline(self, configuration: Configuration) -> Trace:
        """The trace of the predicted run with everything a timeline needs: operations, what each thread computes, and
        its states on the machine. The same each time.

        Raises:
            PredictionError: as :meth:`predict`, and when the run does not come to its end.
        """
        known = self._points.get(repr(configuration))
        if known is not None and known.is_full:
            return _full_trace(known.run, configuration)
        with takeover():
            if not self._simulator.measure:
                made = self._simulator.simulate(configuration, scale=self._given_code(configuration), events=True)
            elif known is None or known.predicted is None:
                made = self._measuring.predict(configuration, events=True).made
            else:
                found = known.predicted
                made = self._simulator.simulate(
                    configuration, found.plan, scale=found.code, nothing=found.plan is None, events=True
                )
        return _full_trace(made.run, configuration)

    def seconds(self, configuration: Configuration) -> float:
        """What the predicted run takes, without its timeline: a simulation of a third of the price.

        Raises:
            PredictionError: as :meth:`timeline`.
        """
        with takeover():
            run = self._point(configuration, draw=False).run
        if not run.completed:
            raise PredictionError(f"there is no time with {configuration}: {_reason(run)}")
        return run.makespan_ns / 1e9

    def tables(self) -> dict[str, bytes]:
        """What was measured, for a study of the same program in another process."""
        measured = self._measuring.measured
        return {key: found.encode() for key, found in measured.items() if found.unfinished is None}

    def adopt(self, tables: dict[str, bytes]) -> None:
        """Take over what another process has measured: with those parameters nothing is measured here any more."""
        for key, data in tables.items():
            self._measuring.measured[key] = Measured.decode(data, self._simulator.sites, self._simulator.origins)

    def _count(self) -> None:
        self._made += 1
        self._to_make = max(self._to_make, self._made)
        if self._progress is not None:
            self._progress(self._made, self._to_make)

    def _point(self, configuration: Configuration, *, draw: bool) -> _Point:
        found = self._points.get(repr(configuration))
        if found is None:
            make = self._measured if self._simulator.measure else self._given
            found = self._points[repr(configuration)] = make(configuration)
        if draw:
            self._draw(found)
        self._count()
        return found

    def _given(self, configuration: Configuration) -> _Point:
        """Without measuring, one run says it all."""
        run = self._simulator.simulate(configuration, scale=self._given_code(configuration)).run
        return _Point(configuration, run, [run.makespan_ns])

    def _given_code(self, configuration: Configuration) -> ScaledCode | None:
        if not configuration.scale:
            return None
        code = ScaledCode(configuration.scale)
        self._measuring.scaled(configuration, SegmentTable(self._simulator.sites, self._simulator.origins), code)
        return code

    def _measured(self, configuration: Configuration) -> _Point:
        predicted = self._measuring.predict(configuration, events=repr(configuration) in self._timelines)
        run = predicted.made.run
        return _Point(configuration, run, [run.makespan_ns], predicted)

    def _draw(self, point: _Point) -> None:
        """Other makespans that the samples make possible, if they may be other ones."""
        predicted, run = point.predicted, point.run
        if not self._draws or point.drawn or predicted is None or predicted.plan is None or not run.completed:
            return
        point.drawn = True
        table, configuration = predicted.table, point.configuration
        if table.spread_ns() <= SPREAD_MIN * run.makespan_ns:
            return
        by_length = sorted(range(len(table.runs)), key=table.total_ns)
        ends = list(dict.fromkeys((by_length[0], by_length[-1])))
        own = predicted.measured.own
        # Samples of other runs are other work where threads race for it.
        runs: list[TimedRun] = []
        if predicted.plan is not own:
            plans = [table.repeated(number) for number in ends]
            plans += [table.drawn(f"{self._simulator.seed}/{number}") for number in range(DRAWS)]
            runs = self._of_the_same_work(predicted, configuration, plans)
        if not runs:
            plans = [own.lasting(table.total_ns(number)) for number in ends]
            runs = [self._simulator.simulate(configuration, plan, scale=predicted.code).run for plan in plans]
        point.makespans_ns += [run.makespan_ns for run in runs if run.completed]
        lost = [run for run in runs if not run.completed]
        if lost:
            text = f"{configuration}: {len(lost)} of {len(runs)} runs with drawn times did not come to their end"
            point.said.append(f"{text}: {_reason(lost[0])}")

    def _of_the_same_work(
        self, predicted: Predicted, configuration: Configuration, plans: Sequence[Plan]
    ) -> list[TimedRun]:
        """The runs by these plans; none when times so little different have other threads do other work."""
        table = predicted.table
        looked_at = predicted.code is None  # scaled segments are none that were measured
        runs: list[TimedRun] = []
        for plan in plans:
            made = self._simulator.simulate(configuration, plan, scale=predicted.code, notice=looked_at)
            if looked_at and beyond_noise(table, made) > STRANGE_MAX:
                return []
            runs.append(made.run)
        return runs


def predict(
    run: Callable[[dict[str, Any]], object],
    configurations: Sequence[Configuration],
    *,
    progress: Callable[[int, int], None] | None = None,
    **options: Unpack[Options],
) -> Prediction:
    """Simulate ``run(params)`` in every configuration and compare; ``options`` are those of :class:`Study`.

    Raises:
        PredictionError: as :meth:`Study.predict`.
        ValueError: no configuration, or ``repeat`` below 1.
    """
    return Study(run, **options).predict(configurations, progress)


def timeline(
    run: Callable[[dict[str, Any]], object], configuration: Configuration, **options: Unpack[Options]
) -> Trace:
    """:meth:`Study.timeline` of one configuration; ``options`` are those of :class:`Study`."""
    return Study(run, **options).timeline(configuration)


def worth_drawing(found: Sequence[tuple[bool, float]]) -> list[int]:
    """Of predicted runs, as (GIL, seconds), the numbers of those whose intervals a large sweep has: of each mode the
    first, which the speedups are relative to, and the fastest."""
    chosen: list[int] = []
    for gil in (True, False):
        mine = [number for number, (mode, _) in enumerate(found) if mode is gil]
        if mine:
            chosen += dict.fromkeys((mine[0], min(mine, key=lambda number: found[number][1])))
    return chosen


def few_drawn(count: int) -> list[str]:
    """The limit of a large sweep."""
    return [
        f"of {count} configurations only the first and the fastest of each GIL mode have an interval; ask for "
        f"{DRAWN_MAX} or fewer at once to have one for each"
    ]


def _mode_and_seconds(point: _Point) -> tuple[bool, float]:
    return point.configuration.gil, point.run.makespan_ns / 1e9


def _base(points: list[_Point]) -> dict[bool, _Point]:
    """Per GIL mode, the first configuration that completed, and is no what-if if there is one that is none."""
    found: dict[bool, _Point] = {}
    for point in sorted(points, key=lambda point: point.configuration.is_what_if):
        found.setdefault(point.configuration.gil, point)
    return {gil: found[gil] for gil in dict.fromkeys(point.configuration.gil for point in points)}


def _predicted(point: _Point, base_seconds: float) -> PredictedRun:
    configuration, run = point.configuration, point.run
    seconds = run.makespan_ns / 1e9
    low, high = min(point.makespans_ns) / 1e9, max(point.makespans_ns) / 1e9
    latencies, requests = latency(run.marks)
    waits = [thread.time_in["lock wait"] / max(run.makespan_ns, 1) for thread in run.threads]
    return PredictedRun(
        params=configuration.params,
        cores=configuration.cores,
        gil=configuration.gil,
        seconds=seconds,
        seconds_interval=(low, high),
        speedup=_ratio(base_seconds, seconds),
        interval=(_ratio(base_seconds, high), _ratio(base_seconds, low)),
        utilisation=run.utilisation,
        time_in=shares([run]),
        bottleneck=bottleneck(run),
        latency=latencies,
        throughput=requests / seconds if requests and seconds else None,
        prioritised=run.prioritised,
        lock_wait_max=max(waits, default=0.0),
        scale=configuration.scale,
        free_locks=configuration.free_locks,
    )


def _ratio(base_seconds: float, seconds: float) -> float:
    """A program that takes no time at all is as fast everywhere."""
    return base_seconds / seconds if seconds else 1.0


def _unfinished(point: _Point) -> UnfinishedRun:
    configuration, run = point.configuration, point.run
    return UnfinishedRun(
        params=configuration.params,
        cores=configuration.cores,
        gil=configuration.gil,
        reason=_reason(run),
        stuck=[f"{row.thread} waits: {row.waits_for}" for row in run.stuck],
        scale=configuration.scale,
        free_locks=configuration.free_locks,
    )


def _full_trace(run: TimedRun, configuration: Configuration) -> Trace:
    if run.trace is None or not run.completed:
        raise PredictionError(f"there is no timeline with {configuration}: {_reason(run)}")
    return run.trace


def _reason(run: TimedRun) -> str:
    """Why it did not come to its end."""
    return run.gave_up or f"deadlock at {run.makespan_ns / 1e9:.6f} s of virtual time"

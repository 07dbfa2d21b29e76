"""The predictions of a suite, with everything they will be held beside: simpler models, and the model less one term.

All of it is made before the first real run. How a program is simulated is the predictor's business, which is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ..checkers.timed_states import NoTimeline
from ..simcore.laws import CriticalPathBound
from ..simcore.prediction import Configuration, PredictedRun, Prediction
from ..simcore.profile import IDEAL, Profile
from ..simcore.trace import Trace
from .features import Features, amdahl_of, bound_of, features_and_path
from .suite import Point


class ForecastError(Exception):
    """A program of the suite cannot be predicted; the message says why."""


class Predictor(Protocol):
    """Simulates a target. The traces are timelines, one for each configuration (None: it did not complete).

    What the first call for a target measures, later ones for the same parameters use.

    Raises:
        ForecastError: the program fails, or cannot be simulated.
    """

    def __call__(
        self,
        target: str,
        configurations: list[Configuration],
        profile: Profile,
        *,
        repeat: int,
        seed: int,
        timelines: bool = False,
    ) -> tuple[Prediction, list[Trace | None]]: ...


Change = Callable[[Profile, Configuration], tuple[Profile, Configuration]]


def _profile(**values: Any) -> Change:
    return lambda profile, configuration: (replace(profile, **values), configuration)


def _unchanged(profile: Profile, configuration: Configuration) -> tuple[Profile, Configuration]:
    return profile, configuration


def _without_gil(profile: Profile, configuration: Configuration) -> tuple[Profile, Configuration]:
    return replace(profile, free_threading_slowdown=1.0), replace(configuration, gil=False)


NO_GIL = "GIL"
TERMS: dict[str, Change] = {
    NO_GIL: _without_gil,
    "hand-over": _profile(handover_ns=0, handover_same_core_ns=None, handover_idle_core_ns=None, gil_handover_ns=0),
    "GIL release": _profile(gil_release_ns=0, gil_contended_ns=0),
    "co-run": _profile(co_run=[]),
    "memory": _profile(memory_bandwidth={}),
    "thread start": _profile(thread_create_ns=0, thread_start_ns=0),
    "executor and queue": _profile(submit_ns=0, queue_ns=0),
    "locks": _profile(lock_ns=0),
    "timers": _profile(timer_slack_ns=0),
    "context switch": _profile(context_switch_ns=0),
    "a queue for each core": _profile(balance_ns=0),
}
"""The terms of the model, and what it is without each."""


@dataclass(slots=True)
class Forecast:
    """One configuration as it was predicted; times in seconds."""

    point: Point
    run: PredictedRun
    features: Features | None
    baselines: dict[str, float]
    without: dict[str, float] = field(default_factory=dict[str, float])
    """By term of :data:`TERMS`, what the model says that lacks it."""
    trace: Trace | None = None


@dataclass(slots=True)
class Forecasts:
    """A workload: what was predicted, and the configurations that have no time, with the reason."""

    forecasts: list[Forecast]
    unfinished: list[str]
    limits: list[str]


def forecast(
    target: str,
    points: Sequence[Point],
    profile: Profile,
    predict: Predictor,
    *,
    cores: int,
    gil: bool,
    repeat: int,
    seed: int,
    ablate: Sequence[int] = (),
    simpler: bool = True,
    workers: int = 1,
) -> Forecasts:
    """Predict a workload in all its configurations, the first being the base of the speedups.

    ``ablate`` are the positions of the points that are predicted without each of the model's terms, too; ``simpler``
    asks for the simpler models that need simulations of their own. Those and the ones without a term are simulated
    ``workers`` at a time: nothing is measured for them, so that they cannot disturb each other.

    Raises:
        ForecastError: it cannot be predicted at all.
    """
    configurations = [Configuration(point.params, cores, gil) for point in points]
    prediction, traces = predict(target, configurations, profile, repeat=repeat, seed=seed, timelines=True)
    amdahl = _amdahl(traces[0])
    made: list[Forecast] = []
    for point, configuration, trace in zip(points, configurations, traces, strict=True):
        run = _run_of(prediction, configuration)
        if run is not None:
            shared = min(point.threads, cores)
            baselines = {"linear": prediction.runs[0].seconds / shared}
            if amdahl is not None:
                baselines["amdahl"] = amdahl.seconds(shared)
            features, bound = (None, None) if trace is None else _looked_at(trace, run)
            if bound is not None:
                baselines["critical path"] = bound.seconds(cores)
            made.append(Forecast(point, run, features, baselines, trace=trace))
    ablated = [points[position] for position in ablate]
    questions: list[_Question] = _simpler_models(made, profile) if simpler else []
    questions += _ablations([item for item in made if item.point in ablated], profile)

    def ask(question: _Question) -> None:
        question.keep(_predicted(target, question, predict, seed))

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(ask, questions))
    unfinished = [f"{Configuration(run.params, run.cores, run.gil)}: {run.reason}" for run in prediction.unfinished]
    return Forecasts(made, unfinished, prediction.limits)


def _run_of(prediction: Prediction, configuration: Configuration) -> PredictedRun | None:
    wanted = (configuration.params, configuration.cores, configuration.gil)
    return next((run for run in prediction.runs if (run.params, run.cores, run.gil) == wanted), None)


def _amdahl(trace: Trace | None) -> Any:
    if trace is None:
        return None
    try:
        return amdahl_of(trace)
    except NoTimeline:
        return None


def _looked_at(trace: Trace, run: PredictedRun) -> tuple[Features | None, CriticalPathBound | None]:
    try:
        features, path = features_and_path(trace, cores=run.cores, gil=run.gil, seconds_interval=run.seconds_interval)
    except NoTimeline:
        return None, None
    return features, bound_of(path)


@dataclass(frozen=True, slots=True)
class _Question:
    """Some configurations under another model, and what to do with the seconds (None: no end)."""

    made: Sequence[Forecast]
    profile: Profile
    change: Change
    names: tuple[str, ...]
    """Of the baselines and the terms that the answer is."""

    def keep(self, found: Sequence[float | None]) -> None:
        for item, seconds in zip(self.made, found, strict=True):
            if seconds is not None:
                for name in self.names:
                    (item.without if name in TERMS else item.baselines)[name] = seconds


def _simpler_models(made: Sequence[Forecast], profile: Profile) -> list[_Question]:
    """The same simulation without a GIL, and on a machine whose operations cost nothing."""
    free = replace(IDEAL, name=profile.name, free_threading_slowdown=profile.free_threading_slowdown)
    return [
        _Question(made, profile, TERMS[NO_GIL], ("no gil term", NO_GIL)),
        _Question(made, free, _unchanged, ("no overheads",)),
    ]


def _ablations(made: Sequence[Forecast], profile: Profile) -> list[_Question]:
    """The model less each term but the GIL, which is a baseline, too, and predicted for every configuration."""
    questions: list[_Question] = []
    for term, change in TERMS.items():
        if term == NO_GIL:
            continue
        question = _Question(made, profile, change, (term,))
        if change(profile, Configuration({}, 1, True))[0] == profile:
            question.keep([item.run.seconds for item in made])
        else:
            questions.append(question)
    return questions


def _predicted(target: str, question: _Question, predict: Predictor, seed: int) -> list[float | None]:
    """What the changed model says of each; None where it comes to no end."""
    if not question.made:
        return []
    changed = [
        question.change(question.profile, Configuration(item.run.params, item.run.cores, item.run.gil))
        for item in question.made
    ]
    configurations = [configuration for _, configuration in changed]
    prediction, _ = predict(target, configurations, changed[0][0], repeat=1, seed=seed)
    runs = [_run_of(prediction, configuration) for configuration in configurations]
    return [None if run is None else run.seconds for run in runs]

"""Forecasts, samples, predictors and measurers made by hand, for tests of the suite's parts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from weft.real_runs.features import Features
from weft.real_runs.forecast import Forecast
from weft.real_runs.measure import Configuration, Measurement, Sample
from weft.real_runs.suite import Point, SuiteWorkload
from weft.simcore.prediction import Base, PredictedRun, Prediction, UnfinishedRun
from weft.simcore.prediction import Configuration as Predicted
from weft.simcore.profile import Profile
from weft.simcore.trace import Trace

LOCKED = SuiteWorkload("locked", "lock-bound", "hold-out", "weft.models.hashing:run")
POOLED = SuiteWorkload("pooled", "pool", "calibration", "weft.models.hashing:run")
BUFFERED = SuiteWorkload("buffered", "buffer", "hold-out", "weft.models.executor:run", beside=1)
GOOD = Features(threads=2, cores=2, gil=True, short_share=0.0, memory_share=0.0, hand_over_share=0.0, spread=0.0)


def run_of(seconds: float, params: dict[str, Any] | None = None, **more: Any) -> PredictedRun:
    values: dict[str, Any] = {
        "cores": 2,
        "gil": True,
        "seconds_interval": (seconds * 0.99, seconds * 1.01),
        "speedup": 1.0,
        "interval": (1.0, 1.0),
        "utilisation": 1.0,
        "time_in": {"running": 1.0},
        "bottleneck": "none",
    }
    return PredictedRun(seconds=seconds, params=params or {}, **{**values, **more})


def forecast_of(seconds: float, threads: int = 2, **more: Any) -> Forecast:
    values: dict[str, Any] = {"features": GOOD, "baselines": {}, **more}
    return Forecast(Point({"workers": threads}, threads, threads), run_of(seconds, {"workers": threads}), **values)


def samples(
    *seconds: float | None, disturbed: Sequence[int] = (), why: str = "others used 1.0 processors"
) -> list[Sample]:
    """Runs by block; None is one that failed."""
    found: list[Sample] = []
    for block, value in enumerate(seconds):
        if value is None:
            found.append(Sample(block, "timeout", message="no end after 1 s"))
            continue
        bad = block in disturbed
        states = {"running": 0.5, "ready": 0.1, "waiting": 0.4}
        found.append(
            Sample(block, "ok", seconds=value, disturbed=bad, why=[why] if bad else [], time_in=states, threads=3)
        )
    return found


def measurement(*seconds: float | None, **more: Any) -> Measurement:
    return Measurement(Configuration(), samples(*seconds, **more))


class FakePredictor:
    """Answers with a formula of the workers, and notes what it was asked."""

    def __init__(self, seconds: Callable[[str, Predicted, Profile], float | None], trace: Trace | None = None) -> None:
        self.seconds = seconds
        self.trace = trace
        self.asked: list[tuple[str, list[Predicted], Profile, int]] = []

    def __call__(
        self,
        target: str,
        configurations: list[Predicted],
        profile: Profile,
        *,
        repeat: int,
        seed: int,
        timelines: bool = False,
    ) -> tuple[Prediction, list[Trace | None]]:
        self.asked.append((target, configurations, profile, repeat))
        runs: list[PredictedRun] = []
        unfinished: list[UnfinishedRun] = []
        for item in configurations:
            seconds = self.seconds(target, item, profile)
            if seconds is None:
                unfinished.append(
                    UnfinishedRun(params=item.params, cores=item.cores, gil=item.gil, reason="deadlock", stuck=[])
                )
            else:
                base = runs[0].seconds if runs else seconds
                runs.append(run_of(seconds, item.params, cores=item.cores, gil=item.gil, speedup=base / seconds))
        prediction = Prediction(
            base=[Base({}, 2, True)], runs=runs, unfinished=unfinished, laws={}, limits=["simulated"]
        )
        return prediction, [self.trace if timelines else None for _ in configurations]


class FakeMeasurer:
    """Real runs by a formula, with a little noise; notes what was asked, and what was on disk by then."""

    def __init__(
        self, seconds: Callable[[str, Configuration], float], before: Callable[[], None] | None = None
    ) -> None:
        self.seconds = seconds
        self.before = before
        self.asked: list[tuple[str, list[Configuration], dict[str, Any]]] = []

    def __call__(
        self, target: str, configurations: Sequence[Configuration], *, repeat: int, seed: int, **more: Any
    ) -> list[Measurement]:
        self.asked.append((target, list(configurations), {"repeat": repeat, "seed": seed, **more}))
        if self.before is not None:
            self.before()
        more["progress"](1, 1)
        noise = random.Random(seed)
        return [
            Measurement(
                item, samples(*(self.seconds(target, item) * noise.uniform(0.995, 1.005) for _ in range(repeat)))
            )
            for item in configurations
        ]

"""Changes that are predicted on the unchanged program and then really made: does a what-if come true?

A gain is how much faster the program gets: the time before over the time after, less 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..simcore.prediction import Configuration as Simulated
from ..simcore.prediction import PredictedRun
from ..simcore.target import TargetError
from .forecast import ForecastError, Predictor
from .measure import Configuration, MeasureError
from .rules import RULES
from .statistics import paired_ratio
from .suite import Value
from .suite_measuring import Measurer
from .suite_plan import Plan, Progress


@dataclass(frozen=True, slots=True)
class WhatIf:
    """``params`` are the program as it is, ``really`` as it is after the change; the prediction knows only the first,
    and by what factor some code is faster (``scale``) or which locks make nobody wait (``free_locks``)."""

    name: str
    target: str
    params: Mapping[str, Value]
    really: Mapping[str, Value]
    scale: Mapping[str, float] = field(default_factory=dict[str, float])
    free_locks: tuple[str, ...] = ()


WHAT_IFS: tuple[WhatIf, ...] = (
    WhatIf(
        "map over tasks: each task half as long",
        "weft.models.pool_map:run",
        {"workers": 2, "tasks": 80},
        {"workers": 2, "tasks": 80, "units": 5},
        scale={"computing.derive": 0.5},
    ),
    WhatIf(
        "Python and C: the Python part half as long",
        "weft.models.mixed:run",
        {"workers": 2, "tasks": 60},  # 10 units of Python and 30 of C
        {"workers": 2, "tasks": 60, "units": 35, "share": 1 / 7},  # 5 and 30
        scale={"computing.count": 0.5},
    ),
    WhatIf(
        "one lock, 0.6: the lock makes nobody wait",
        "weft.models.lock_bound:run",
        {"workers": 2, "share": 0.6, "rounds": 80},
        {"workers": 2, "share": 0.0, "rounds": 80},
        free_locks=("lock",),
    ),
)


@dataclass(slots=True)
class PredictedChange:
    """A what-if with its two predicted runs."""

    what_if: WhatIf
    before: PredictedRun
    after: PredictedRun

    @property
    def gain(self) -> float:
        return self.before.seconds / self.after.seconds - 1

    def published(self) -> dict[str, Any]:
        """As JSON values, without a measurement."""
        low, high = self.after.seconds_interval
        return {
            "name": self.what_if.name,
            "target": self.what_if.target,
            "predicted": self.gain,
            "predicted_interval": [self.before.seconds / high - 1, self.before.seconds / low - 1],
        }


def predict_what_ifs(
    plan: Plan, what_ifs: Sequence[WhatIf], predict: Predictor, limits: dict[str, None], progress: Progress
) -> list[PredictedChange]:
    """Simulate each program as it is, and with the change."""
    found: list[PredictedChange] = []
    for number, item in enumerate(what_ifs):
        progress("predicting changes", number, len(what_ifs))
        plain = Simulated(dict(item.params), plan.cores, plan.gil)
        changed = Simulated(dict(item.params), plan.cores, plan.gil, dict(item.scale), item.free_locks)
        try:
            prediction, _ = predict(
                item.target, [plain, changed], plan.profile, repeat=plan.predict_repeat, seed=plan.seed
            )
        except ForecastError as error:
            limits[f"{item.name}: not predicted: {error}"] = None
            continue
        if len(prediction.runs) == 2 and prediction.runs[1].seconds > 0:
            found.append(PredictedChange(item, *prediction.runs))
    return found


def measure_what_ifs(
    plan: Plan, changes: Sequence[PredictedChange], measurer: Measurer, limits: dict[str, None], progress: Progress
) -> list[dict[str, Any]]:
    """Run each program as it is and with the change really made, in the same blocks."""
    found: list[dict[str, Any]] = []
    for number, change in enumerate(changes):
        progress("measuring changes", number, len(changes))
        item = change.what_if
        configurations = [
            Configuration(dict(params), plan.cores, plan.gil, False, int(params.get("workers", 1)))
            for params in (item.params, item.really)
        ]
        row = change.published()
        try:
            before, after = measurer(
                item.target,
                configurations,
                repeat=plan.repeat,
                seed=plan.seed,
                timeout_seconds=plan.timeout_seconds,
                interpreter=plan.interpreter,
                rules=plan.rules,
                progress=None,
            )
        except (TargetError, MeasureError) as error:
            limits[f"{item.name}: not measured: {error}"] = None
            found.append(row)
            continue
        slow, fast = ({s.block: s.seconds for s in one.clean() if s.seconds} for one in (before, after))
        blocks = sorted(slow.keys() & fast.keys())
        if len(blocks) >= min(RULES.clean_min, plan.repeat):
            ratio = paired_ratio([slow[b] for b in blocks], [fast[b] for b in blocks], plan.rules.level, plan.seed)
            row["measured"] = ratio.median - 1
            row["measured_interval"] = [ratio.low - 1, ratio.high - 1]
        else:
            row["note"] = f"{len(blocks)} pairs of clean runs, {RULES.clean_min} are needed"
        found.append(row)
    return found

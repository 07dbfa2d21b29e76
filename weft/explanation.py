"""What a prediction means: what holds the program back, how many threads are enough, what changes would gain.

One answer beside the numbers, made where the program is simulated and sent with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from .attribution import RunSeconds, RunTimeline, Simulations, attribute, fastest, laws_beside
from .checkers.timed_states import NoTimeline
from .recommending import recommend
from .simcore.bottlenecks import Attribution, Bound, Recommendation, WhatIf
from .simcore.prediction import PredictedRun, Prediction
from .what_if import Change, answer

BELIEVED_MAX = 12
"""A sweep of so many configurations has each of them simulated once more, to say whether it is to be believed."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Beside a prediction; in the JSON its fields stand among the prediction's own."""

    attributions: list[Attribution] = []
    """The fastest configuration of each GIL mode."""
    recommended: list[Recommendation] = []
    what_if: list[WhatIf] = []
    """The fastest configuration with each change asked for."""
    laws: dict[str, dict[str, Any]] = {}
    """The prediction's, and those that need a critical path."""
    bounds: list[Bound] = []
    """Configurations outside the accuracy envelope."""
    believed: int = 0
    """How many configurations were held against it."""


def explain(
    prediction: Prediction,
    run_timeline: RunTimeline,
    changes: Sequence[Change] = (),
    scale: Mapping[str, float] | None = None,
    run_seconds: RunSeconds | None = None,
) -> Explanation:
    """Explain a prediction, with about ten more simulations, or twenty; nothing for one without any completed run.

    ``scale`` is what all its configurations were scaled by. In a child that simulated only a share of a sweep the
    prediction is the whole one, which its job carries (``job["explain"]["prediction"]``). ``run_seconds`` is asked where
    a time is all that is needed.

    Raises:
        PredictionError: a configuration that completed fails when it is simulated again.
    """
    if not prediction.runs:
        return Explanation(laws=prediction.laws)
    simulations = Simulations(run_timeline, scale, prediction, run_seconds)
    believed = _looked_at(prediction)
    bounds = [bound for run in believed for bound in _bound(run, simulations)]
    attributions = attribute(prediction, simulations)
    best = min(fastest(prediction.runs), key=lambda run: run.seconds)
    return Explanation(
        attributions=attributions,
        recommended=recommend(prediction, simulations),
        what_if=answer(simulations.configuration(best), changes, simulations) if changes else [],
        laws=laws_beside(prediction, attributions),
        bounds=bounds,
        believed=len(believed),
    )


def _looked_at(prediction: Prediction) -> list[PredictedRun]:
    """The runs that are held against the accuracy envelope: all of a small sweep, of a large one what it is for."""
    runs = prediction.runs
    return runs if len(runs) <= BELIEVED_MAX else fastest(runs)


def not_looked_at(prediction: Prediction, explanation: Explanation) -> list[str]:
    """A limit of the prediction: of how many configurations nobody knows whether they are to be believed."""
    if explanation.believed == len(prediction.runs):
        return []
    return [
        f"whether a time is to be believed was looked at for {explanation.believed} of {len(prediction.runs)} "
        f"configurations, the fastest of each mode; ask for {BELIEVED_MAX} or fewer to have it for each"
    ]


def _bound(run: PredictedRun, simulations: Simulations) -> list[Bound]:
    """None inside the envelope, and where no scheduler event says anything (a program that takes no time)."""
    try:
        found = simulations.belief(run)
    except NoTimeline:
        return []
    if not found.reason:
        return []
    return [Bound(params=run.params, cores=run.cores, gil=run.gil, seconds=found.bound_seconds, reason=found.reason)]


def combined(prediction: Prediction, explanation: Explanation | None) -> dict[str, Any]:
    """One result: the explanation's fields among the prediction's, and bottlenecks told by the critical path."""
    if explanation is None:
        return msgspec.to_builtins(prediction)
    told = {_place(found): found.bottleneck for found in explanation.attributions}
    runs = [replace(run, bottleneck=told.get(_place(run), run.bottleneck)) for run in prediction.runs]
    return {**msgspec.to_builtins(replace(prediction, runs=runs)), **msgspec.to_builtins(explanation)}


def _place(run: Any) -> str:
    return repr((run.params, run.cores, run.gil))

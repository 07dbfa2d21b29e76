"""Which predictions of a sweep are to be believed: its timelines held against the accuracy envelope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .real_runs.envelope import Belief
    from .simcore.prediction import Configuration, Prediction


def beliefs(prediction: Prediction, configurations: Sequence[Configuration], files: list[str]) -> dict[int, Belief]:
    """By number of predicted run, what its timeline (one of ``files``, named by its configuration's number) says."""
    from .checkers.timed_states import NoTimeline
    from .real_runs.envelope import belief
    from .suite_predicting import traces_of

    found: dict[int, Belief] = {}
    by_configuration = {
        (str(configuration.params), configuration.cores, configuration.gil): trace
        for configuration, trace in zip(configurations, traces_of(files, len(configurations)), strict=True)
    }
    for number, run in enumerate(prediction.runs):
        trace = by_configuration.get((str(run.params), run.cores, run.gil))
        if trace is not None:
            try:
                found[number] = belief(run, trace)
            except NoTimeline:
                continue
    return found

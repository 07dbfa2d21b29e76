"""Predict and validate as the parent process does them: sweep, child process, real runs, results as structs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import __version__

if TYPE_CHECKING:
    from .real_runs.envelope import Belief
    from .real_runs.validation import ValidationResult
    from .simcore.prediction import Configuration, Prediction
    from .simcore.profile import Profile

PREDICT_S = 3600.0
"""How long a whole prediction may take in real time."""
RUN_S = 60.0
"""How long one simulated run may take in real time."""


def predict(
    target: str,
    argv: list[str],
    configurations: list[Configuration],
    *,
    profile: Profile,
    repeat: int,
    seed: int,
    inheritance: bool = False,
    traces_in: str = "",
    timelines: list[int] | None = None,
    timeout_s: float = RUN_S,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> tuple[Prediction, list[str]]:
    """Predict in a fresh child process; (prediction, trace files of the ``timelines``, which are configuration numbers).

    Raises:
        ChildError: bad target, a program that fails or cannot be simulated, or out of time.
    """
    import msgspec

    from .process import run_job
    from .simcore.prediction import Prediction

    job: dict[str, Any] = {
        "command": "predict",
        "target": target,
        "argv": argv,
        "configurations": [asdict(configuration) for configuration in configurations],
        "profile": asdict(profile),
        "repeat": repeat,
        "seed": seed,
        "inheritance": inheritance,
        "quiet": True,
        "traces_in": traces_in,
        "timelines": timelines or [],
    }
    answer = run_job(job, limit_s=PREDICT_S, stall_s=0.0, silence_s=timeout_s, seed=seed, progress=progress)
    return msgspec.convert(answer["result"], Prediction), answer["traces"]


def validate(
    target: str,
    argv: list[str],
    prediction: Prediction,
    *,
    profile: Profile,
    repeat: int,
    timeout_seconds: float,
    beliefs: Mapping[int, Belief] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ValidationResult:
    """Hold a finished prediction against real runs on this machine; ``beliefs`` are by number of predicted run.

    Raises:
        TargetError, MeasureError: the real side cannot be run at all.
    """
    from .real_runs.validation import validate as hold

    return hold(
        target,
        prediction,
        repeat=repeat,
        seed=prediction.seed,
        timeout_seconds=timeout_seconds,
        argv=argv,
        profile=profile,
        version=__version__,
        beliefs=beliefs,
        progress=progress,
    )

"""One prediction from target to result, in this process; the command line runs it in a fresh child (weft.worker)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import __version__
from .checking import Runnable
from .simcore import profile as profiles
from .simcore import world as _world
from .simcore.prediction import Configuration, Prediction, PredictionError, predict, timeline
from .simcore.profile import Profile
from .simcore.target import Target, check_parameters
from .simcore.timed import TimedWorld


def runner(target: Runnable) -> Callable[[dict[str, Any]], object]:
    """What one simulated run executes: for a function its call, without loading its modules; for a script all of it."""
    if not isinstance(target, Target) or target.function is None:
        return target.run

    def run(parameters: dict[str, Any]) -> object:
        function = target.load()
        check_parameters(target.function or target.text, function, parameters)
        world = _world.active
        if isinstance(world, TimedWorld):
            world.forget_segment()
        return function(**parameters)

    return run


def predict_target(
    target: Runnable,
    configurations: list[Configuration],
    *,
    profile: Profile,
    repeat: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Prediction:
    """Predict a target in every configuration.

    Raises:
        PredictionError: the program failed, or did what cannot be simulated.
        TargetError: the target cannot be loaded or called.
    """
    try:
        return predict(
            runner(target),
            configurations,
            profile=profile,
            repeat=repeat,
            seed=seed,
            target=target.text,
            weft=__version__,
            progress=progress,
        )
    except PredictionError as error:
        raise _cause(error) from error


def _cause(error: PredictionError) -> Exception:
    """A target that cannot be called fails inside the simulation; its own message is the better one."""
    from .simcore.target import TargetError

    return error.__cause__ if isinstance(error.__cause__, TargetError) else error


def predict_in_process(target: Target, job: dict[str, Any], progress: Callable[[int, int], None]) -> dict[str, Any]:
    """The job of a child: a prediction, and the trace of the configurations asked for."""
    import msgspec

    profile = profiles.Profile(**job["profile"])
    configurations = [Configuration(**values) for values in job["configurations"]]
    prediction = predict_target(
        target, configurations, profile=profile, repeat=job["repeat"], seed=job["seed"], progress=progress
    )
    files: list[str] = []
    if job.get("traces_in"):
        done = {(str(run.params), run.cores, run.gil) for run in prediction.runs}
        for number, configuration in enumerate(configurations):
            if (
                number in job["timelines"]
                and (str(configuration.params), configuration.cores, configuration.gil) in done
            ):
                trace = timeline(runner(target), configuration, profile=profile, seed=job["seed"], target=target.text)
                path = Path(job["traces_in"]) / f"{number}.weft"
                trace.save(path)
                files.append(str(path))
    return {"result": msgspec.to_builtins(prediction), "traces": files}

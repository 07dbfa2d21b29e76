"""One prediction from target to result, in this process; the command line runs it in a fresh child (weft.worker)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import __version__
from .checking import Runnable
from .simcore import profile as profiles
from .simcore import world as _world
from .simcore.prediction import Configuration, Observed, Prediction, PredictionError, predict, timeline
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
    inheritance: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Prediction:
    """Predict a target in every configuration; those with priorities, or with a thread that waited long for locks, are
    run once more and looked at for inversions and starvation. With ``inheritance`` a lock's owner has its waiters'
    priority.

    Raises:
        PredictionError: the program failed, or did what cannot be simulated.
        TargetError: the target cannot be loaded or called.
    """
    try:
        prediction = predict(
            runner(target),
            configurations,
            profile=profile,
            repeat=repeat,
            seed=seed,
            target=target.text,
            weft=__version__,
            inheritance=inheritance,
            progress=progress,
        )
        return _observed(target, prediction, profile, seed, inheritance)
    except PredictionError as error:
        raise _cause(error) from error


def _observed(target: Runnable, prediction: Prediction, profile: Profile, seed: int, inheritance: bool) -> Prediction:
    """The prediction with what one more run of each configuration that may have something to show does show."""
    from msgspec import to_builtins
    from msgspec.structs import replace

    from .checkers import priority, starvation

    observed: list[Observed] = []
    for run in prediction.runs:
        if run.prioritised or run.lock_wait_max >= starvation.SHARE_MIN:
            configuration = Configuration(run.params, run.cores, run.gil)
            trace = timeline(
                runner(target), configuration, profile=profile, seed=seed, target=target.text, inheritance=inheritance
            )
            inverted = priority.find(trace)
            kept_off = {thread.name for finding in inverted for thread in finding.threads if thread.state == "ready"}
            starved = [
                finding
                for finding in starvation.find(trace)
                if finding.threads[0].waits is not None or finding.threads[0].name not in kept_off
            ]
            findings = [*inverted, *starved]
            if findings:
                observed.append(
                    Observed(params=run.params, cores=run.cores, gil=run.gil, findings=to_builtins(findings))
                )
    return replace(prediction, observed=observed) if observed else prediction


def _cause(error: PredictionError) -> Exception:
    """A target that cannot be called fails inside the simulation; its own message is the better one."""
    from .simcore.target import TargetError

    return error.__cause__ if isinstance(error.__cause__, TargetError) else error


def predict_in_process(target: Target, job: dict[str, Any], progress: Callable[[int, int], None]) -> dict[str, Any]:
    """The job of a child: a prediction, and the trace of the configurations asked for."""
    import msgspec

    profile = profiles.Profile(**job["profile"])
    configurations = [Configuration(**values) for values in job["configurations"]]
    inheritance = bool(job.get("inheritance"))
    prediction = predict_target(
        target,
        configurations,
        profile=profile,
        repeat=job["repeat"],
        seed=job["seed"],
        inheritance=inheritance,
        progress=progress,
    )
    files: list[str] = []
    if job.get("traces_in"):
        done = {(str(run.params), run.cores, run.gil) for run in prediction.runs}
        for number, configuration in enumerate(configurations):
            if (
                number in job["timelines"]
                and (str(configuration.params), configuration.cores, configuration.gil) in done
            ):
                trace = timeline(
                    runner(target),
                    configuration,
                    profile=profile,
                    seed=job["seed"],
                    target=target.text,
                    inheritance=inheritance,
                )
                path = Path(job["traces_in"]) / f"{number}.weft"
                trace.save(path)
                files.append(str(path))
    return {"result": msgspec.to_builtins(prediction), "traces": files}

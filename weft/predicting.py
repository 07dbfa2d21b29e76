"""One prediction from target to result, in this process; the command line runs it in a fresh child (weft.worker)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import __version__
from .checking import Runnable
from .simcore import profile as profiles
from .simcore import world as _world
from .simcore.prediction import Configuration, Observed, Prediction, PredictionError, Study
from .simcore.profile import Profile
from .simcore.target import Target, TargetError, check_parameters
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


def study_of(
    target: Runnable, *, profile: Profile, repeat: int, seed: int, inheritance: bool = False, draws: bool = True
) -> Study:
    """The predictions of a target; what is measured for one serves the others."""
    return Study(
        runner(target),
        profile=profile,
        repeat=repeat,
        seed=seed,
        target=target.text,
        weft=__version__,
        inheritance=inheritance,
        draws=draws,
    )


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
    """Predict a target in every configuration; see :func:`observed_too`. With ``inheritance`` a lock's owner has its
    waiters' priority.

    Raises:
        PredictionError: the program failed, or did what cannot be simulated.
        TargetError: the target cannot be loaded or called, or a what-if names what it does not have.
    """
    study = study_of(target, profile=profile, repeat=repeat, seed=seed, inheritance=inheritance)
    try:
        return observed_too(study, study.predict(configurations, progress))
    except PredictionError as error:
        raise _cause(error) from error


def observed_too(study: Study, prediction: Prediction) -> Prediction:
    """The prediction with what checkers find in those of its runs that have priorities, or a thread that waited long
    for locks: inversions and starvation."""
    from msgspec import to_builtins
    from msgspec.structs import replace

    from .checkers import priority, starvation

    observed: list[Observed] = []
    for run in prediction.runs:
        if run.prioritised or run.lock_wait_max >= starvation.SHARE_MIN:
            trace = study.timeline(Configuration(run.params, run.cores, run.gil, run.scale, run.free_locks))
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
    return error.__cause__ if isinstance(error.__cause__, TargetError) else error


def configuration_of(values: dict[str, Any]) -> Configuration:
    """A configuration that went through JSON."""
    named: dict[str, Any] = {**values, "free_locks": tuple(values.get("free_locks", ()))}
    return Configuration(**named)


def predict_in_process(target: Target, job: dict[str, Any], progress: Callable[[int, int], None]) -> dict[str, Any]:
    """The job of a child: a prediction, its explanation, and the traces of the configurations asked for.

    ``tables_from`` names a file with what another child has measured, ``tables_to`` one to leave it in.

    Raises:
        PredictionError, TargetError: as :func:`predict_target`.
    """
    import msgspec

    configurations = [configuration_of(values) for values in job["configurations"]]
    study = study_of(
        target,
        profile=profiles.Profile(**job["profile"]),
        repeat=job["repeat"],
        seed=job["seed"],
        inheritance=bool(job.get("inheritance")),
        draws=job.get("draws", True),
    )
    if job.get("tables_from"):
        study.adopt(msgspec.msgpack.decode(Path(job["tables_from"]).read_bytes(), type=dict[str, bytes]))
    try:
        numbers: list[int] = job["timelines"] if job.get("traces_in") else []
        timelines = [configurations[number] for number in numbers]
        prediction = observed_too(study, study.predict(configurations, progress, timelines))
        answer: dict[str, Any] = {"result": msgspec.to_builtins(prediction), "traces": _traces(study, prediction, job)}
        if job.get("explain") is not None:
            answer["explanation"] = _explanation(study, prediction, job["explain"])
    except PredictionError as error:
        raise _cause(error) from error
    if job.get("tables_to"):
        Path(job["tables_to"]).write_bytes(msgspec.msgpack.encode(study.tables()))
    return answer


def _traces(study: Study, prediction: Prediction, job: dict[str, Any]) -> list[str]:
    """The files with the timelines asked for, of configurations that came to their end."""
    if not job.get("traces_in"):
        return []
    configurations = [configuration_of(values) for values in job["configurations"]]
    done = {repr(Configuration(run.params, run.cores, run.gil, run.scale, run.free_locks)) for run in prediction.runs}
    files: list[str] = []
    numbers: list[int] = job["timelines"]
    for number in numbers:
        if repr(configurations[number]) in done:
            path = Path(job["traces_in"]) / f"{number}.weft"
            study.timeline(configurations[number]).save(path)
            files.append(str(path))
    return files


def _explanation(study: Study, prediction: Prediction, asked: dict[str, Any]) -> dict[str, Any]:
    """What holds the program back and what would help; ``asked``: the changes to try, what all is scaled by, and the
    whole prediction when this one is a share of it."""
    import msgspec

    from .explanation import explain
    from .what_if import parse_changes

    changes = parse_changes(asked["changes"]) if asked.get("changes") else []
    whole = prediction if asked.get("prediction") is None else msgspec.convert(asked["prediction"], Prediction)
    return msgspec.to_builtins(explain(whole, study.timeline, changes, asked.get("scale"), study.seconds))

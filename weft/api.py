"""The Python API: the commands as functions. Strings run in a fresh child process, functions where they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkers.finding import Result
    from .real_runs.validation import ValidationResult
    from .simcore.prediction import Prediction
    from .simcore.profile import Profile
    from .simcore.trace import Trace

Program = str | Callable[..., Any]
"""A target as on the command line (``path.py:function``), or a function to call."""


def check(
    program: Program,
    *,
    strategy: str = "dpor",
    max_executions: int | None = None,
    max_seconds: float = 60.0,
    max_steps: int = 20_000,
    timeout: float = 10.0,
    keep_going: bool = False,
    seed: int = 0,
    races: bool = True,
    strict_races: bool = False,
    instrument: Sequence[str] = (),
    precise: bool = False,
    gpu: str = "none",
    gpus: int = 1,
    **parameters: Any,
) -> Result:
    """Explore the schedules of a program; see ``weft check``.

    A function is explored in this process: locks must be made inside it (or inside what it calls) or be variables of a
    module; others made earlier are real ones, which weft does not see. For that time the functions of its file run with
    hooks before their accesses to shared variables. A string names a target that runs in a fresh child process.
    ``# weft: ignore[RULE]`` comments in the program count, ``[tool.weft]`` in a pyproject.toml is for the command line.

    Args:
        program: what to run; ``parameters`` are its keyword arguments.
        strategy: ``dpor``, ``random``, ``pct``, ``pos`` or ``once``.
        max_executions, max_seconds, max_steps: when to stop; steps are per execution.
        timeout: how many seconds one thread may run without reaching an operation.
        keep_going: explore on after the first finding.
        seed: of every random choice.
        races: see accesses to shared variables, and look for data races.
        strict_races: unordered accesses without a consequence are findings, not notes.
        instrument: modules and packages to see accesses of besides the program's own.
        precise: see accesses of code that cannot be rewritten, instruction by instruction (Python 3.12 and later).
        gpu: ``virtual``: simulate torch's CUDA devices and check streams; a program in this process must look names of
            ``torch.cuda`` up while it runs (``torch.cuda.Stream()``), since it was imported before.
        gpus: how many devices there are then.

    Raises:
        weft.checking.GaveUp: the first execution could not be completed.
        weft.simcore.target.TargetError: the target cannot be read or called.
        weft.process.ChildError: as the two above, for a target in a child process.
        ValueError: an option out of its range.
    """
    from .checking import FunctionTarget, check
    from .options import Options
    from .suppressions import Suppressions

    options = Options(
        strategy=strategy,
        max_executions=max_executions,
        max_seconds=max_seconds,
        max_steps=max_steps,
        timeout=timeout,
        keep_going=keep_going,
        seed=seed,
        save=isinstance(program, str),
        races=races,
        strict_races=strict_races,
        instrument=tuple(instrument),
        precise=precise,
        gpu=gpu,
        gpus=gpus,
    )
    if callable(program):
        checked = check(FunctionTarget(program), parameters, options)
        if checked.interrupted:
            raise KeyboardInterrupt
        result = checked.result
    else:
        result = _check_target(program, parameters, options)
    Suppressions().apply(result)
    return result


def _check_target(program: str, parameters: dict[str, Any], options: Any) -> Result:
    from dataclasses import asdict

    import msgspec

    from .checkers.finding import Result
    from .process import run_job

    job: dict[str, Any] = {
        "command": "check",
        "target": program,
        "argv": [],
        "parameters": parameters,
        "options": asdict(options),
        "quiet": True,
    }
    answer = run_job(job, limit_s=options.max_seconds, stall_s=options.timeout, seed=options.seed)
    return msgspec.convert(answer["result"], Result)


def predict(
    program: Program,
    *,
    cores: Sequence[int] = (1, 2, 4, 8),
    gil: Sequence[bool] = (True,),
    machine: str | Profile = "default",
    repeat: int = 5,
    seed: int = 0,
    inheritance: bool = False,
    scale: Mapping[str, float] | None = None,
    free_locks: Sequence[str] = (),
    **parameters: Any,
) -> Prediction:
    """Simulate a program on virtual cores; see ``weft predict``.

    Args:
        program: a target, or a function (simulated in this process; make its locks inside it).
        cores: numbers of virtual cores.
        gil: whether the simulated interpreter has a GIL; several values compare.
        machine: a machine profile: its file, its name, or the profile itself.
        repeat: simulated runs per configuration; real segments are measured anew in each.
        seed: of every random choice.
        inheritance: a lock's owner has the priority of the threads that wait for it (``weft.priority``).
        scale: what if the time of these functions, library calls or lines (``model.forward``) were so many times as long.
        free_locks: what if these locks made nobody wait, by name or by the line that makes them.
        parameters: keyword arguments of the program; a list or tuple is swept.

    Raises:
        weft.simcore.prediction.PredictionError: the program failed or cannot be simulated (``ChildError`` for a string).
        weft.simcore.profile.ProfileError: no such machine profile.
        ValueError: nothing to sweep, or fewer than 1 core.
    """
    from dataclasses import replace

    from . import scaling
    from .checking import FunctionTarget
    from .predicting import predict_target
    from .simcore.prediction import sweep

    configurations = [
        replace(configuration, scale=dict(scale or {}), free_locks=tuple(free_locks))
        for configuration in sweep(_swept(parameters), cores, gil)
    ]
    profile = _profile(machine)
    if callable(program):
        return predict_target(
            FunctionTarget(program),
            configurations,
            profile=profile,
            repeat=repeat,
            seed=seed,
            inheritance=inheritance,
        )
    return scaling.predict(
        program, [], configurations, profile=profile, repeat=repeat, seed=seed, inheritance=inheritance
    )[0]


def validate(
    program: Program,
    *,
    cores: Sequence[int] | None = None,
    machine: str | Profile = "default",
    repeat: int = 20,
    timeout: float = 60.0,
    seed: int = 0,
    **parameters: Any,
) -> ValidationResult:
    """Predict a program, then run it for real and compare; see ``weft validate``.

    Real runs happen in child processes, so a function must be importable: at the top level of a module or script.
    ``cores`` defaults to all of this machine's; ``timeout`` bounds one real run in seconds.

    Raises:
        ValueError: a function that a child process could not import.
        As :func:`predict`, and weft.real_runs.measure.MeasureError: the real side cannot be run at all.
    """
    import tempfile

    from . import scaling
    from .beliefs import beliefs
    from .real_runs.machine import available_cores
    from .simcore.prediction import sweep

    target = target_of(program)
    profile = _profile(machine)
    configurations = sweep(_swept(parameters), cores or [len(available_cores())])
    with tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        prediction, traces = scaling.predict(
            target,
            [],
            configurations,
            profile=profile,
            repeat=5,
            seed=seed,
            traces_in=scratch,
            timelines=list(range(len(configurations))),
        )
        believed = beliefs(prediction, configurations, traces)
    return scaling.validate(
        target, [], prediction, profile=profile, repeat=repeat, timeout_seconds=timeout, beliefs=believed
    )


def record(
    program: Program,
    *,
    output: str | Path = "trace.weft",
    timeout: float = 60.0,
    accesses: bool = False,
    instrument: Sequence[str] = (),
    **parameters: Any,
) -> Trace:
    """Run a program for real, once, in a child process, and return its trace; see ``weft record``.

    Args:
        program: a target, or a function that a child process can import; ``parameters`` are its keyword arguments.
        output: the file to write the trace to, ``.weft`` or ``.jsonl``.
        timeout: seconds after which the program is stopped.
        accesses: record accesses to variables that several threads touch, too; ``weft analyze`` then finds races.
        instrument: modules and packages to record accesses of besides the program's own.

    Raises:
        ValueError: a function that a child process could not import, or ``instrument`` without ``accesses``.
        weft.simcore.target.TargetError: the target cannot be found, read or called.
        weft.real_runs.recording.RecordError: nothing could be recorded.
    """
    from . import __version__
    from .real_runs.recording import record as record_run

    if instrument and not accesses:
        raise ValueError("instrument chooses whose accesses are recorded; pass accesses=True, too")
    target = target_of(program)
    return record_run(
        target, parameters, output, timeout, version=__version__, accesses=accesses, instrument=instrument
    ).trace


def target_of(program: Program) -> str:
    """The target text that names ``program`` for a child process.

    Raises:
        ValueError: a function inside another one, or one whose module has no file.
    """
    if isinstance(program, str):
        return program
    name, module = getattr(program, "__qualname__", ""), getattr(program, "__module__", "")
    if not name.replace(".", "").isidentifier():
        raise ValueError(f"{name or program!r} cannot be imported by a child process; define it at the top of a module")
    if module != "__main__":
        return f"{module}:{name}"
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is None:
        raise ValueError(f"{name} was typed in, not read from a file; save it in a module and name that")
    return f"{file}:{name}"


def _swept(parameters: dict[str, Any]) -> dict[str, Sequence[Any]]:
    return {name: value if isinstance(value, list | tuple) else [value] for name, value in parameters.items()}


def _profile(machine: str | Profile) -> Profile:
    from .real_runs.calibration import find_profile

    return find_profile(machine) if isinstance(machine, str) else machine

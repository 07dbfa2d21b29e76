"""The Python API: the commands as functions. Strings run in a fresh child process, functions where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkers.finding import Result

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
    **parameters: Any,
) -> Result:
    """Explore the schedules of a program; see ``weft check``.

    A function is explored in this process: locks must be made inside it (or inside what it calls), since those made
    earlier are real ones, which weft does not see. A string names a target that runs in a fresh child process.

    Args:
        program: what to run; ``parameters`` are its keyword arguments.
        strategy: ``dpor``, ``random``, ``pct``, ``pos`` or ``once``.
        max_executions, max_seconds, max_steps: when to stop; steps are per execution.
        timeout: how many seconds one thread may run without reaching an operation.
        keep_going: explore on after the first finding.
        seed: of every random choice.

    Raises:
        weft.checking.GaveUp: the first execution could not be completed.
        weft.simcore.target.TargetError: the target cannot be read or called.
        weft.process.ChildError: as the two above, for a target in a child process.
    """
    from .checking import FunctionTarget, Options, check

    options = Options(
        strategy=strategy,
        max_executions=max_executions,
        max_seconds=max_seconds,
        max_steps=max_steps,
        timeout=timeout,
        keep_going=keep_going,
        seed=seed,
        save=isinstance(program, str),
    )
    if callable(program):
        return check(FunctionTarget(program), parameters, options).result
    return _check_target(program, parameters, options)


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

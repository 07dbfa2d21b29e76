"""How much longer than this interpreter another one takes for the same computation: in pure Python, and in hashing.

The two run a small program of their own in turns; it is none of the workloads that predictions are checked on.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from .interpreter import Interpreter, InterpreterError, this_interpreter

_TURNS_MIN = 5
_ANSWER_SECONDS = 30.0
_PROGRAM = Path(__file__).with_name("slowdown_program.py")


def python_slowdown(other: Interpreter, seconds: float) -> dict[str, list[float]]:
    """Ratios other / this, pair by pair: ``python_slowdown`` and ``hash_slowdown``.

    Raises:
        InterpreterError: the other one cannot run the program.
    """
    this = this_interpreter()
    found: dict[str, list[float]] = {"python_slowdown": [], "hash_slowdown": []}
    end = time.monotonic() + seconds
    while len(found["python_slowdown"]) < _TURNS_MIN or time.monotonic() < end:
        mine, theirs = _run(this, gil=this.gil_enabled), _run(other, gil=other.gil_enabled)
        for key, name in (("python_slowdown", "python_ns"), ("hash_slowdown", "hash_ns")):
            found[key].append(theirs[name] / mine[name])
    return found


def _run(interpreter: Interpreter, gil: bool) -> dict[str, float]:
    command = [interpreter.path, "-P", str(_PROGRAM)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=True,
            env={**os.environ, **interpreter.environment(gil)},
        )
        return json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise InterpreterError(f"{interpreter.path} cannot run {_PROGRAM.name}: {error}") from error

"""Which Python runs the real side: this one, or another one named by its path, looked at before anything is measured.

It asks interpreters what they are; it runs no program of the user's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .machine import gil_enabled, gil_optional

_OLDEST = (3, 11)
_ANSWER_SECONDS = 20.0
_QUESTION = """
import importlib.util, json, platform, sys, sysconfig
enabled = getattr(sys, "_is_gil_enabled", None)
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "implementation": platform.python_implementation(),
    "gil_enabled": True if enabled is None else bool(enabled()),
    "gil_optional": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "modules": [name for name in sys.argv[1:] if importlib.util.find_spec(name) is not None],
}))
"""


class InterpreterError(Exception):
    """A path is no Python that can run the real side; the message says why."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python; ``modules`` are those it can import of the ones it was asked for."""

    path: str
    version: tuple[int, ...]
    gil_enabled: bool
    gil_optional: bool
    """A free-threading build (PEP 703), where ``PYTHON_GIL`` decides."""
    implementation: str = "CPython"
    modules: frozenset[str] = field(default_factory=frozenset[str])

    def __str__(self) -> str:
        mode = " (free-threading build)" if self.gil_optional else ""
        return f"{self.implementation} {'.'.join(map(str, self.version))}{mode}"

    @property
    def own(self) -> bool:
        """Is it the one that runs us?"""
        return self.path == sys.executable

    def described(self) -> dict[str, Any]:
        """What it is, by the names that :func:`machine.describe` uses."""
        version = ".".join(map(str, self.version))
        return {"python": version, "implementation": self.implementation, "gil": self.gil_enabled}

    def environment(self, gil: bool) -> dict[str, str]:
        """What the environment must say for this mode of the GIL."""
        return {"PYTHON_GIL": "1" if gil else "0"} if self.gil_optional else {}

    def refusal(self, gil: bool) -> str:
        """Why it cannot run in this mode; empty when it can."""
        if gil == self.gil_enabled or self.gil_optional:
            return ""
        return "this interpreter has a GIL; a free-threading build can measure without"


def this_interpreter() -> Interpreter:
    """The one that runs us; of its modules nothing is said."""
    return Interpreter(sys.executable, sys.version_info[:3], gil_enabled(), gil_optional())


def inspect(path: str, modules: Sequence[str] = ()) -> Interpreter:
    """Ask the Python at ``path`` (a file, or a command that is found) what it is, and which ``modules`` it has.

    Raises:
        InterpreterError: there is none, it does not answer like one, or it is older than Python 3.11.
    """
    found = shutil.which(path)
    if found is None:
        raise InterpreterError(f"no Python at {path!r}: it is not a file that can be run; give the path of one")
    # -S would hide its packages; -P keeps the current folder out of its path.
    command = [found, "-P", "-c", _QUESTION, *modules]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        version = tuple(int(part) for part in answer["version"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise InterpreterError(
            f"{path!r} does not answer as a Python {_OLDEST[0]}.{_OLDEST[1]} or newer would; "
            f"`{path} --version` must work"
        ) from error
    if version[:2] < _OLDEST:
        raise InterpreterError(f"{path!r} is Python {version[0]}.{version[1]}; it must be 3.11 or newer")
    return Interpreter(
        path=found,
        version=version,
        gil_enabled=bool(answer["gil_enabled"]),
        gil_optional=bool(answer["gil_optional"]),
        implementation=str(answer["implementation"]),
        modules=frozenset(answer["modules"]),
    )

"""Other interpreters: asked before they are used, refused with a reason, and a bare one is enough to measure."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from weft.real_runs import slowdown, slowdown_program
from weft.real_runs.interpreter import Interpreter, InterpreterError, inspect, this_interpreter
from weft.real_runs.measure import Configuration, measure, not_measurable

FREE = Interpreter("/usr/bin/python3.13t", (3, 13, 1), gil_enabled=False, gil_optional=True)
PLAIN = Interpreter("/usr/bin/python3.12", (3, 12, 0), gil_enabled=True, gil_optional=False)


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """Writes a shell script that stands for a Python."""

    def write(line: str) -> str:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return write


@pytest.fixture
def bare(script: Callable[[str], str]) -> Interpreter:
    """This Python without any installed package."""
    path = os.path.realpath(sys.executable)
    return inspect(script(f'unset PYTHONPATH; exec {path} -S "$@"'), ("numpy", "msgspec", "greenlet", "json"))


def test_this_one() -> None:
    found = this_interpreter()
    assert found.own
    assert found.version == sys.version_info[:3]
    asked = inspect(sys.executable, ("json", "no_such_module"))
    assert (asked.version, asked.gil_enabled, asked.gil_optional) == (
        found.version,
        found.gil_enabled,
        found.gil_optional,
    )
    assert asked.modules == {"json"}
    assert str(found).startswith("CPython 3.")


def test_modes_of_the_gil() -> None:
    assert [FREE.refusal(gil) for gil in (True, False)] == ["", ""]
    assert PLAIN.refusal(True) == ""
    assert "has a GIL" in PLAIN.refusal(False)
    assert (FREE.environment(True), FREE.environment(False)) == ({"PYTHON_GIL": "1"}, {"PYTHON_GIL": "0"})
    assert PLAIN.environment(True) == {}
    assert FREE.described() == {"python": "3.13.1", "implementation": "CPython", "gil": False}
    assert str(FREE) == "CPython 3.13.1 (free-threading build)"
    assert not_measurable(Configuration(gil=False), FREE) == ""
    assert "has a GIL" in not_measurable(Configuration(gil=False), PLAIN)


def test_what_is_no_python_is_refused(script: Callable[[str], str]) -> None:
    with pytest.raises(InterpreterError, match=r"no Python at '/nowhere/python'"):
        inspect("/nowhere/python")
    with pytest.raises(InterpreterError, match="does not answer as a Python"):
        inspect(script("echo hello"))
    with pytest.raises(InterpreterError, match="does not answer as a Python"):
        inspect(script("exit 1"))
    old = '{"version": [3, 8, 1], "implementation": "x", "gil_enabled": true, "gil_optional": false, "modules": []}'
    with pytest.raises(InterpreterError, match=r"Python 3\.8; it must be 3\.11 or newer"):
        inspect(script(f"echo '{old}'"))


def test_a_bare_interpreter_measures_with_the_standard_library_alone(
    bare: Interpreter, program: Callable[[str], str]
) -> None:
    assert bare.modules == {"json"}
    target = program("import sys\ndef main():\n    assert not {'numpy', 'msgspec', 'greenlet'} & set(sys.modules)\n")
    (result,) = measure(target + ":main", [Configuration()], repeat=1, timeout_seconds=120, interpreter=bare)
    assert result.trouble() == ""
    (shipped,) = measure(
        "weft.models.executor:run",
        [Configuration({"workers": 2, "tasks": 2, "task_seconds": 0.001}, cores=1)],
        repeat=1,
        timeout_seconds=120,
        interpreter=bare,
    )
    assert shipped.trouble() == ""


def test_two_interpreters_are_compared_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(1, 100))
    asked: list[str] = []

    def run(interpreter: Interpreter, gil: bool) -> dict[str, float]:
        asked.append(interpreter.path)
        return {"python_ns": next(times), "hash_ns": 5.0}

    monkeypatch.setattr(slowdown, "_run", run)
    found = slowdown.python_slowdown(FREE, 0.0)
    assert asked == [sys.executable, FREE.path] * 5
    assert found["python_slowdown"] == [2 / 1, 4 / 3, 6 / 5, 8 / 7, 10 / 9]
    assert found["hash_slowdown"] == [1.0] * 5


def test_the_program_of_the_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    slowdown_program.main()
    assert {"python_ns", "hash_ns"} == set(__import__("json").loads(capsys.readouterr().out))
    assert slowdown_program.pure_python() == slowdown_program.pure_python() > 0
    found = slowdown._run(this_interpreter(), gil=True)
    assert min(found["python_ns"], found["hash_ns"]) > 0
    with pytest.raises(InterpreterError, match="cannot run"):
        slowdown._run(Interpreter("/bin/false", (3, 13), True, False), gil=True)

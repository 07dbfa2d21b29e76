"""How the tests of the workloads run them: with ``weft check``, in virtual time, or for real in a forced order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from weft.checkers.finding import Result
from weft.checking import check
from weft.models import computing
from weft.options import Options
from weft.simcore.profile import IDEAL
from weft.simcore.takeover import takeover
from weft.simcore.target import parse_target
from weft.simcore.timed import TimedWorld
from weft.simcore.timed_record import TimedRun
from weft.simcore.work import work

Weft = Callable[..., dict[str, Any]]
"""Runs ``weft`` with these arguments, and parameters as keywords; returns the JSON result and its exit ``"code"``."""


@pytest.fixture
def weft(repository: Path, tmp_path: Path) -> Weft:
    def run(*arguments: str, **parameters: float) -> dict[str, Any]:
        command = [*arguments, *(f"--set={name}={value}" for name, value in parameters.items())]
        done = subprocess.run(
            [sys.executable, "-m", "weft", *command, "--quiet", "--json", "result.json"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(repository)},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode in (0, 1), f"weft {' '.join(command)} ended with {done.returncode}:\n{done.stderr}"
        return {**json.loads((tmp_path / "result.json").read_text()), "code": done.returncode}

    return run


Checked = Callable[..., Result]
"""Explores a target to the end, findings or not; its parameters as keywords."""


@pytest.fixture
def checked() -> Checked:
    """Without the command: in this process."""

    def run(target: str, **parameters: float) -> Result:
        options = Options(save=False, keep_going=True)
        loaded = parse_target(target)
        loaded.prepare(options.watching())
        try:
            return check(loaded, parameters, options).result
        finally:
            loaded.close()

    return run


@pytest.fixture
def executions(checked: Checked) -> Callable[..., int]:
    """In how many executions all schedules of a function in ``weft.models`` are seen."""

    def run(target: str, **parameters: float) -> int:
        result = checked(f"weft.models.{target}", **parameters)
        assert result.exhaustive
        return result.executions

    return run


UNIT_SECONDS = 0.001
CORES = 16
"""More than any of the tests has threads that compute at a time, unless it says otherwise."""


class Simulated(NamedTuple):
    """What a workload returned in virtual time, and how long that took."""

    result: Any
    run: TimedRun

    @property
    def units(self) -> float:
        """The makespan in units of computation: a whole number without sleeps."""
        return self.run.makespan_ns / round(UNIT_SECONDS * 1e9)


Simulate = Callable[..., Simulated]
"""Runs a workload with these keywords on a machine whose operations are free. A unit of computation lasts 1 ms there,
and is free of the GIL or not as it is for real; ``on_cores`` and ``gil`` are the machine's."""


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch) -> Simulate:
    derive, count = computing.derive, computing.count

    def derive_in_virtual_time(number: int, units: int) -> int:
        work(units * UNIT_SECONDS, gil=False)
        return derive(number, 0)

    def count_in_virtual_time(number: int, units: int) -> int:
        work(units * UNIT_SECONDS, gil=True)
        return count(number, 0)

    monkeypatch.setattr(computing, "derive", derive_in_virtual_time)
    monkeypatch.setattr(computing, "count", count_in_virtual_time)

    def run(
        workload: Callable[..., object], *, on_cores: int = CORES, gil: bool = True, **parameters: float
    ) -> Simulated:
        returned: list[object] = []
        with takeover():
            world = TimedWorld(cores=on_cores, gil=gil, profile=IDEAL, measure=False)
            simulated = world.run(lambda: returned.append(workload(**parameters)))
        assert not simulated.failures, simulated.failures
        assert simulated.completed, simulated.stuck
        return Simulated(returned[0], simulated)

    return run


@pytest.fixture
def one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every thread has ended when its ``start`` returns."""
    start = threading.Thread.start

    def start_and_wait(thread: threading.Thread) -> None:
        start(thread)
        thread.join()

    monkeypatch.setattr(threading.Thread, "start", start_and_wait)

"""How the tests of the workloads run them: with ``weft check``, or for real in a forced order without its deadlock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
            timeout=120,
        )
        assert done.returncode in (0, 1), f"weft {' '.join(command)} ended with {done.returncode}:\n{done.stderr}"
        return {**json.loads((tmp_path / "result.json").read_text()), "code": done.returncode}

    return run


@pytest.fixture
def one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every thread has ended when its ``start`` returns."""
    start = threading.Thread.start

    def start_and_wait(thread: threading.Thread) -> None:
        start(thread)
        thread.join()

    monkeypatch.setattr(threading.Thread, "start", start_and_wait)

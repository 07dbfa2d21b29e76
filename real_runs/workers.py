"""The child processes that run a measured program: kept while they are well, made anew after each accident.

They turn what a child answers, or that it does not, into facts about one run; whether a run counts is for others.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..simcore.target import TargetError
from .children import GRACE_SECONDS, Child, ending
from .interpreter import Interpreter

START_SECONDS = 30.0
"""For an interpreter to start and the target to be compiled, on the slowest and busiest of machines."""


class StartError(Exception):
    """The program could not even be loaded; the message says how that ended."""


@dataclass(frozen=True, slots=True)
class Accident:
    """A run that gave no times: ``status`` is ``failed``, ``crashed`` or ``timeout``."""

    status: str
    message: str


class Workers:
    """One process for each state of the GIL. Use it as a context manager."""

    def __init__(self, target: str, argv: Sequence[str], timeout_seconds: float, interpreter: Interpreter) -> None:
        self._job = {"kind": "measure", "target": target, "argv": list(argv)}
        self._timeout_seconds = timeout_seconds
        self._interpreter = interpreter
        self._children: dict[bool, Child] = {}
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.close()
        self._complaints.close()

    def run(self, command: dict[str, Any], gil: bool) -> dict[str, Any] | Accident:
        """One run, as :mod:`measured` answers it.

        Raises:
            TargetError: the target cannot be found, read or called.
            StartError: the program could not be loaded.
        """
        child = self._children.get(gil)
        if child is None:
            child = self._children[gil] = self._start(gil)
        told = child.tell(command)
        answer = child.answer(self._timeout_seconds) if told else None
        if answer is None:
            return self._lost(gil, child)
        if answer["status"] == "usage":
            raise TargetError(answer["message"])
        if answer["status"] != "ok":
            return Accident("failed", answer["message"])
        if answer["left_over"]:
            self._drop(gil)
        return answer

    def _start(self, gil: bool) -> Child:
        child = Child(
            self._job,
            commands=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a program's output, repeated dozens of times, belongs nowhere
            stderr=self._complaints,
            environment=self._interpreter.environment(gil),
            python=self._interpreter.path,
        )
        answer = child.answer(START_SECONDS)
        if answer is not None and answer["status"] == "ready":
            return child
        child.close()
        if answer is not None:
            raise TargetError(answer["message"])
        raise StartError(f"the program could not be loaded: it {ending(child.process.returncode)}{self._last_words()}")

    def _drop(self, gil: bool) -> None:
        self._children.pop(gil).close()

    def _lost(self, gil: bool, child: Child) -> Accident:
        # A child that has closed its pipe is about to end; only one that neither answers nor ends took too long.
        code = child.wait(0.0 if child.running() and not child.gone() else GRACE_SECONDS)
        self._drop(gil)
        if code is None:
            limit = f"no end after {self._timeout_seconds:g} s (a deadlock, or too much work for the limit)"
            return Accident("timeout", limit)
        return Accident("crashed", f"the program {ending(code)}{self._last_words()}")

    def _last_words(self) -> str:
        size = self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(size - 2000, 0))
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        self._complaints.seek(0, os.SEEK_END)
        return f": {lines[-1]}" if lines else ""

"""What a contestant's process answers: one line of JSON, the last that it prints. Needs the standard library only."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import Literal

Verdict = Literal["clean", "finding", "unfinished", "inconclusive", "cannot"]
"""``unfinished``: the time limit came first. ``cannot``: the contestant has no way to say or do this."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One measured exploration. ``seconds``: of the exploring call with its report, without imports;
    ``cpu_seconds``: processor time of all its threads in that call, which a busy machine changes less."""

    verdict: Verdict
    executions: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    orders: int | None = None
    note: str = ""

    def send(self) -> None:
        """Print it and leave at once: deadlocked threads that a contestant leaves behind may bar an ordinary exit."""
        print(json.dumps(asdict(self)))
        sys.stdout.flush()
        os._exit(0)


@dataclass(frozen=True, slots=True)
class Question:
    """What to explore: ``limit`` in seconds; ``seed`` of whatever the contestant draws."""

    row: str
    philosophers: int
    limit: float
    seed: int


def question() -> Question:
    """The question on this process's command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("row")
    parser.add_argument("philosophers", type=int)
    parser.add_argument("limit", type=float)
    parser.add_argument("seed", type=int)
    given = parser.parse_args()
    return Question(given.row, given.philosophers, given.limit, given.seed)

"""What is to be validated, and how: everything that is decided before the first prediction.

It knows programs, rules and the machine by name; nothing is predicted, run or measured here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..simcore.profile import Profile
from .envelope import ENVELOPE, EnvelopeRule
from .interpreter import Interpreter
from .machine import available_cores
from .rules import GOALS, RULES, Rules
from .suite import SuiteWorkload

Progress = Callable[[str, int, int], None]
"""What is being done, how many are done, and of how many."""
_START_SECONDS = 0.6
"""A child process, from its start to its first run."""
_TERMS = 9
_SWEEP_SECONDS = 250.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be validated, and how."""

    workloads: Sequence[SuiteWorkload]
    counts: Sequence[int]
    """Numbers of workers."""
    profile: Profile
    gil: bool = True
    repeat: int = RULES.blocks
    predict_repeat: int = 5
    seed: int = 0
    timeout_seconds: float = 60.0
    ablations: bool = True
    sweep: bool = True
    what_ifs: bool = True
    interpreter: Interpreter | None = None
    cores: int = field(default_factory=lambda: len(available_cores()))
    rules: Rules = RULES
    envelope: tuple[EnvelopeRule, ...] = ENVELOPE
    folder: Path = Path(".weft")
    """Where predictions and timelines are kept."""
    version: str = ""
    commands: Sequence[str] = ()

    def frozen_rules(self) -> dict[str, Any]:
        """Everything that decides what counts and what is right, as JSON values."""
        return {
            **self.rules.published(),
            "goals": GOALS,
            "envelope": {rule.feature: rule.most for rule in self.envelope},
        }


def estimated_seconds(plan: Plan) -> float:
    """How long it will take, roughly: from what the programs take on the machine they were sized on."""
    base = 0.3 * max(-(-plan.cores // 2), 1)
    times = [base / min(count, plan.cores) for count in plan.counts]
    pinned = [seconds for seconds, count in zip(times, plan.counts, strict=True) if count <= plan.cores]
    real = (sum(times) + sum(pinned)) * (plan.repeat + plan.rules.warm_up_blocks) + _START_SECONDS
    simulated = (base * (plan.predict_repeat + 8) + base) * len(times) + 3 * _START_SECONDS
    if plan.ablations:
        simulated += _TERMS * (base * len(ablated(plan)) + _START_SECONDS)
    whole = len(plan.workloads) * (real + simulated) + 8.0
    whole += _SWEEP_SECONDS * max(plan.cores / 2, 1) if plan.sweep else 0.0
    return whole + (6 * base * plan.repeat if plan.what_ifs else 0.0)


def ablated(plan: Plan) -> list[int]:
    """The positions of the counts for which the model is taken apart: as many workers as cores."""
    if not plan.ablations:
        return []
    wanted = min(plan.counts, key=lambda count: abs(count - max(plan.cores, 2)))
    return [number for number, count in enumerate(plan.counts) if count == wanted]

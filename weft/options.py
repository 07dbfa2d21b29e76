"""What ``weft check`` was asked to do, and what makes sense of it; the command line reads it without loading an engine.

How anything is explored is not known here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .checkers.exploration.explore import Budget
    from .simcore.target import Instrument

STRATEGIES = ("dpor", "random", "pct", "pos", "once")
"""As ``checkers.exploration.explore`` has them (tests/weft/test_options.py)."""

GPUS = ("none", "virtual")
GPUS_MAX = 64
"""Devices of one process: more than any machine has."""


def _cache() -> Path | None:
    """Where rewritten code is kept, per user; None where there is no home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weft" / "code"
    except RuntimeError:
        return None


@dataclass(frozen=True, slots=True)
class Options:
    """What ``weft check`` was asked to do. Times in seconds."""

    strategy: str = "dpor"
    max_executions: int | None = None
    max_seconds: float = 60.0
    max_steps: int = 20_000
    timeout: float = 10.0
    keep_going: bool = False
    seed: int = 0
    save: bool = True
    traces: bool = False
    """Also keep the trace of each finding (or of one good execution), for the HTML report."""
    races: bool = True
    """See the program's accesses to shared variables."""
    strict_races: bool = False
    """Unordered accesses are findings even when every explored order gave the same outcome."""
    instrument: tuple[str, ...] = ()
    """Modules and packages to see accesses of besides the program's own."""
    precise: bool = False
    """See the accesses of the program's code that was not rewritten, too, instruction by instruction."""
    gpu: str = "none"
    """``virtual``: torch's ``cuda`` devices are simulated, and what the program does with them is checked."""
    gpus: int = 1
    """How many devices there are then."""
    rows: bool = False
    """Also keep what the devices were asked to do: in the run that shows the first finding, or in a good one."""

    def __post_init__(self) -> None:
        if self.precise:
            from .simcore import opcodes

            if not opcodes.supported():
                raise ValueError(opcodes.REFUSAL)
            if not self.races:
                raise ValueError(opcodes.NOTHING_TO_SEE)
        if self.gpu not in GPUS:
            raise ValueError(f"gpu is {self.gpu!r}; it must be one of {', '.join(GPUS)}")
        if not 1 <= self.gpus <= GPUS_MAX:
            raise ValueError(f"gpus is {self.gpus}; it must be from 1 to {GPUS_MAX}")
        if self.strategy not in STRATEGIES:
            raise ValueError(f"strategy is {self.strategy!r}; it must be one of {', '.join(STRATEGIES)}")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")
        for name in ("max_executions", "max_seconds", "max_steps", "timeout"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}; it must be more than 0")

    def watching(self) -> Instrument | None:
        """What ``Target.prepare`` has to rewrite."""
        from .simcore.target import Instrument

        return Instrument(tuple(self.instrument), folder=_cache()) if self.races else None

    def budget(self) -> Budget:
        """The bounds of one exploration."""
        from .checkers.exploration.explore import Budget

        return Budget(
            max_executions=self.max_executions,
            max_seconds=self.max_seconds,
            max_steps=self.max_steps,
            stall_s=self.timeout,
            keep_going=self.keep_going,
        )

"""What holds a program back, what helps and what to believe, as results: the shapes for JSON, texts and reports.

It holds data only; how it is found is not known here.
"""

from __future__ import annotations

from typing import Any

import msgspec

_FASTER = 1.01
"""A smaller gain is not told from none."""


class PathShare(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of the critical path, longest first in its list; the shares of a path add up to 1."""

    what: str
    """What the time is, in words: ``Lock 'optimizer.lock' (train.py:41)``, ``computing in step (train.py:38)``."""
    kind: str
    """``compute``, ``sleep``, ``lock``, ``gil``, ``core``, ``wake-up``, ``time-out``, ``wait`` or ``start``."""
    share: float
    seconds: float
    held_by: list[str] = []
    """Who had what the path waits for, longest first: ``worker-2 (train.py:57)``."""


class Attribution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds one configuration back: its critical path, and the same simulation without the worst of it."""

    params: dict[str, Any]
    cores: int
    gil: bool
    bottleneck: str
    """``Lock 'optimizer.lock' (train.py:41): 61 % of the critical path``."""
    share: float
    speedup: float
    """As it is, relative to the base of the prediction."""
    change: str = ""
    """What was changed for ``changed_speedup``: ``without it``, ``with 8 cores``, ``twice as fast``; may be empty."""
    changed_seconds: float | None = None
    changed_speedup: float | None = None
    path: list[PathShare]
    seconds: float
    work_seconds: float
    """All computation: no schedule on N cores takes less than this over N."""
    span_seconds: float
    """The longest chain of steps that wait for each other: no schedule takes less."""
    gil_seconds: float
    """Computed with the GIL: nor less than this, while there is one."""

    @property
    def sentence(self) -> str:
        """``Lock …: 61 % of the critical path; without it: 3.4x instead of 2.1x``."""
        if self.changed_speedup is None:
            return self.bottleneck
        if self.changed_speedup < _FASTER * self.speedup:
            return f"{self.bottleneck}; {self.change}: no faster"
        return f"{self.bottleneck}; {self.change}: {self.changed_speedup:.1f}x instead of {self.speedup:.1f}x"


class Recommendation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The smallest number of threads (or cores) that is as good as any, for one GIL mode."""

    parameter: str
    """The parameter of the program that sets the number of threads; ``cores`` when none does."""
    value: int
    cores: int
    gil: bool
    params: dict[str, Any]
    """The other parameters."""
    speedup: float
    next_gain: float | None = None
    """How much faster one more makes it (0.02: 2 %); None when that was not simulated."""
    reason: str = ""
    """Why one more does not help: what the critical path waits for then."""
    sentence: str
    """``4 workers: 3.1x; a fifth gains 2 %, because 61 % of the critical path waits for …``."""


class WhatIf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change (or all of them) and what it comes to."""

    change: str
    """As it was asked: ``lock:cache.lock``, ``scale:model.forward=0.5``, ``cores=8``."""
    params: dict[str, Any]
    cores: int
    gil: bool
    seconds: float | None = None
    """None when the changed program came to no end; ``reason`` says why."""
    gain: float | None = None
    """How many times faster than without the change."""
    reason: str = ""


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration outside the accuracy envelope: its time is not to be believed, only that it takes no less."""

    params: dict[str, Any]
    cores: int
    gil: bool
    seconds: float
    """No schedule on these cores takes less."""
    reason: str

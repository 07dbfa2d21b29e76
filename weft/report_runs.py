"""The runs of a prediction or validation as the report reads them, what a sweep varies, and its series.

It reads the JSON of ``weft predict`` and ``weft validate`` and knows nothing of how runs are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

import msgspec

from .simcore.bottlenecks import Attribution, Bound, Recommendation, WhatIf


class Run(msgspec.Struct, kw_only=True):
    """One simulated configuration, with its measurement when there is one.

    ``interval`` is that of the speedup, ``seconds_interval`` that of the seconds; either is worked out from the other.
    """

    params: dict[str, Any] = {}
    cores: int | None = None
    gil: bool | None = None
    seconds: float
    seconds_interval: tuple[float, float] | None = None
    speedup: float | None = None
    interval: tuple[float, float] | None = None
    utilisation: float | None = None
    latency: dict[str, float] | None = None
    throughput: float | None = None
    time_in: dict[str, float] = {}
    bottleneck: str | None = None
    measured_seconds: float | None = None
    measured_interval: tuple[float, float] | None = None
    measured_speedup: float | None = None
    measured_speedup_interval: tuple[float, float] | None = None
    error: float | None = None
    disturbed: int = 0
    note: str = ""
    noise_floor: float | None = None
    envelope_reason: str = ""
    """Why only a bound is given; then the error of the prediction is none that the tool stands for, and not shown."""
    bound_seconds: float | None = None
    samples: Any = None
    scale: dict[str, float] = {}
    free_locks: list[str] = []

    def __post_init__(self) -> None:
        if self.envelope_reason:
            self.error = None

    @property
    def predicted_interval(self) -> tuple[float, float] | None:
        """In seconds: given, or the baseline's time over each end of the speedup's interval."""
        return self.seconds_interval or self._over_baseline(self.interval)

    @property
    def speedup_interval(self) -> tuple[float, float] | None:
        """Of the prediction: given, or the baseline's time over each end of the seconds' interval."""
        return self.interval or self._over_baseline(self.seconds_interval)

    def _over_baseline(self, interval: tuple[float, float] | None) -> tuple[float, float] | None:
        """From an interval of seconds to one of speedups and back: their product is the baseline's time."""
        if interval is None or self.speedup is None or min(interval) <= 0:
            return None
        baseline = self.seconds * self.speedup
        return baseline / interval[1], baseline / interval[0]

    def measurements(self) -> list[float]:
        """The raw samples in seconds, from a list of numbers or of objects with ``seconds``."""
        found: list[float] = []
        items = cast(list[Any], self.samples) if isinstance(self.samples, list) else []
        for item in items:
            value = cast(dict[str, Any], item).get("seconds") if isinstance(item, dict) else item
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.append(float(value))
        return found


class Unfinished(msgspec.Struct, kw_only=True):
    """A configuration that never ended in virtual time, with one sentence for each thread that waits for ever."""

    params: dict[str, Any] = {}
    cores: int | None = None
    gil: bool | None = None
    reason: str = ""
    stuck: list[str] = []


class Base(msgspec.Struct, kw_only=True):
    """What the speedups of one GIL mode are relative to."""

    params: dict[str, Any] = {}
    cores: int | None = None
    gil: bool | None = None


class Prediction(msgspec.Struct, kw_only=True):
    """A whole ``predict`` or ``validate`` result; the keys about its making are shown when they are there."""

    runs: list[Run]
    laws: dict[str, Any] = {}
    weft: str = ""
    command: str = "predict"
    target: str = ""
    seed: int | None = None
    parameters: dict[str, Any] = {}
    limits: list[str] = []
    notes: list[str] = []
    unfinished: list[Unfinished] = []
    attributions: list[Attribution] = []
    recommended: list[Recommendation] = []
    what_if: list[WhatIf] = []
    bounds: list[Bound] = []
    base: list[Base] | None = None
    repeat: int | None = None
    machine: Any = None
    profile: Any = None
    error_median: float | None = None
    error_max: float | None = None
    sign_right: float | None = None
    max_error: float | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """What a sweep varies: ``x`` is ``cores`` or a parameter, or empty; ``others`` tell the series apart.

    What changes in step with x, as workers may with cores, is ``along`` and makes no series of its own.
    """

    x: str
    others: list[str]
    along: list[str]
    both_gils: bool


@dataclass(frozen=True, slots=True)
class Series:
    """The runs that differ only in x, in its order. ``tone`` numbers colour, dash and marker from 1."""

    label: str
    tone: int
    runs: list[Run]


def value_of(run: Run, name: str) -> Any:
    """The cores, or a parameter."""
    return run.cores if name == "cores" else run.params.get(name)


def is_number(value: Any) -> bool:
    """Can it be placed on an axis?"""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def axis_of(runs: list[Run]) -> Axis:
    """Cores when they vary; else the workers or threads; else the first parameter that is a varying number."""
    names = ["cores", *dict.fromkeys(name for run in runs for name in run.params)]
    varying = [name for name in names if len({repr(value_of(run, name)) for run in runs}) > 1]
    numbers = [name for name in varying if all(is_number(value_of(run, name)) for run in runs)]
    preferred = [name for name in numbers if name in ("cores", "workers", "threads")]
    x = (preferred or numbers or ["cores"])[0]
    both_gils = len({run.gil for run in runs}) > 1
    others = [name for name in varying if name != x and not _goes_along(runs, x, name)]
    return Axis(x if varying else "", others, [name for name in varying if name not in (x, *others)], both_gils)


def _goes_along(runs: list[Run], x: str, name: str) -> bool:
    """Does ``name`` take one value for each value of x, as workers do that are as many as the cores?"""
    return len({(repr(value_of(run, x)), repr(value_of(run, name))) for run in runs}) == len(
        {repr(value_of(run, x)) for run in runs}
    )


def _setting(name: str, value: Any) -> str:
    if name == "cores":
        return "1 core" if value == 1 else f"{value} cores"
    return f"{name}={value}"


def gil_words(gil: bool | None) -> str:
    """``GIL on``, ``GIL off`` or nothing."""
    return "" if gil is None else "GIL on" if gil else "GIL off"


def configuration(run: Run | Unfinished | Base) -> str:
    """All of it, in words."""
    parts = [_setting("cores", run.cores)] if run.cores is not None else []
    parts += [_setting(name, value) for name, value in run.params.items()]
    return ", ".join([*parts, *([gil_words(run.gil)] if run.gil is not None else [])])


def label_of(run: Run | Base | Bound, axis: Axis, *, gil: bool = True) -> str:
    """What sets the run apart, in words: ``4 cores, workers=2, GIL off``."""
    varying = [axis.x, *axis.others, *axis.along]
    parts = [_setting("cores", run.cores)] if "cores" in varying and run.cores is not None else []
    parts += [_setting(name, value) for name, value in run.params.items() if name in varying]
    if gil and axis.both_gils:
        parts.append(gil_words(run.gil))
    return ", ".join(parts) or "the only configuration"


def constants_of(runs: list[Run], axis: Axis) -> str:
    """What all runs have in common, in words."""
    varying = [axis.x, *axis.others, *axis.along]
    first = runs[0]
    parts = [_setting("cores", first.cores)] if "cores" not in varying and first.cores is not None else []
    parts += [_setting(name, value) for name, value in first.params.items() if name not in varying]
    if not axis.both_gils:
        parts.append(gil_words(first.gil))
    parts += [f"{name} \N{MULTIPLICATION SIGN} {factor:g}" for name, factor in first.scale.items()]
    parts += [f"{name} makes nobody wait" for name in first.free_locks]
    return ", ".join(part for part in parts if part)


def series_of(runs: list[Run], axis: Axis) -> list[Series]:
    """The runs whose x is a number, by everything else that varies."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        if is_number(value_of(run, axis.x)):
            parts = [_setting(name, value_of(run, name)) for name in axis.others]
            if axis.both_gils:
                parts.append(gil_words(run.gil))
            groups.setdefault(", ".join(parts) or "all runs", []).append(run)
    return [
        Series(label, index, sorted(members, key=lambda run: value_of(run, axis.x)))
        for index, (label, members) in enumerate(groups.items(), 1)
    ]

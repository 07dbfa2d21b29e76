"""What a prediction is: the points of a sweep, and what came out at each; its JSON is that of ``weft predict``.

Data only: how it is found is in ``prediction``.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

SCHEMA = "weft.result/1"


class PredictionError(Exception):
    """The program cannot be predicted: it failed or did something no world can simulate; says where and what."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One point of a sweep."""

    params: dict[str, Any]
    cores: int
    gil: bool
    scale: dict[str, float] = field(default_factory=dict[str, float])
    """What-if: by function, library call or line, the factor on the time of what happens there (``scaled_code``)."""
    free_locks: tuple[str, ...] = ()
    """What-if: locks that never make anybody wait, by name or by the line that made them."""

    def __str__(self) -> str:
        values = [f"{name}={value}" for name, value in self.params.items()]
        values += [f"{name} x {factor:g}" for name, factor in self.scale.items()]
        values += [f"{name} free" for name in self.free_locks]
        return ", ".join([*values, f"{self.cores} core{'s' if self.cores > 1 else ''}"])

    @property
    def is_what_if(self) -> bool:
        return bool(self.scale or self.free_locks)


class Latency(msgspec.Struct, frozen=True):
    """Percentiles of the time between the marks ``begin X`` and ``end X``, in seconds of virtual time."""

    p50: float
    p95: float
    p99: float


class PredictedRun(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One configuration that completed."""

    params: dict[str, Any]
    cores: int
    gil: bool
    seconds: float
    """Virtual makespan with the median of every segment."""
    seconds_interval: tuple[float, float]
    """Smallest and largest makespan of it, of the runs that repeat a fast and a slow measured run, and of draws."""
    speedup: float
    """Relative to the base of its GIL mode."""
    interval: tuple[float, float]
    """The speedup at both ends of ``seconds_interval``."""
    utilisation: float
    """The share of the cores' time that was used."""
    time_in: dict[str, float]
    """Shares of all threads' time."""
    bottleneck: str
    latency: Latency | None = None
    throughput: float | None = None
    """Marked requests per second."""
    prioritised: bool = False
    """The program set priorities (``weft.priority``)."""
    lock_wait_max: float = 0.0
    """The largest share of the makespan that one thread waited for locks."""
    scale: dict[str, float] = {}
    """What-if: factors on the time of some code."""
    free_locks: tuple[str, ...] = ()
    """What-if: locks that made nobody wait."""


class UnfinishedRun(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A configuration without a makespan: it deadlocked in virtual time or reached a limit."""

    params: dict[str, Any]
    cores: int
    gil: bool
    reason: str
    stuck: list[str]
    """One sentence for each thread that waits for ever."""
    scale: dict[str, float] = {}
    free_locks: tuple[str, ...] = ()


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What checkers found in one run of a configuration; each finding as in the JSON of ``weft check``."""

    params: dict[str, Any]
    cores: int
    gil: bool
    findings: list[dict[str, Any]]


class Base(msgspec.Struct, frozen=True):
    """The configuration that the speedups of one GIL mode are relative to."""

    params: dict[str, Any]
    cores: int
    gil: bool


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a sweep; its JSON is the contract of ``weft predict --json``."""

    schema: str = SCHEMA
    weft: str = ""
    command: str = "predict"
    target: str = ""
    seed: int = 0
    profile: str = ""
    repeat: int = 1
    seconds: float = 0.0
    """Real time that the sweep took."""
    base: list[Base]
    runs: list[PredictedRun]
    unfinished: list[UnfinishedRun]
    laws: dict[str, dict[str, Any]]
    limits: list[str]
    observed: list[Observed] = []
    """Priority inversions and starved threads."""

    def json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def sweep(
    parameters: Mapping[str, Sequence[Any]], cores: Sequence[int], gil: Sequence[bool] = (True,)
) -> list[Configuration]:
    """All combinations, GIL modes first, then parameters in the order given, then cores.

    Raises:
        ValueError: an empty list, or a number of cores below 1.
    """
    for name, values in [("cores", cores), ("gil", gil), *parameters.items()]:
        if not values:
            raise ValueError(f"{name} has no values to sweep; give at least one")
    for count in cores:
        if count < 1:
            raise ValueError(f"cores is {count}; a machine needs at least 1")
    rows = itertools.product(gil, itertools.product(*parameters.values()), cores)
    return [Configuration(dict(zip(parameters, values, strict=True)), count, mode) for mode, values, count in rows]

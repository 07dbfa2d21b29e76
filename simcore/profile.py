"""The machine profile: what operations cost on one machine.

``weft calibrate`` measures it, the timed world reads it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

SCHEMA = "weft.profile/1"


class ProfileError(Exception):
    """A machine profile cannot be read; the message names the file and the rule."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Costs of one machine, in integer nanoseconds unless the name says otherwise.

    The defaults are the medians of prediction.md section 3 (a 2-core Zen 5 virtual machine, CPython 3.11).
    """

    name: str = "default"
    thread_start_ns: int = 25_000
    """From ``Thread.start()`` to the first line of the thread's function."""
    thread_create_ns: int = 15_000
    """What ``start()`` costs the starting thread."""
    lock_ns: int = 40
    """One uncontended acquire or release."""
    handover_ns: int = 8_000
    """From a wake-up (release, notify, put, set) to the blocked thread being ready to run."""
    context_switch_ns: int = 1_500
    """Changing the thread that a busy core runs."""
    quantum_ns: int = 3_000_000
    """How long a thread keeps its core while others are ready."""
    balance_ns: int = 0
    """How long a core stays idle before it takes a thread that is ready but waits for another core; 0: at once."""
    queue_ns: int = 500
    """One put or get of ``queue.Queue`` without waiting."""
    submit_ns: int = 3_200
    """One ``Executor.submit``."""
    timer_slack_ns: int = 60_000
    """How much later than asked a sleep or time-out ends."""
    gil_switch_interval_ns: int = 5_000_000
    """How long a thread keeps the GIL while another waits for it (``sys.getswitchinterval``)."""
    gil_handover_ns: int = 4_000
    """From a released GIL to the first waiter trying to take it."""
    gil_release_ns: int = 0
    """CPU cost of giving the GIL up for a computation without it and taking it back, while nobody else wants it."""
    gil_contended_ns: int = 0
    """What giving it up and taking it back costs on top while others wait for it (the signal, the lost race)."""
    handover_same_core_ns: int | None = None
    """The hand-over to a thread that goes on on the waker's core; None: as ``handover_ns``."""
    handover_idle_core_ns: int | None = None
    """The hand-over to a thread that wakes up on an idle core, which leaves its idle state first; None: likewise."""
    free_threading_slowdown: float = 1.1
    """Factor on pure-Python segments when the GIL is off (PEP 703 builds; 1.05-1.4 by version)."""
    co_run: list[float] = field(default_factory=list[float])
    """Time factor of any computation while k cores compute, at k - 1; the last one holds beyond, [] is 1.0."""
    memory_bandwidth: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """By working set in bytes: B(k) / B(1), the bandwidth that k memory-bound threads reach together, at k - 1."""
    core_speeds: list[float] = field(default_factory=list[float])
    """Relative speeds of the cores; the last one holds beyond, [] is 1.0 for all."""
    smt_threads: int = 1
    """How many neighbouring cores are hardware threads of one physical core."""
    smt_factor: float = 1.0
    """Speed of a hardware thread while a sibling computes too."""
    valid_days: int = 30
    """After how many days the measurement is to be repeated."""
    machine: dict[str, Any] = field(default_factory=dict)
    """CPU model, cores, kernel, Python, load, date."""
    samples: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Per measured term: median, interval, n and raw values."""
    schema: str = SCHEMA

    def save(self, path: str | Path) -> None:
        Path(path).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


IDEAL = Profile(
    name="ideal",
    thread_start_ns=0,
    thread_create_ns=0,
    lock_ns=0,
    handover_ns=0,
    context_switch_ns=0,
    queue_ns=0,
    submit_ns=0,
    timer_slack_ns=0,
    gil_handover_ns=0,
    free_threading_slowdown=1.0,
)
"""A machine whose operations are free: for closed formulas and teaching."""


def load(path: str | Path) -> Profile:
    """Read a profile written by ``weft calibrate``; unknown terms and bad values are errors, missing terms defaults.

    Raises:
        ProfileError: unreadable, not JSON, wrong schema, or a term that breaks its rule.
    """
    path = Path(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(f"cannot read the machine profile {path}: {error.strerror}") from error
    except ValueError as error:
        raise ProfileError(f"{path} is not a machine profile: it is not JSON ({error})") from error
    if not isinstance(values, dict) or cast("dict[str, Any]", values).get("schema") != SCHEMA:
        raise ProfileError(f'{path} is not a machine profile: its "schema" must be {SCHEMA!r}')
    known = {item.name for item in fields(Profile)}
    terms = cast("dict[str, Any]", values)
    for key, value in terms.items():
        if key not in known:
            raise ProfileError(f"{path}: unknown term {key!r}; a profile is written by `weft calibrate`")
        rule = broken_rule(key, value)
        if rule:
            raise ProfileError(f"{path}: {key} is {value!r}; it must be {rule}")
    return Profile(**terms)


def check(profile: Profile) -> None:
    """Is it one that a machine can be made of?

    Raises:
        ValueError: a term breaks its rule.
    """
    for item in fields(Profile):
        value = getattr(profile, item.name)
        rule = broken_rule(item.name, value)
        if rule:
            raise ValueError(f"{item.name} is {value!r}; it must be {rule}")


def broken_rule(term: str, value: Any) -> str:
    """What ``value`` must be and is not, to stand for ``term`` of a profile; empty when it may."""
    rule, holds = _RULES.get(term, (_NANOSECONDS if term.endswith("_ns") else _ANYTHING))
    return "" if holds(value) else rule


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LARGEST


def _are_positive(values: Any) -> bool:
    return isinstance(values, list) and all(_is_positive(value) for value in cast("list[Any]", values))


def _are_curves(curves: Any) -> bool:
    return isinstance(curves, dict) and all(
        key.isascii() and key.isdecimal() and len(key) <= _DIGITS_MAX and int(key) and curve and _are_positive(curve)
        for key, curve in cast("dict[str, Any]", curves).items()
    )


_LARGEST = 1e100
_DIGITS_MAX = 18
Rule = tuple[str, Callable[[Any], bool]]
_ANYTHING: Rule = ("", lambda value: True)
_NANOSECONDS: Rule = ("a whole number of nanoseconds, 0 or more", lambda value: _is_whole(value, 0))
_SLICE: Rule = ("a whole number of nanoseconds, 1 or more", lambda value: _is_whole(value, 1))
_MAYBE: Rule = (_NANOSECONDS[0] + ", or null", lambda value: value is None or _is_whole(value, 0))
_FACTOR: Rule = ("a positive number", _is_positive)
_FACTORS: Rule = ("a list of positive numbers", _are_positive)
_SPEED: Rule = ("above 0 and at most 1", lambda value: _is_positive(value) and value <= 1)
_COUNT: Rule = ("a whole number, 1 or more", lambda value: _is_whole(value, 1))
_CURVES: Rule = ("an object with lists of positive numbers by working set in bytes", _are_curves)
_OBJECT: Rule = ("an object", lambda value: isinstance(value, dict))
_RULES: dict[str, Rule] = {
    "name": ("a text", lambda value: isinstance(value, str)),
    "machine": _OBJECT,
    "samples": _OBJECT,
    "quantum_ns": _SLICE,
    "gil_switch_interval_ns": _SLICE,
    "handover_same_core_ns": _MAYBE,
    "handover_idle_core_ns": _MAYBE,
    "free_threading_slowdown": _FACTOR,
    "co_run": _FACTORS,
    "memory_bandwidth": _CURVES,
    "core_speeds": _FACTORS,
    "smt_threads": _COUNT,
    "smt_factor": _SPEED,
    "valid_days": _COUNT,
}

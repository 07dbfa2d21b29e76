"""The machine profile: what operations cost on one machine.

``weft calibrate`` measures it, the timed world reads it.
"""

from __future__ import annotations

import json
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
    free_threading_slowdown: float = 1.1
    """Factor on pure-Python segments when the GIL is off (PEP 703 builds; 1.05-1.4 by version)."""
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
    """Read a profile written by ``weft calibrate``; unknown or missing terms and bad values are errors.

    Raises:
        ProfileError: unreadable, not JSON, wrong schema, or a term that is not a non-negative number.
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
    known = {item.name: item for item in fields(Profile)}
    terms = cast("dict[str, Any]", values)
    for key, value in terms.items():
        if key not in known:
            raise ProfileError(f"{path}: unknown term {key!r}; a profile is written by `weft calibrate`")
        if key.endswith("_ns") and not (isinstance(value, int) and value >= 0):
            raise ProfileError(f"{path}: {key} is {value!r}; it must be a whole number of nanoseconds, 0 or more")
    return Profile(**terms)

"""The suite: which programs a validation runs, in which families, and which of them it may be judged by.

A family is used for one purpose only: to set the model up (calibration), to look at while the model is worked on
(development), or to judge it (hold-out). These are data; nothing is run here.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .rules import digest
from .suite_result import Split

Value = int | float | str


class SuiteError(Exception):
    """The suite cannot be run as asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Point:
    """One configuration: the parameters of the call, and how many threads compute at once."""

    params: dict[str, Any]
    threads: int
    """Workers, as the workload counts them."""
    busy: int
    """Threads that may compute at the same time: the workers and those beside them."""


@dataclass(frozen=True, slots=True)
class SuiteWorkload:
    """A program of the suite; ``workers`` is the parameter that is swept.

    ``size`` names the parameter that says how much there is to do; on machines with more than two cores it is
    multiplied, so that the fastest run still takes the 0.1 s that a verdict needs. ``beside`` is the number of threads
    that compute beside the workers.
    """

    name: str
    family: str
    split: Split
    target: str
    params: Mapping[str, Value] = field(default_factory=dict[str, Value])
    size: str = ""
    default_size: int = 0
    """Of that parameter, on two cores."""
    beside: int = 0
    needs: tuple[str, ...] = ()
    """Modules that the program needs beside the standard library."""

    def points(self, counts: Sequence[int], cores: int) -> list[Point]:
        """Its configurations for these numbers of workers on a machine of so many cores."""
        grown = {self.size: self.default_size * max(-(-cores // 2), 1)} if self.size else {}
        return [
            Point({"workers": count, **self.params, **grown}, threads=count, busy=count + self.beside)
            for count in counts
        ]


def thread_counts(cores: int, quick: bool = False) -> list[int]:
    """One worker, two, as many as cores, and twice as many; ``quick``: one, and as many as cores."""
    return sorted({1, max(cores, 2)}) if quick else sorted({1, 2, cores, 2 * cores})


_MODELS = "weft.models"

SUITE: tuple[SuiteWorkload, ...] = (
    # Calibration: the plainest programs, on which the terms of the model are looked at one by one.
    SuiteWorkload("equal hashes", "pool", "calibration", f"{_MODELS}.hashing:run", size="blocks", default_size=128),
    SuiteWorkload("map over tasks", "pool", "calibration", f"{_MODELS}.pool_map:run", size="tasks", default_size=80),
    SuiteWorkload(
        "pure Python", "pure Python", "calibration", f"{_MODELS}.pure_python:run", size="tasks", default_size=36
    ),
    # Development.
    SuiteWorkload(
        "condition buffer",
        "condition buffer",
        "development",
        f"{_MODELS}.condition_buffer:run",
        size="items",
        default_size=80,
        beside=1,
    ),
    SuiteWorkload(
        "bag with a giant", "imbalanced bag", "development", f"{_MODELS}.task_bag:run", size="tasks", default_size=120
    ),
    SuiteWorkload("Python and C", "mixed", "development", f"{_MODELS}.mixed:run", size="tasks", default_size=60),
    # In the first full run pipelines and barriers with more threads than cores were 8 to 14 % off, and led to a queue for
    # each core. Until then they were of the hold-out.
    SuiteWorkload("pipeline", "pipeline", "development", f"{_MODELS}.pipeline:run", size="items", default_size=25),
    SuiteWorkload(
        "pipeline, one slow", "pipeline", "development", f"{_MODELS}.pipeline:run", {"slow_units": 24}, "items", 20
    ),
    SuiteWorkload(
        "uneven barrier", "barrier", "development", f"{_MODELS}.uneven_barrier:run", size="rounds", default_size=8
    ),
    # Hold-out: nothing of the model was changed for their sake.
    SuiteWorkload("one lock, 0.3", "lock-bound", "hold-out", f"{_MODELS}.lock_bound:run", {"share": 0.3}, "rounds", 80),
    SuiteWorkload("one lock, 0.6", "lock-bound", "hold-out", f"{_MODELS}.lock_bound:run", {"share": 0.6}, "rounds", 80),
    SuiteWorkload(
        "striped table", "lock-bound", "hold-out", f"{_MODELS}.lock_striping:run", size="updates", default_size=120
    ),
    SuiteWorkload(
        "cached service", "service", "hold-out", f"{_MODELS}.cached_service:run", size="requests", default_size=64
    ),
    SuiteWorkload(
        "inference service",
        "service",
        "hold-out",
        f"{_MODELS}.service:right",
        {"question_characters": 5000, "document_bytes": 1 << 20, "tokens": 256, "width": 128},
        "requests",
        64,
        beside=1,
        needs=("numpy",),
    ),
    SuiteWorkload(
        "work stealing", "work stealing", "hold-out", f"{_MODELS}.work_stealing:run", size="tasks", default_size=80
    ),
    SuiteWorkload(
        "dealt out in blocks",
        "work stealing",
        "hold-out",
        f"{_MODELS}.work_stealing:static",
        size="tasks",
        default_size=80,
    ),
    SuiteWorkload(
        "open-loop arrivals", "open-loop", "hold-out", f"{_MODELS}.open_loop:run", size="requests", default_size=64
    ),
    SuiteWorkload(
        "gradients, all-reduced",
        "data parallel",
        "hold-out",
        f"{_MODELS}.data_parallel:run",
        size="steps",
        default_size=80,
        needs=("numpy",),
    ),
    SuiteWorkload("fork and join", "fork-join", "hold-out", f"{_MODELS}.fork_join:run", size="items", default_size=128),
)


def families(suite: Iterable[SuiteWorkload] = SUITE) -> list[str]:
    """Their names, in order."""
    return list(dict.fromkeys(workload.family for workload in suite))


def chosen(names: Sequence[str], suite: Sequence[SuiteWorkload] = SUITE, *, quick: bool = False) -> list[SuiteWorkload]:
    """The workloads of these families (none: all), in the suite's order; ``quick``: the first of each family.

    Raises:
        SuiteError: there is no family of that name.
    """
    known = {family.casefold(): family for family in families(suite)}
    wanted: set[str] = set()
    for name in names:
        family = known.get(name.casefold())
        if family is None:
            near = difflib.get_close_matches(name.casefold(), known, 1)
            hint = f"did you mean {known[near[0]]!r}?" if near else f"there are {', '.join(known.values())}"
            raise SuiteError(f"no family {name!r} in the suite; {hint}")
        wanted.add(family)
    found = [workload for workload in suite if not wanted or workload.family in wanted]
    if not quick:
        return found
    return [workload for i, workload in enumerate(found) if workload.family not in {w.family for w in found[:i]}]


def seal(workloads: Sequence[SuiteWorkload], counts: Sequence[int], cores: int) -> str:
    """SHA-256 over what will be run: names, splits, parameters, and the sources of the programs."""
    described = [
        {**asdict(workload), "points": [asdict(point) for point in workload.points(counts, cores)]}
        for workload in workloads
    ]
    return digest({"workloads": described, "sources": _sources(workloads)})


def _sources(workloads: Sequence[SuiteWorkload]) -> dict[str, str]:
    """Digests of the modules of the targets, and of those beside them that they may import."""
    found: dict[str, str] = {}
    for name in sorted({workload.target.partition(":")[0] for workload in workloads}):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise SuiteError(f"the suite has a program {name} that cannot be found; is the installation complete?")
        folder = Path(spec.origin).parent
        found |= {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.py"))}
    return found

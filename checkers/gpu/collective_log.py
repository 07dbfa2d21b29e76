"""What each rank of a distributed job launched: process groups, collectives, one log a rank.

Plain data. It knows nothing of files, of torch or of what is wrong with a job.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath
from typing import Literal

State = Literal["scheduled", "started", "completed"]
Sizes = tuple[tuple[int, ...], ...]
P2P = ("send", "recv")
_PYTHON_ITSELF = ("site-packages", "dist-packages", "lib", "lib64")


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The ranks that communicate together. Two groups of one name with other ranks are two groups."""

    name: str
    description: str
    ranks: tuple[int, ...]
    """Global ranks; the place in this tuple is the rank inside the group."""

    def __str__(self) -> str:
        told = self.description not in ("", "undefined")
        return f"process group {self.name} ({self.description})" if told else f"process group {self.name}"


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a stack."""

    name: str
    filename: str
    line: int

    @property
    def at(self) -> str:
        return f"{PurePath(self.filename.replace(chr(92), '/')).name}:{self.line}"

    def __str__(self) -> str:
        return f"{self.at} in {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collective:
    """One entry of a rank's log: a collective, a send, a receive, or the end of a coalesced batch of them."""

    record: int
    """Counts up in one rank's log from 0; a log whose first is higher has lost its start."""
    group: ProcessGroup
    operation: str
    """``all_reduce``, ``send``, ``coalesced``: without the backend."""
    sequence: int
    """Counts the collectives of one group; for a send or a receive that of the collective before it."""
    p2p_sequence: int = 0
    """Counts one rank's sends and receives in one group, a batch as one; on two ranks the numbers need not agree."""
    is_p2p: bool = False
    source: int = -1
    """Who sends, as a global rank; -1 for what is not a send or a receive."""
    destination: int = -1
    input_sizes: Sizes = ()
    output_sizes: Sizes = ()
    input_dtypes: tuple[str, ...] = ()
    output_dtypes: tuple[str, ...] = ()
    state: State = "completed"
    created_ns: int = 0
    started_ns: int | None = None
    """When the watchdog noticed; None as well when the job did not record starts."""
    completed_ns: int | None = None
    frames: tuple[Frame, ...] = ()
    """The stack of the call, innermost first, as it was recorded."""
    backend: str = "nccl"

    @property
    def own_frames(self) -> list[Frame]:
        """The frames without torch's, innermost first; without those of other packages too, where any remain."""
        others = [frame for frame in self.frames if not _in_torch(frame)]
        return [frame for frame in others if not _installed(frame)] or others

    @property
    def at(self) -> str:
        """Where user code asked for it: ``train.py:12``, or nothing where no stack was recorded."""
        own = self.own_frames
        return own[0].at if own else ""


@dataclass(frozen=True, slots=True)
class RankLog:
    """What one rank launched, in the order in which it did."""

    rank: int
    entries: tuple[Collective, ...]
    groups: tuple[ProcessGroup, ...] = ()
    """The groups this rank knows of, those it never used included."""

    @property
    def lost_its_start(self) -> bool:
        """The recorder keeps the last entries only (2000 by default): are there earlier ones that we do not have?"""
        return bool(self.entries) and self.entries[0].record > 0


@dataclass(frozen=True, slots=True, eq=False)
class Launch:
    """What a rank launches at once: one collective, one send or receive, or a coalesced batch."""

    rank: int
    number: int
    """Its place in what the log holds of this rank's launches, from 0."""
    entries: tuple[Collective, ...]

    @property
    def first(self) -> Collective:
        return self.entries[0]

    @property
    def group(self) -> ProcessGroup:
        return self.first.group

    @property
    def parts(self) -> tuple[Collective, ...]:
        """The entries without the one that ends a batch."""
        return tuple(entry for entry in self.entries if entry.operation != "coalesced") or self.entries

    @property
    def state(self) -> State:
        """Of a batch only the last entry is ever updated."""
        return self.entries[-1].state

    @property
    def pending(self) -> bool:
        return self.state != "completed"

    @property
    def at(self) -> str:
        return self.first.at

    def __str__(self) -> str:
        """``all_reduce #3 of process group 0``, ``send to rank 1 of process group 2 (pp)``."""
        if not self.first.is_p2p:
            more = f" and {len(self.parts) - 1} more" if len(self.parts) > 1 else ""
            return f"{self.first.operation}{more} #{self.first.sequence} of {self.group}"
        said = " + ".join(dict.fromkeys(_aimed(part) for part in self.parts))
        return f"{'batch of ' if len(self.entries) > 1 else ''}{said} of {self.group}"


def launches_of(log: RankLog) -> list[Launch]:
    """A rank's launches: entries of one group and one sequence number belong to one batch."""
    batches: list[list[Collective]] = []
    last: dict[ProcessGroup, list[Collective]] = {}
    for entry in log.entries:
        batch = last.get(entry.group)
        if batch is not None and batch[-1].operation != "coalesced" and _key(batch[-1]) == _key(entry):
            batch.append(entry)
        else:
            last[entry.group] = batch = [entry]
            batches.append(batch)
    return [Launch(log.rank, number, tuple(batch)) for number, batch in enumerate(batches)]


def groups_of(logs: list[RankLog]) -> Iterator[ProcessGroup]:
    """Every process group, each once."""
    seen: dict[ProcessGroup, None] = {}
    for log in logs:
        seen.update(dict.fromkeys(log.groups))
        seen.update(dict.fromkeys(entry.group for entry in log.entries))
    yield from seen


def _key(entry: Collective) -> tuple[bool, int]:
    return entry.is_p2p, entry.p2p_sequence if entry.is_p2p else entry.sequence


def _aimed(part: Collective) -> str:
    if part.operation == "send":
        return f"send to rank {part.destination}"
    return f"recv from rank {part.source}" if part.operation == "recv" else part.operation


def _in_torch(frame: Frame) -> bool:
    return frame.filename.startswith("<") or "torch" in PurePath(frame.filename.replace(chr(92), "/")).parts[:-1]


def _installed(frame: Frame) -> bool:
    parts = PurePath(frame.filename.replace(chr(92), "/")).parts
    return any(
        part in _PYTHON_ITSELF[:2] or (part in _PYTHON_ITSELF[2:] and after.startswith("python"))
        for part, after in pairwise(parts)
    )

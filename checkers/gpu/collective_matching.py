"""Which launches of different ranks belong together, and where those that should be one collective differ.

Collectives of a process group meet by their sequence number, sends and receives by their order from one rank to another.
It knows nothing of who waits for whom, nor of words.

The order of the checks (type, sizes, dtypes) and the relations between sizes are those of torch's own analyser
(``torch.distributed.flight_recorder``); unlike it, sizes are compared by number of elements (which is all that NCCL
sees), the majority decides who is wrong, and a shift by one is recognised as a collective that a rank left out.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .collective_log import P2P, Collective, Launch, ProcessGroup, RankLog, Sizes, groups_of, launches_of

MismatchKind = Literal["type", "count", "size", "relation", "dtype", "p2p"]
SHIFT_MAX = 3
"""At most so many collectives in a row are recognised as left out."""
_UNEVEN = ("all_to_all", "all_to_all_single", "all_to_all_v_single", "all_gather_v", "reduce_scatter_v")
"""Ranks may bring and take different amounts."""
_GATHERS = ("all_gather", "_all_gather_base", "all_gather_single", "all_gather_into_tensor_coalesced")
_SCATTERS = ("reduce_scatter", "_reduce_scatter_base", "reduce_scatter_single", "reduce_scatter_tensor_coalesced")
_REDUCES = ("all_reduce", "allreduce_coalesced")


@dataclass(frozen=True, slots=True)
class Skip:
    """Where one rank goes on as if it had called everything that another has, but for some calls."""

    rank: int
    left_out: tuple[Launch, ...]
    """The calls of the other rank that this one has not made."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first place in a process group where what should be one collective is not."""

    kind: MismatchKind
    group: ProcessGroup
    launches: dict[int, Launch]
    """By rank."""
    culprits: tuple[int, ...]
    """The ranks that differ from the majority; every rank when there is none."""
    decided: bool
    """Is there a majority?"""
    skip: Skip | None = None
    parts: tuple[Collective, ...] = ()
    """Of a send and a receive: the two."""

    @property
    def sequence(self) -> int:
        return next(iter(self.launches.values())).first.sequence

    @property
    def hangs(self) -> bool:
        return any(launch.pending for launch in self.launches.values())


@dataclass(slots=True)
class Channel:
    """What one rank sends to another in one group, and what that one receives, each in its own order."""

    sends: list[tuple[Launch, Collective]] = field(default_factory=list[tuple[Launch, Collective]])
    receives: list[tuple[Launch, Collective]] = field(default_factory=list[tuple[Launch, Collective]])
    whole: bool = True
    """Have both logs their start? Otherwise the k-th send need not belong to the k-th receive."""


@dataclass(frozen=True, slots=True)
class Job:
    """The logs of a job, indexed."""

    ranks: dict[int, RankLog]
    launches: dict[int, list[Launch]]
    groups: list[ProcessGroup]
    collectives: dict[ProcessGroup, dict[int, dict[int, Launch]]]
    """By group, sequence number and rank."""
    channels: dict[tuple[ProcessGroup, int, int], Channel]

    @classmethod
    def of(cls, logs: Sequence[RankLog]) -> Job:
        launches = {log.rank: launches_of(log) for log in logs}
        job = cls({log.rank: log for log in logs}, launches, [*groups_of([*logs])], {}, {})
        for launch in (launch for one in launches.values() for launch in one):
            if launch.first.is_p2p:
                job._add_p2p(launch)
            else:
                by_sequence = job.collectives.setdefault(launch.group, {})
                by_sequence.setdefault(launch.first.sequence, {})[launch.rank] = launch
        for (_, source, destination), channel in job.channels.items():
            both = (job.ranks.get(source), job.ranks.get(destination))
            channel.whole = all(log is not None and not log.lost_its_start for log in both)
        return job

    def _add_p2p(self, launch: Launch) -> None:
        for part in launch.parts:
            if part.operation not in P2P:
                continue
            channel = self.channels.setdefault((launch.group, part.source, part.destination), Channel())
            if part.operation == "send" and part.source == launch.rank:
                channel.sends.append((launch, part))
            elif part.operation == "recv" and part.destination == launch.rank:
                channel.receives.append((launch, part))

    def lacks(self, rank: int, launch: Launch) -> bool:
        """Is this collective surely not in the launches of that rank, rather than lost with the start of its log?"""
        log = self.ranks.get(rank)
        if log is None:
            return False
        by_sequence = self.collectives.get(launch.group, {})
        if rank in by_sequence.get(launch.first.sequence, {}):
            return False
        return not log.lost_its_start or any(
            rank in ranks for sequence, ranks in by_sequence.items() if sequence < launch.first.sequence
        )

    def cut(self, launch: Launch) -> bool:
        """May the start of this batch be lost?"""
        return launch.number == 0 and self.ranks[launch.rank].lost_its_start

    def of_group(self, group: ProcessGroup, rank: int) -> list[Launch]:
        """A rank's collectives in a group, in order of their numbers."""
        by_sequence = self.collectives.get(group, {})
        return [by_sequence[number][rank] for number in sorted(by_sequence) if rank in by_sequence[number]]


def mismatches(job: Job) -> list[Mismatch]:
    """The first mismatch of every process group; what comes after it follows from it."""
    found: list[Mismatch] = []
    for group in job.groups:
        by_sequence = job.collectives.get(group, {})
        for sequence in sorted(by_sequence):
            mismatch = _compare(job, group, by_sequence[sequence])
            if mismatch is not None:
                found.append(mismatch)
                break
    for (group, _, _), channel in job.channels.items():
        if channel.whole:
            both = zip(channel.sends, channel.receives, strict=False)
            found += [
                Mismatch("p2p", group, {a.rank: a, b.rank: b}, (a.rank, b.rank), False, parts=(send, receive))
                for (a, send), (b, receive) in both
                if _sizes(send.input_sizes or send.output_sizes) != _sizes(receive.output_sizes or receive.input_sizes)
                or _differ(_types(send), _types(receive))
            ][:1]
    return found


def skipped(job: Job, group: ProcessGroup, rank: int, other: int) -> Skip | None:
    """Did one rank leave calls out that the other made, and go on as the other did?

    The calls are compared by operation, sizes, dtypes and the line that made them: from the first that differs, the
    rank must go on with what the other has one (up to three) further on.
    """
    own, others = _common(job.of_group(group, rank), job.of_group(group, other))
    tokens, expected = [_token(launch) for launch in own], [_token(launch) for launch in others]
    pairs = zip(tokens, expected, strict=False)
    at = next((number for number, (mine, yours) in enumerate(pairs) if mine != yours), None)
    if at is None:
        return None
    for shift in range(1, SHIFT_MAX + 1):
        rest, shifted = tokens[at:], expected[at + shift :]
        overlap = min(len(rest), len(shifted))
        fits = overlap > 1 or (overlap == 1 and len(rest) <= len(shifted))
        if fits and rest[:overlap] == shifted[:overlap]:
            return Skip(rank, tuple(others[at : at + shift]))
    return None


def _compare(job: Job, group: ProcessGroup, launches: dict[int, Launch]) -> Mismatch | None:
    """The launches of one sequence number: the same type, sizes and dtypes?"""
    batch = any(len(launch.entries) > 1 for launch in launches.values())
    given = {rank: launch for rank, launch in launches.items() if not (batch and job.cut(launch))}
    keys: list[tuple[MismatchKind, Callable[[Launch], Hashable]]] = [
        ("count", lambda launch: len(launch.parts)),
        ("type", lambda launch: tuple(part.operation for part in launch.parts)),
        ("size", lambda launch: tuple(_amounts(part) for part in launch.parts)),
    ]
    for kind, key in keys:
        classes = _classes(given, key)
        if len(classes) > 1:
            told: MismatchKind = "type" if kind == "count" and not batch else kind
            return _blame(job, told, group, given, classes)
    wrong = [rank for rank, launch in given.items() if not all(_related(part) for part in launch.parts)]
    if wrong or not _totals_agree(group, given):
        culprits = tuple(sorted(wrong)) or tuple(sorted(given))
        return Mismatch("relation", group, given, culprits, bool(wrong) and len(wrong) < len(given))
    classes = _classes(given, lambda launch: tuple(_dtypes(part) for part in launch.parts))
    return _blame(job, "dtype", group, given, classes) if len(classes) > 1 else None


def _classes(given: dict[int, Launch], key: Callable[[Launch], Hashable]) -> list[list[int]]:
    """Ranks by what they have, the most common first."""
    by_key: defaultdict[Hashable, list[int]] = defaultdict(list)
    for rank in sorted(given):
        by_key[key(given[rank])].append(rank)
    return sorted(by_key.values(), key=len, reverse=True)


def _blame(
    job: Job, kind: MismatchKind, group: ProcessGroup, given: dict[int, Launch], classes: list[list[int]]
) -> Mismatch:
    decided = len(classes[0]) > len(classes[1])
    culprits = sorted(rank for ranks in (classes[1:] if decided else classes) for rank in ranks)
    reference = classes[0][0]
    for rank in culprits:
        others = [reference] if decided else [ranks[0] for ranks in classes if rank not in ranks]
        for other in others:
            skip = skipped(job, group, rank, other)
            if skip is not None:
                return Mismatch(kind, group, given, (rank,) if not decided else tuple(culprits), True, skip)
    return Mismatch(kind, group, given, tuple(culprits), decided)


def _numel(sizes: Sizes) -> int:
    return sum(math.prod(size) for size in sizes)


def _sizes(sizes: Sizes) -> tuple[int, ...]:
    return tuple(math.prod(size) for size in sizes)


def _amounts(part: Collective) -> Hashable:
    """What must be the same on all ranks."""
    if part.operation in _UNEVEN:
        return ()
    taken = () if part.operation == "scatter" else _sizes(part.input_sizes)
    return taken, () if part.operation == "gather" else _sizes(part.output_sizes)


def _related(part: Collective) -> bool:
    """The relation between what a rank brings and what it takes."""
    brings, takes, ranks = _numel(part.input_sizes), _numel(part.output_sizes), len(part.group.ranks)
    if not part.input_sizes or not part.output_sizes:
        return True
    if part.operation in _REDUCES:
        return brings == takes
    if part.operation in _GATHERS:
        return takes == brings * ranks
    return brings == takes * ranks if part.operation in _SCATTERS else True


def _totals_agree(group: ProcessGroup, given: dict[int, Launch]) -> bool:
    """All that is brought to an exchange of everyone with everyone is taken."""
    parts = [part for launch in given.values() for part in launch.parts if part.operation.startswith("all_to_all")]
    if set(given) != set(group.ranks) or not all(part.input_sizes and part.output_sizes for part in parts):
        return True
    return sum(_numel(part.input_sizes) for part in parts) == sum(_numel(part.output_sizes) for part in parts)


def _dtypes(part: Collective) -> Hashable:
    """One type is used throughout; what brings or takes nothing on some ranks is compared by the other side."""
    if part.operation == "scatter":
        return frozenset(part.output_dtypes)
    if part.operation in ("gather", *_UNEVEN):
        return frozenset(part.input_dtypes)
    return frozenset(part.input_dtypes), frozenset(part.output_dtypes)


def _types(part: Collective) -> frozenset[str]:
    return frozenset(part.input_dtypes or part.output_dtypes)


def _differ(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one and other) and one != other


def _token(launch: Launch) -> Hashable:
    return tuple((part.operation, _amounts(part), _dtypes(part), part.at) for part in launch.parts)


def _common(own: list[Launch], others: list[Launch]) -> tuple[list[Launch], list[Launch]]:
    """Both lists from the first number that both have; batches whose start may be lost are the first, and go."""
    if not own or not others:
        return [], []
    start = max(own[0].first.sequence, others[0].first.sequence)
    return (
        [launch for launch in own if launch.first.sequence >= start],
        [launch for launch in others if launch.first.sequence >= start],
    )


def majority(values: dict[int, Hashable]) -> Hashable | None:
    """What more ranks have than have anything else; None when there is no such thing."""
    counted = Counter(values.values()).most_common(2)
    return counted[0][0] if counted and (len(counted) < 2 or counted[0][1] > counted[1][1]) else None

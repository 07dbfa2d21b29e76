"""Who waits for whom in a job that stands still, and which orders of launches can stop one that does not.

The model is NCCL's promise and no more: a collective goes on when all its ranks have it at the head of what they have
launched and not finished. That the kernels of two communicators often run side by side, and that a small send ends before
it is received, is luck: with it an inverted order works, until it does not. So a circle among the first unfinished
launches explains a hang, and a circle in the order of matched launches predicts one. It knows nothing of words.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .collective_log import P2P, Collective, Launch, ProcessGroup
from .collective_matching import Job, Mismatch

Reason = Literal["absent", "behind", "no dump"]
_ONE_SIDED = ("broadcast", "_broadcast_oop", "reduce", "_reduce_oop", "scatter", "gather")
"""Some ranks may be done with these before others have come."""
SEARCHES_MAX = 64
"""The shortest circle through each of so many nodes of a tangle is looked for, then the shortest of them is shown."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One rank waits in a launch for another, which has not launched its part, or has something else before it."""

    rank: int
    launch: Launch
    awaited: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Circle:
    """Ranks whose first unfinished launches wait for each other."""

    heads: dict[int, Launch]
    waits: list[Waiting]
    started: bool
    """Has the device begun them all, as far as the dumps can tell?"""


@dataclass(frozen=True, slots=True)
class Absence:
    """A rank that others wait for, and that waits for nobody."""

    rank: int
    waits: list[Waiting]
    """Those that wait for it, and those that wait for these."""


@dataclass(frozen=True, slots=True)
class Straggler:
    """Everybody has launched a collective, and on some ranks it is not as far as on the others."""

    launches: dict[int, Launch]
    behind: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """One rank's share of an inverted order: it launches one thing before another."""

    rank: int
    before: Launch
    after: Launch


@dataclass(frozen=True, slots=True)
class Hang:
    """What the ends of the waits are."""

    circles: list[Circle]
    absences: list[Absence]
    stragglers: list[Straggler]


def hang_of(job: Job, mismatches: Iterable[Mismatch]) -> Hang:
    """Follow the waits of the first unfinished launches to their ends."""
    heads = {
        rank: head
        for rank, launches in job.launches.items()
        if (head := next((launch for launch in launches if launch.pending), None)) is not None
    }
    first_bad = {mismatch.group: mismatch.sequence for mismatch in mismatches if mismatch.kind != "p2p"}
    bad_pairs = {
        id(launch) for mismatch in mismatches if mismatch.kind == "p2p" for launch in mismatch.launches.values()
    }

    def explained(head: Launch) -> bool:
        # A log that begins with something unfinished may have lost what it really waits for.
        return (
            job.cut(head)
            or id(head) in bad_pairs
            or (not head.first.is_p2p and head.first.sequence >= first_bad.get(head.group, head.first.sequence + 1))
        )

    waits = {rank: [] if explained(head) else [*_waits_of(job, heads, rank, head)] for rank, head in heads.items()}
    components = strong_components({rank: [wait.awaited for wait in found] for rank, found in waits.items()})
    circles: list[Circle] = []
    absences: list[Absence] = []
    timed = any(
        entry.started_ns is not None or entry.state == "started" for log in job.ranks.values() for entry in log.entries
    )
    for component in components:
        inside = {rank: heads[rank] for rank in sorted(component) if rank in heads}
        if any(wait.awaited not in component for rank in inside for wait in waits[rank]):
            continue
        if len(component) > 1:
            started = all(head.state == "started" or not timed for head in inside.values())
            circles.append(Circle(inside, [wait for rank in inside for wait in waits[rank]], started))
        elif not inside:
            (rank,) = component
            absences.append(Absence(rank, _leading_to(waits, rank)))
    stragglers = [] if circles or absences else [*_stragglers(job, heads, explained)]
    return Hang(circles, sorted(absences, key=lambda absence: absence.rank), stragglers)


def inversions(job: Job, untrusted: Mapping[ProcessGroup, int], known: Iterable[Launch]) -> list[list[Turn]]:
    """Circles in the order of launches: with strict rendezvous such a job stops.

    ``untrusted`` says from which sequence number on the numbers of a group mean nothing (a mismatch, a rank with fewer);
    circles through a launch of ``known`` are told already.
    """
    order = _Order.of(job, untrusted)
    told = {node for launch in known for node in order.meetings.get(id(launch), ())}
    found: list[list[Turn]] = []
    for component in strong_components({node: [target for target, _ in out] for node, out in order.edges.items()}):
        if len(component) > 1 and not component & told:
            starts = sorted(component - order.ends)[:SEARCHES_MAX]
            found.append(min((order.turns(order.circle(component, node)) for node in starts), key=len))
    found.sort(key=lambda turns: min(turn.before.number for turn in turns))
    return found


@dataclass(slots=True)
class _Order:
    """What comes before what: a node for each meeting of ranks, and one for the end of each rank's launch."""

    edges: dict[int, list[tuple[int, Launch]]] = field(default_factory=dict[int, list[tuple[int, Launch]]])
    """Each with the launch that makes it."""
    meetings: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """By the id of a launch."""
    ends: set[int] = field(default_factory=set[int])

    @classmethod
    def of(cls, job: Job, untrusted: Mapping[ProcessGroup, int]) -> _Order:
        order = cls()
        for group, by_sequence in job.collectives.items():
            for sequence, launches in by_sequence.items():
                if sequence < untrusted.get(group, sequence + 1):
                    order._meet(launches.values())
        for (group, _, _), channel in job.channels.items():
            if channel.whole and untrusted.get(group) != 0:
                for (sender, _), (receiver, _) in zip(channel.sends, channel.receives, strict=False):
                    order._meet((sender, receiver))
        for launches in job.launches.values():
            last: int | None = None
            for launch in launches:
                end = order._node()
                order.ends.add(end)
                for node in order.meetings.get(id(launch), ()):
                    order.edges[node].append((end, launch))
                if last is not None:
                    order.edges[last] += [(node, launch) for node in (*order.meetings.get(id(launch), ()), end)]
                last = end
        return order

    def _node(self) -> int:
        self.edges[len(self.edges)] = []
        return len(self.edges) - 1

    def _meet(self, launches: Iterable[Launch]) -> None:
        node = self._node()
        for launch in launches:
            self.meetings.setdefault(id(launch), []).append(node)

    def circle(self, component: set[int], start: int) -> list[tuple[int, Launch]]:
        """The edges of a shortest way from a node back to it, each by its target."""
        came: dict[int, tuple[int, Launch]] = {}
        queue = deque([start])
        while start not in came:
            node = queue.popleft()
            for target, launch in self.edges[node]:
                if target in component and target not in came:
                    came[target] = (node, launch)
                    queue.append(target)
        path: list[tuple[int, Launch]] = []
        node = start
        while not path or node != start:
            before, launch = came[node]
            path.append((node, launch))
            node = before
        return path[::-1]

    def turns(self, circle: list[tuple[int, Launch]]) -> list[Turn]:
        """A circle as what each rank does: it leaves one meeting and comes to the next."""
        turns: list[Turn] = []
        leaves: Launch | None = None
        for target, launch in circle:
            leaves = leaves or launch
            if target not in self.ends:
                turns.append(Turn(launch.rank, leaves, launch))
                leaves = None
        merged: list[Turn] = []
        for turn in turns:
            if merged and merged[-1].rank == turn.rank:
                merged[-1] = Turn(turn.rank, merged[-1].before, turn.after)
            else:
                merged.append(turn)
        if len(merged) > 1 and merged[0].rank == merged[-1].rank:
            merged[0] = Turn(merged[0].rank, merged.pop().before, merged[0].after)
        return merged


def _waits_of(job: Job, heads: Mapping[int, Launch], rank: int, head: Launch) -> Iterator[Waiting]:
    """For whom a rank waits in its first unfinished launch."""
    found = [*(_p2p_waits if head.first.is_p2p else _collective_waits)(job, heads, rank, head)]
    # Who left no dump is only suspected where nobody else keeps the rank waiting.
    yield from [wait for wait in found if wait.reason != "no dump"] or found


def _collective_waits(job: Job, heads: Mapping[int, Launch], rank: int, head: Launch) -> Iterator[Waiting]:
    launches = job.collectives[head.group][head.first.sequence]
    complete = any(not launch.pending for launch in launches.values()) and head.first.operation not in _ONE_SIDED
    for member in head.group.ranks:
        launch = launches.get(member)
        if launch is not None:
            if launch.pending and heads[member] is not launch:
                yield Waiting(rank, head, member, "behind")
        elif member not in job.ranks:
            yield Waiting(rank, head, member, "no dump")
        # Where somebody is through, all have come; a log that does not show it was written earlier.
        elif not complete and job.lacks(member, head):
            yield Waiting(rank, head, member, "absent")


def _p2p_waits(job: Job, heads: Mapping[int, Launch], rank: int, head: Launch) -> Iterator[Waiting]:
    for part in head.parts:
        peer = part.destination if part.operation == "send" else part.source
        if part.operation not in P2P or peer == rank:
            continue
        if peer not in job.ranks:
            yield Waiting(rank, head, peer, "no dump")
            continue
        if len(head.parts) > 1 and not job.channels[part.group, part.source, part.destination].whole:
            # Parts of an unfinished batch may be through; with the start lost nobody knows which.
            continue
        partner = _partner(job, part)
        if partner is None:
            yield Waiting(rank, head, peer, "absent")
        elif partner.pending and heads[peer] is not partner:
            yield Waiting(rank, head, peer, "behind")


def _partner(job: Job, part: Collective) -> Launch | None:
    """The launch with the receive of a send, or the send of a receive."""
    channel = job.channels[part.group, part.source, part.destination]
    own, others = channel.sends, channel.receives
    if part.operation == "recv":
        own, others = others, own
    if not channel.whole:
        # Counted from what is unfinished: that is at the end, and the start is lost.
        own, others = ([pair for pair in pairs if pair[0].pending] for pairs in (own, others))
    number = next(number for number, (_, entry) in enumerate(own) if entry is part)
    return others[number][0] if number < len(others) else None


def _leading_to(waits: Mapping[int, list[Waiting]], rank: int) -> list[Waiting]:
    reached = {rank}
    found: list[Waiting] = []
    queue = deque([rank])
    while queue:
        awaited = queue.popleft()
        for waiting in waits:
            found += [wait for wait in waits[waiting] if wait.awaited == awaited]
            if waiting not in reached and any(wait.awaited == awaited for wait in waits[waiting]):
                reached.add(waiting)
                queue.append(waiting)
    return found


def _stragglers(job: Job, heads: Mapping[int, Launch], explained: Callable[[Launch], bool]) -> Iterator[Straggler]:
    seen: set[tuple[ProcessGroup, int]] = set()
    for head in heads.values():
        key = (head.group, head.first.sequence)
        if head.first.is_p2p or key in seen or explained(head):
            continue
        seen.add(key)
        launches = job.collectives[head.group][head.first.sequence]
        if not set(head.group.ranks) <= set(launches):
            continue
        states = {launch.state for launch in launches.values()}
        behind = {rank for rank, launch in launches.items() if launch.pending}
        if "completed" not in states:
            behind = {rank for rank, launch in launches.items() if launch.state == "scheduled"}
        if len(states) > 1 and all(heads[rank] is launches[rank] and not job.cut(heads[rank]) for rank in behind):
            yield Straggler(launches, tuple(sorted(behind)))


def strong_components(edges: Mapping[int, Iterable[int]]) -> list[set[int]]:
    """The strongly connected components of a graph, what nothing leads out of first (Tarjan, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[set[int]] = []
    for root in edges:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        work = [(root, iter(edges[root]))]
        while work:
            node, targets = work[-1]
            target = next(targets, None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component: set[int] = set()
                    while node not in component:
                        component.add(stack.pop())
                    on_stack -= component
                    found.append(component)
            elif target not in index:
                index[target] = low[target] = len(index)
                stack.append(target)
                on_stack.add(target)
                work.append((target, iter(edges.get(target, ()))))
            elif target in on_stack:
                low[node] = min(low[node], index[target])
    return found

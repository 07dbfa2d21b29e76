"""Made jobs: programs of ranks, what becomes of them under two models of rendezvous, and the logs they leave.

The simulation is the oracle of the checker's tests and shares no code with it: it knows no sequence numbers and builds no
graph, it only lets heads of queues meet until nothing moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weft.checkers.gpu.collective_log import Collective, Frame, ProcessGroup, RankLog, State


@dataclass(frozen=True)
class Part:
    """A collective, a send or a receive."""

    operation: str = "all_reduce"
    size: tuple[int, ...] = (4,)
    out: tuple[int, ...] | None = None
    dtype: str = "Float"
    peer: int = -1
    """A global rank."""


@dataclass(frozen=True)
class Call:
    """What a rank launches at once."""

    group: ProcessGroup
    parts: tuple[Part, ...]
    line: int = 0

    @property
    def p2p(self) -> bool:
        return self.parts[0].operation in ("send", "recv")

    @property
    def communicator(self) -> object:
        """A single send or receive has a communicator of its two ranks."""
        if self.p2p and len(self.parts) == 1:
            return self.group, "pair", self.parts[0].operation == "send", self.parts[0].peer
        return self.group


Programs = dict[int, list[Call]]


def group(name: str, *ranks: int, description: str = "") -> ProcessGroup:
    return ProcessGroup(name, description, ranks)


def call(of: ProcessGroup, operation: str = "all_reduce", *size: int, line: int = 0, **more: object) -> Call:
    part = replace(Part(operation, size or (4,)), **more)  # type: ignore[arg-type]
    return Call(of, (part,), line)


def send(of: ProcessGroup, to: int, *size: int, line: int = 0) -> Call:
    return call(of, "send", *size, line=line, peer=to)


def recv(of: ProcessGroup, source: int, *size: int, line: int = 0) -> Call:
    return call(of, "recv", *size, line=line, peer=source)


def batch(*calls: Call) -> Call:
    return Call(calls[0].group, tuple(part for one in calls for part in one.parts), calls[0].line)


@dataclass
class Outcome:
    """What each rank had finished when nothing moved any more."""

    done: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    """By rank: the numbers of its calls."""
    hangs: bool = False
    heads: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    """By rank: what was waiting at the front."""


def simulate(programs: Programs, strict: bool = True) -> Outcome:
    """Let calls meet. ``strict``: a rank has one queue; otherwise one for each communicator.

    A collective goes on when all ranks of its group have it in front and ask for the same; a send, when its receive is.
    """
    done: dict[int, set[int]] = {rank: set() for rank in programs}
    parts_done: set[tuple[int, int, int]] = set()

    def fronts(rank: int) -> list[int]:
        seen: set[object] = set()
        found: list[int] = []
        for number, one in enumerate(programs[rank]):
            queue = "all" if strict else one.communicator
            if number not in done[rank] and queue not in seen:
                seen.add(queue)
                found.append(number)
        return found

    def find_collective(rank: int, of: ProcessGroup) -> int | None:
        return next((n for n in fronts(rank) if not programs[rank][n].p2p and programs[rank][n].group == of), None)

    def find_part(rank: int, of: ProcessGroup, operation: str, peer: int) -> tuple[int, int] | None:
        for number in fronts(rank):
            for index, part in enumerate(programs[rank][number].parts):
                same = programs[rank][number].group == of and (part.operation, part.peer) == (operation, peer)
                if same and (rank, number, index) not in parts_done:
                    return number, index
        return None

    def advance(rank: int, number: int) -> bool:
        one = programs[rank][number]
        if not one.p2p:
            met = {member: find_collective(member, one.group) for member in one.group.ranks}
            if any(at is None or not _alike(programs[member][at], one) for member, at in met.items()):
                return False
            for member, at in met.items():
                assert at is not None
                done[member].add(at)
            return True
        moved = False
        for index, part in enumerate(one.parts):
            if part.operation != "send" or (rank, number, index) in parts_done:
                continue
            if find_part(rank, one.group, "send", part.peer) != (number, index):
                continue
            other = find_part(part.peer, one.group, "recv", rank)
            if other is None:
                continue
            at, place = other
            received = programs[part.peer][at].parts[place]
            if (received.size, received.dtype) != (part.size, part.dtype):
                continue
            parts_done.update({(rank, number, index), (part.peer, at, place)})
            moved = True
        for who, front in [(one, n) for one in programs for n in fronts(one) if programs[one][n].p2p]:
            if all((who, front, index) in parts_done for index in range(len(programs[who][front].parts))):
                done[who].add(front)
        return moved

    while any(advance(rank, number) for rank in programs for number in fronts(rank)):
        pass
    hangs = any(len(done[rank]) < len(programs[rank]) for rank in programs)
    return Outcome(done, hangs, {rank: set(fronts(rank)) for rank in programs})


def _alike(one: Call, other: Call) -> bool:
    """The same collective; in an all_to_all each rank may bring what it likes."""
    uneven = one.parts[0].operation == other.parts[0].operation == "all_to_all"
    return uneven or one.parts == other.parts


def logs_of(
    programs: Programs,
    outcome: Outcome | None = None,
    blocking: bool = False,
    lost: Mapping[int, int] | None = None,
    timed: bool = True,
    frames: bool = True,
) -> list[RankLog]:
    """What the recorders hold. ``blocking``: a rank launches nothing after what it waits for.

    ``lost`` is how many entries at the start each rank's ring buffer has dropped.
    """
    logs: list[RankLog] = []
    for rank, calls in programs.items():
        entries: list[Collective] = []
        counts: dict[ProcessGroup, list[int]] = {}
        for number, one in enumerate(calls):
            state: State = "completed"
            if outcome is not None and number not in outcome.done[rank]:
                state = "started" if timed and number in outcome.heads[rank] else "scheduled"
            count = counts.setdefault(one.group, [0, 0])
            count[one.p2p] += 1
            for index, part in enumerate(one.parts):
                single = len(one.parts) == 1
                source, destination = (rank, part.peer) if part.operation == "send" else (part.peer, rank)
                out = part.size if part.out is None else part.out
                entries.append(
                    Collective(
                        record=len(entries),
                        group=one.group,
                        operation=part.operation,
                        sequence=count[0],
                        p2p_sequence=count[1],
                        is_p2p=one.p2p,
                        source=source if one.p2p else -1,
                        destination=destination if one.p2p else -1,
                        input_sizes=(part.size,),
                        output_sizes=(out,),
                        input_dtypes=(part.dtype,),
                        output_dtypes=(part.dtype,),
                        # The recorder never comes back to the parts of a batch.
                        state=state if single else "scheduled",
                        created_ns=1_000 * (len(entries) + 1),
                        started_ns=1 if single and timed and state != "scheduled" else None,
                        frames=_stack(one) if frames else (),
                    )
                )
                if not single and index == len(one.parts) - 1:
                    end = replace(entries[-1], record=len(entries), operation="coalesced", state=state)
                    entries.append(
                        replace(end, input_sizes=(), output_sizes=(), input_dtypes=(), output_dtypes=(), source=-1)
                    )
            if blocking and state != "completed":
                break
        groups = dict.fromkeys(one.group for other in programs.values() for one in other if rank in one.group.ranks)
        # A ring buffer that was full still is.
        start = min((lost or {}).get(rank, 0), max(len(entries) - 1, 0))
        logs.append(RankLog(rank, tuple(entries[start:]), tuple(groups)))
    return logs


def _stack(one: Call) -> tuple[Frame, ...]:
    return (
        Frame("all_reduce", "/venv/lib/python3.11/site-packages/torch/distributed/distributed_c10d.py", 3245),
        Frame("step", "/job/train.py", one.line),
        Frame("main", "/job/train.py", 900),
        Frame("_run", "/venv/lib/python3.11/site-packages/launcher/run.py", 3),
    )

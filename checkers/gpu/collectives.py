"""Why a distributed job hangs, as findings: collectives that differ, ranks that never come, orders that cannot be. G004.

It words what :mod:`.collective_matching` and :mod:`.collective_order` find, and finds nothing itself. The logs may come
from a recorder or from a simulation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from ..finding import Finding, Related, Step, ThreadState, Wait, fingerprint
from .collective_log import Collective, Frame, Launch, ProcessGroup, RankLog
from .collective_matching import Job, Mismatch, Skip, majority, mismatches, skipped
from .collective_order import Absence, Circle, Straggler, Turn, Waiting, hang_of, inversions

__all__ = ["Collective", "Frame", "ProcessGroup", "RankLog", "find"]

RULE = "G004"
RANKS_MAX = 4
"""At most so many ranks get a lane and a place of their own; a job may have thousands."""
BEFORE = 2
"""So many launches before the telling one are shown in each lane."""
_SAME_ORDER = (
    "launch them in one order on every rank: communicators that share a GPU may not overtake each other. From NCCL 2.26 on "
    "NCCL_LAUNCH_ORDER_IMPLICIT=1 keeps the host's order on the device, which must then still be the same on every rank"
)

_ONE_BATCH = "put a rank's sends and receives into one dist.batch_isend_irecv, or let one side receive before it sends"


def find(logs: Sequence[RankLog]) -> list[Finding]:
    """Why the job hangs, or may: the surest first. The same lines of code are one finding.

    A job whose collectives match and are launched in one order gives none, wherever its logs begin.
    """
    job = Job.of(logs)
    differing = mismatches(job)
    hang = hang_of(job, differing)
    untrusted = {mismatch.group: mismatch.sequence for mismatch in differing if mismatch.kind != "p2p"}
    for absence in hang.absences:
        # Who has one call fewer may have left out any of them: which belong together is not known any more.
        untrusted |= {wait.launch.group: 0 for wait in absence.waits if wait.awaited == absence.rank}
    known = [head for circle in hang.circles for head in circle.heads.values()]
    findings = [_mismatch(job, mismatch) for mismatch in differing]
    findings += [_circle(job, circle) for circle in hang.circles]
    findings += [_absence(job, absence) for absence in hang.absences]
    findings += [_inversion(job, turns) for turns in inversions(job, untrusted, known)]
    if not findings:
        findings += [_straggler(job, straggler) for straggler in hang.stragglers]
    found: dict[str, Finding] = {}
    for finding in findings:
        first = found.setdefault(finding.fingerprint, finding)
        if first is not finding:
            first.seen += 1
    return sorted(found.values(), key=lambda finding: ("confirmed", "observed", "predicted").index(finding.certainty))


def _mismatch(job: Job, mismatch: Mismatch) -> Finding:
    launches = mismatch.launches
    if mismatch.kind == "p2p":
        send, receive = mismatch.parts
        message = (
            f"what rank {send.source} sends{_at(send.at)} is not what rank {send.destination} receives{_at(receive.at)} in "
            f"{mismatch.group}: {_tensors(send, takes=False)} and {_tensors(receive, takes=True)}"
        )
        suggestion = "give both sides a tensor of the same size and dtype"
    elif mismatch.kind == "relation":
        said = "; ".join(f"{_ranks(who)} {_sized(launches[who[0]])}" for who in _by(launches, mismatch, _sized))
        message = f"{launches[mismatch.culprits[0]]} does not add up over {len(mismatch.group.ranks)} ranks: {said}"
        suggestion = "make what all ranks bring and what they take the same number of elements"
    else:
        word = {"type": _called, "count": _called, "size": _sized, "dtype": _sized}[mismatch.kind]
        same = "" if mismatch.kind == "type" else f"{launches[min(launches)].first.operation} "
        said = ", but ".join(f"{_ranks(who)} {word(launches[who[0]])}" for who in _by(launches, mismatch, word))
        message = f"{same}#{mismatch.sequence} of {mismatch.group} is not the same on all ranks: {said}"
        suggestion = {
            "type": "let every rank of the group make the same calls in the same order",
            "count": "put the same collectives into the batch on every rank",
            "size": "give every rank a tensor of the same size, or pad to it; all_to_all may take uneven splits",
            "dtype": "convert to one dtype before the call",
        }[mismatch.kind]
    if mismatch.skip is not None:
        message += f". {_left_out(mismatch.skip)}"
        suggestion = _rejoin(mismatch.skip)
    elif not mismatch.decided and mismatch.kind != "p2p":
        message += ". Which of them is right cannot be told from the dumps"
    shown = [*mismatch.culprits, *(rank for rank in launches if rank not in mismatch.culprits)]
    return Finding(
        rule=RULE,
        kind="collective-mismatch",
        certainty="confirmed" if mismatch.hangs else "observed",
        message=message,
        threads=[_state(job, rank) for rank in shown[:RANKS_MAX]],
        steps=_steps(job, [launches[rank] for rank in shown], mismatch.skip),
        why="" if mismatch.hangs else "They were seen to end; with mismatched arguments the data in them is garbage.",
        suggestion=suggestion,
        related=[
            *_places([launches[rank] for rank in shown]),
            *(_places(mismatch.skip.left_out) if mismatch.skip is not None else []),
        ],
        fingerprint=_fingerprint("mismatch", mismatch.kind, mismatch.group, launches.values()),
    )


def _circle(job: Job, circle: Circle) -> Finding:
    heads = circle.heads
    common = majority({rank: _meeting(head) for rank, head in heads.items()})
    odd = [rank for rank, head in heads.items() if common is None or _meeting(head) != common]
    shown = [*odd, *(rank for rank in heads if rank not in odd)]
    ring = _ring(circle)
    links = [
        f"rank {wait.rank} waits in {wait.launch}{_at(wait.launch.at)} for rank {wait.awaited}, which {_why(wait)}"
        for wait in ring
    ]
    skips = (skipped(job, wait.launch.group, wait.awaited, wait.rank) for wait in circle.waits)
    skip = next((skip for skip in skips if skip is not None), None)
    others = [rank for rank in heads if rank not in {wait.rank for wait in ring}]
    more = f"; {_ranks(others)} wait with them" if others else ""
    if skip is not None:
        suggestion = _rejoin(skip)
    elif all(head.first.is_p2p for head in heads.values()) and len({head.group for head in heads.values()}) == 1:
        suggestion = _ONE_BATCH
    else:
        suggestion = _SAME_ORDER
    return Finding(
        rule=RULE,
        kind="collective-order",
        certainty="confirmed" if circle.started else "predicted",
        message="; ".join(links) + more + (f". {_left_out(skip)}" if skip is not None else ""),
        threads=[_state(job, rank) for rank in shown[:RANKS_MAX]],
        steps=_steps(job, [heads[rank] for rank in shown], skip),
        why=""
        if circle.started
        else "Not all of them were seen to have started on the device: they may still have been about to.",
        suggestion=suggestion,
        related=_places([heads[rank] for rank in shown]),
        fingerprint=_fingerprint("circle", "", None, heads.values()),
    )


def _absence(job: Job, absence: Absence) -> Finding:
    rank = absence.rank
    direct = [wait for wait in absence.waits if wait.awaited == rank]
    waiting = sorted({wait.rank for wait in direct})
    behind = sorted({wait.rank for wait in absence.waits} - {rank, *waiting})
    launch = direct[0].launch
    skip = next(
        (skip for wait in direct if (skip := skipped(job, wait.launch.group, rank, wait.rank)) is not None), None
    )
    own = job.launches.get(rank)
    if own is None:
        what = f"rank {rank} left no dump: it ended or was killed before it could write one"
    elif not own:
        what = f"rank {rank} has launched nothing at all"
    else:
        what = f"the last that rank {rank} launched was {own[-1]}{_at(own[-1].at)}, and that is completed"
    verb = "wait" if len(waiting) > 1 else "waits"
    missing = _counterpart(launch, rank)
    message = f"rank {rank} has not joined {missing}, where {_ranks(waiting)} {verb}{_at(launch.at)}; {what}"
    if skip is not None:
        message += f". {_left_out(skip)}"
    if behind:
        message += f". {_ranks(behind).capitalize()} in turn {'wait' if len(behind) > 1 else 'waits'} for those"
    if skip is not None:
        suggestion = _rejoin(skip)
    elif own is None:
        suggestion = f"look at the log of rank {rank} for a crash or an out-of-memory kill, before anything else"
    else:
        suggestion = (
            f"look at what rank {rank} does after {own[-1].at or 'its last collective' if own else 'its start'}: an `if`, an "
            "early end of its data or an exception keeps it from the call; every rank of the group must make it"
        )
    heads = [next(wait.launch for wait in direct if wait.rank == one) for one in waiting]
    return Finding(
        rule=RULE,
        kind="collective-order",
        certainty="observed",
        message=message,
        threads=[_state(job, one) for one in [rank, *waiting, *behind][:RANKS_MAX]],
        steps=_steps(job, [*(own[-1:] if own else []), *heads], skip),
        why="The dumps show one moment: a rank that is only slow looks the same as one that never comes.",
        suggestion=suggestion,
        related=_places([*heads, *(own[-1:] if own else [])]),
        fingerprint=_fingerprint("absence", "", launch.group, [launch, *(own[-1:] if own else [])]),
    )


def _inversion(job: Job, turns: list[Turn]) -> Finding:
    links = [
        f"rank {turn.rank} launches {turn.before}{_at(turn.before.at)} before {turn.after}{_at(turn.after.at)}"
        for turn in turns
    ]
    launches = [launch for turn in turns for launch in (turn.before, turn.after)]
    groups = {launch.group for launch in launches}
    p2p_only = all(launch.first.is_p2p for launch in launches) and len(groups) == 1
    return Finding(
        rule=RULE,
        kind="collective-order",
        certainty="predicted",
        message=", but ".join(links),
        threads=[_state(job, rank) for rank in sorted({turn.rank for turn in turns})[:RANKS_MAX]],
        steps=_steps(job, launches),
        why="This run got through because both were on the device at once, or a small send ended before it was received; "
        "nothing promises either.",
        suggestion=_ONE_BATCH if p2p_only else _SAME_ORDER,
        related=_places(launches),
        fingerprint=_fingerprint("inversion", "", None, launches),
    )


def _straggler(job: Job, straggler: Straggler) -> Finding:
    launches = straggler.launches
    ahead = sorted(set(launches) - set(straggler.behind))
    slow, fast = launches[straggler.behind[0]], launches[ahead[0]]
    done = "completed it" if not fast.pending else "started it"
    return Finding(
        rule=RULE,
        kind="collective-order",
        certainty="observed",
        message=f"{_ranks(straggler.behind)} {'have' if len(straggler.behind) > 1 else 'has'} only {slow.state} {slow}"
        f"{_at(slow.at)}, while {_ranks(ahead)} {'have' if len(ahead) > 1 else 'has'} {done}",
        threads=[_state(job, rank) for rank in [*straggler.behind, *ahead][:RANKS_MAX]],
        steps=_steps(job, [launches[rank] for rank in (*straggler.behind, *ahead)]),
        why="All ranks launched the same; a difference in state is in the device or the network, or in when the dumps were made.",
        suggestion=f"look at the GPU and the links of {_ranks(straggler.behind)}: a kernel before it on the stream that does not "
        "end, or a transfer that does not come through",
        related=_places([slow, fast]),
        fingerprint=_fingerprint("straggler", "", slow.group, [slow]),
    )


def _by(launches: dict[int, Launch], mismatch: Mismatch, word: Callable[[Launch], str]) -> list[list[int]]:
    """Ranks that are worded alike, the culprits first; when nobody is to blame, in order."""
    alike: defaultdict[str, list[int]] = defaultdict(list)
    for rank in (*mismatch.culprits, *sorted(set(launches) - set(mismatch.culprits))):
        alike[word(launches[rank])].append(rank)
    return [*alike.values()]


def _ranks(ranks: Iterable[int]) -> str:
    """``rank 1``, ``ranks 0, 2-5``."""
    runs: list[list[int]] = []
    for rank in sorted(ranks):
        if runs and rank == runs[-1][-1] + 1:
            runs[-1].append(rank)
        else:
            runs.append([rank])
    told = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
    return f"rank {told}" if len(runs) == 1 and len(runs[0]) == 1 else f"ranks {told}"


def _at(at: str) -> str:
    return f" ({at})" if at else ""


def _called(launch: Launch) -> str:
    operations = [part.operation for part in launch.parts]
    said = " + ".join(operations[:3]) + (f" and {len(operations) - 3} more" if len(operations) > 3 else "")
    return f"called {said}{_at(launch.at)}"


def _sized(launch: Launch) -> str:
    told = " + ".join(_tensors(part, takes=None) for part in launch.parts[:3])
    return f"gave {told}{_at(launch.at)}"


def _tensors(part: Collective, takes: bool | None) -> str:
    """``[4, 2] Float``, and ``-> [8, 2] Float`` where what is taken differs from what is brought."""
    brought = _tensor(part.input_sizes, part.input_dtypes)
    taken = _tensor(part.output_sizes, part.output_dtypes)
    if takes is not None:
        return (taken if takes else brought) or taken or brought
    return brought if brought == taken or not taken else f"{brought or 'nothing'} -> {taken}"


def _tensor(sizes: Sequence[Sequence[int]], dtypes: Sequence[str]) -> str:
    told = [str([*size]) for size in sizes[:3]] + (["..."] if len(sizes) > 3 else [])
    return " ".join([", ".join(told), *sorted(set(dtypes))]).strip()


def _meeting(launch: Launch) -> tuple[ProcessGroup, object]:
    if launch.first.is_p2p:
        return launch.group, frozenset((part.source, part.destination) for part in launch.parts)
    return launch.group, launch.first.sequence


def _ring(circle: Circle) -> list[Waiting]:
    """A shortest way round: of each rank one wait, the last for the first."""
    first = {rank: [wait for wait in circle.waits if wait.rank == rank] for rank in circle.heads}
    best: list[Waiting] = []
    for start in [*circle.heads][:RANKS_MAX]:
        came: dict[int, Waiting] = {}
        queue = [start]
        for rank in queue:
            for wait in first[rank]:
                if wait.awaited not in came:
                    came[wait.awaited] = wait
                    queue.append(wait.awaited)
        ring: list[Waiting] = []
        rank = start
        while not ring or rank != start:
            ring.append(came[rank])
            rank = ring[-1].rank
        if not best or len(ring) < len(best):
            best = ring[::-1]
    return best


def _why(wait: Waiting) -> str:
    if wait.reason == "absent":
        return "has not launched its part"
    return "has it behind what it waits for itself"


def _counterpart(launch: Launch, rank: int) -> str:
    """What the absent rank was to call."""
    if not launch.first.is_p2p:
        return str(launch)
    part = next(part for part in launch.parts if rank in (part.source, part.destination))
    if part.operation == "send":
        return f"the recv from rank {part.source} of {launch.group}"
    return f"the send to rank {part.destination} of {launch.group}"


def _left_out(skip: Skip) -> str:
    calls = ", ".join(f"{launch}{_at(launch.at)}" for launch in skip.left_out)
    return f"Rank {skip.rank} left out {calls}: its calls from there on are what the others call later"


def _rejoin(skip: Skip) -> str:
    launch = skip.left_out[0]
    where = f" at {launch.at}" if launch.at else ""
    return (
        f"let rank {skip.rank} call {launch.first.operation}{where} too: a collective may not depend on a condition that "
        "differs by rank"
    )


def _state(job: Job, rank: int) -> ThreadState:
    launches = job.launches.get(rank, [])
    head = next((launch for launch in launches if launch.pending), None)
    if head is None:
        return ThreadState(name=f"rank {rank}", state="running" if rank in job.launches else "terminated")
    what = " + ".join(dict.fromkeys(part.operation for part in head.parts))
    number = "" if head.first.is_p2p else f" #{head.first.sequence}"
    waits = Wait(object=str(head.group), operation=f"{what}{number}", at=head.at, detail=head.state)
    return ThreadState(name=f"rank {rank}", state="blocked", waits=waits)


def _steps(job: Job, telling: Sequence[Launch], skip: Skip | None = None) -> list[Step]:
    """For each of the first ranks what it launched up to the telling place, as lanes side by side."""
    until: dict[int, tuple[int, int]] = {}
    for launch in (*telling, *(skip.left_out if skip is not None else ())):
        low, high = until.get(launch.rank, (launch.number, launch.number))
        until[launch.rank] = (min(low, launch.number), max(high, launch.number))
    lanes = [
        job.launches[rank][max(low - BEFORE, 0, high - 2 * BEFORE) : high + 1]
        for rank, (low, high) in [*until.items()][:RANKS_MAX]
    ]
    rows = [lane[row] for row in range(max(map(len, lanes), default=0)) for lane in lanes if row < len(lane)]
    return [
        Step(
            step=number,
            thread=f"rank {launch.rank}",
            operation=str(launch).removesuffix(f" of {launch.group}"),
            object=str(launch.group),
            at=launch.at,
            outcome=launch.state,
        )
        for number, launch in enumerate(rows, 1)
    ]


def _places(launches: Iterable[Launch]) -> list[Related]:
    """Each different line once, with its stack."""
    found: dict[tuple[str, str], Related] = {}
    for launch in launches:
        if launch.at:
            text = f"rank {launch.rank} calls {str(launch).removesuffix(f' of {launch.group}')}"
            stack = [str(frame) for frame in reversed(launch.first.own_frames)]
            found.setdefault((launch.at, launch.first.operation), Related(text, launch.at, stack))
    return [*found.values()][: 2 * RANKS_MAX]


def _fingerprint(what: str, kind: str, group: ProcessGroup | None, launches: Iterable[Launch]) -> str:
    """By operations, groups and the functions that call, so that every iteration of a loop is one finding."""
    parts = {
        f"{launch.first.operation}@{launch.group.description or launch.group.name}"
        f"@{launch.first.own_frames[0].name if launch.first.own_frames else ''}"
        for launch in launches
    }
    named = "" if group is None else group.description or group.name
    return fingerprint(RULE, what, kind, named, *sorted(parts))

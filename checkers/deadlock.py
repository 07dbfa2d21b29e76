"""Deadlocks that were reached: cycles of waits, pools starved by their own tasks, and waits that nobody can end.

Reads the end of a trace in which some threads are blocked, whether or not others go on. Rules D001, D003 to D006.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..simcore.trace import Trace
from . import lost_wakeup, reduction, wakers
from .describe import relevant_steps, switches, thread_states
from .finding import Finding, fingerprint
from .holding import OWNED_KINDS, PERMIT_KINDS, Blocked, Situation, read


def find(trace: Trace, *, all_stuck: bool | None = True, others: Sequence[Trace] = ()) -> list[Finding]:
    """The deadlock at the end of ``trace``: one finding for each independent cause, victims told apart from causes.

    Daemon threads that only wait for work are not part of it unless something else waits for them. With ``all_stuck``
    false other threads could still move, and only what none of them can resolve is reported (:mod:`reduction`), daemon
    threads included. None lets the trace decide: all are stuck when every thread's last step is a wait without end.

    ``others`` are traces of other executions of the program, which may show who could have ended a wait.
    """
    situation = read(trace)
    if all_stuck is None:
        all_stuck = situation.begun <= situation.ended | set(situation.blocked)
    involved = _involved(situation) if all_stuck else reduction.dead(situation)
    if not involved:
        return []
    findings: list[Finding] = []
    explained: set[int] = set()
    for thread in sorted(involved):
        blocked = situation.blocked[thread]
        if situation.waits_for(blocked) == [thread]:
            findings.append(_self_deadlock(situation, blocked))
            explained.add(thread)
    for cycle in _cycles(situation, involved - explained):
        findings.append(_cycle_finding(situation, cycle))
        explained |= set(cycle)
    for knot in _knots(situation, involved - explained):
        findings.append(_cycle_finding(situation, knot))
        explained |= set(knot)
    for pool, members in sorted(_starved_pools(situation, involved - explained).items()):
        findings.append(_pool_finding(situation, pool, members))
        explained |= set(members)
    behind = _behind(situation, explained, involved)
    left = involved - explained - behind
    if not all_stuck:  # a daemon thread that is out of work is none of the program's concern
        left = {thread for thread in left if not trace.tables.threads[thread].daemon}
    if left:
        part = _at_fault(situation, left) or left
        findings.append(_communication(situation, part, others))
        behind |= left - part
    for finding in findings[:1]:
        if behind and finding.rule != "D003":  # whose reason names every blocked thread already
            named = {state.name for state in finding.threads}
            names = sorted({trace.thread_name(thread) for thread in behind} - named)
            finding.why += f" Also blocked behind it: {', '.join(names)}." if names else ""
    going_on = sorted(situation.begun - situation.ended - set(situation.blocked))
    if findings and going_on:
        names = _list([trace.thread_name(thread) for thread in going_on])
        findings[0].why += f" Meanwhile {names} {'goes' if len(going_on) == 1 else 'go'} on."
    return findings


def _involved(situation: Situation) -> set[int]:
    """Blocked threads that keep the program from ending, and the blocked threads they wait for."""
    threads = situation.trace.tables.threads
    todo = [thread for thread in situation.blocked if not threads[thread].daemon]
    found: set[int] = set()
    while todo:
        thread = todo.pop()
        if thread in found or thread not in situation.blocked:
            continue
        found.add(thread)
        todo += situation.waits_for(situation.blocked[thread])
    if found:
        # A daemon that waits for the others' locks is a victim worth naming; one that waits for work is not.
        found |= {thread for thread, blocked in situation.blocked.items() if set(situation.waits_for(blocked)) & found}
    return found


def _cycles(situation: Situation, threads: set[int]) -> list[list[int]]:
    """Cycles of at least two threads in the wait-for graph, each starting at its smallest thread."""
    following: dict[int, int] = {}
    for thread in threads:
        wakers = situation.waits_for(situation.blocked[thread])
        if len(wakers) == 1 and wakers[0] in threads:
            following[thread] = wakers[0]
    cycles: list[list[int]] = []
    done: set[int] = set()
    for start in sorted(following):
        # Every thread waits for at most one other, so a walk along the waits either ends or runs into one cycle.
        walk: list[int] = []
        thread: int | None = start
        while thread is not None and thread not in done:
            done.add(thread)
            walk.append(thread)
            thread = following.get(thread)
        if thread is not None and thread in walk:
            cycle = walk[walk.index(thread) :]
            smallest = cycle.index(min(cycle))
            cycles.append(cycle[smallest:] + cycle[:smallest])
    return sorted(cycles, key=lambda cycle: (len(cycle), cycle))


def _knots(situation: Situation, threads: set[int]) -> list[list[int]]:
    """Where a semaphore has several holders, any of whom could help: threads that wait only for one another."""
    wakers = {thread: set(situation.waits_for(situation.blocked[thread])) for thread in threads}
    reached: dict[int, frozenset[int]] = {}
    for thread in threads:
        todo, seen = [thread], set[int]()
        while todo:
            fresh = wakers.get(todo.pop(), set[int]()) - seen
            seen |= fresh
            todo += fresh
        reached[thread] = frozenset(seen)
    knots = {
        members
        for members in reached.values()
        if len(members) > 1 and all(reached.get(member) == members for member in members)
    }
    return sorted(sorted(members) for members in knots)


def _starved_pools(situation: Situation, threads: set[int]) -> dict[int, list[int]]:
    """Pools all of whose workers wait for a task that is still queued in the same pool."""
    objects = situation.trace.tables.objects
    waiting: dict[int, list[int]] = {}
    for thread in sorted(threads):
        blocked = situation.blocked[thread]
        info = objects[blocked.object]
        if info.kind == "Future" and blocked.object not in situation.started_task and info.part_of >= 0:
            waiting.setdefault(info.part_of, []).append(thread)
    starved: dict[int, list[int]] = {}
    for pool, members in waiting.items():
        workers = situation.workers.get(pool, set())
        stuck = [thread for thread in members if thread in workers]
        if stuck and len(stuck) >= max(objects[pool].capacity, 1):
            starved[pool] = stuck
    return starved


def _behind(situation: Situation, causes: set[int], involved: set[int]) -> set[int]:
    """Threads that wait, directly or not, only for threads in ``causes``."""
    behind: set[int] = set()
    changed = True
    while changed:
        changed = False
        for thread in involved - causes - behind:
            wakers = set(situation.waits_for(situation.blocked[thread])) or _pool_of_future(situation, thread)
            wakers.discard(thread)  # one of its own permits does not help it
            if wakers and wakers <= causes | behind:
                behind.add(thread)
                changed = True
    return behind


def _at_fault(situation: Situation, threads: set[int]) -> set[int]:
    """Of threads stuck without a cycle: those that wait for anybody, and those they keep out of a lock."""
    objects = situation.trace.tables.objects
    return {
        thread
        for thread in threads
        if not situation.waits_for(situation.blocked[thread])
        or objects[situation.blocked[thread].object].kind in OWNED_KINDS
    }


def _pool_of_future(situation: Situation, thread: int) -> set[int]:
    """For a wait on a queued task: the pool's workers, who would have to run it first."""
    blocked = situation.blocked[thread]
    info = situation.trace.tables.objects[blocked.object]
    if info.kind == "Future" and blocked.object not in situation.started_task:
        return situation.workers.get(info.part_of, set())
    return set()


def _make(
    situation: Situation,
    rule: str,
    kind: str,
    threads: list[int],
    message: str,
    why: str,
    suggestion: str,
    objects: list[int],
) -> Finding:
    trace = situation.trace
    steps = relevant_steps(situation, set(threads), set(objects))
    table = trace.tables
    parts = sorted(
        f"{_function(situation, situation.blocked[thread])}:{situation.blocked[thread].operation}:"
        f"{table.objects[situation.blocked[thread].object].kind}"
        for thread in threads
    )
    return Finding(
        rule=rule,
        kind=kind,
        certainty="confirmed",
        message=message,
        threads=thread_states(situation, threads),
        steps=steps,
        switches=switches(steps),
        why=why,
        suggestion=suggestion,
        fingerprint=fingerprint(rule, *parts),
    )


def _function(situation: Situation, blocked: Blocked) -> str:
    if blocked.location < 0:
        return ""
    return situation.trace.tables.locations[blocked.location].function


def _held(situation: Situation, threads: list[int]) -> list[int]:
    return [item for thread in threads for item, _ in situation.holds.get(thread, [])]


def _self_deadlock(situation: Situation, blocked: Blocked) -> Finding:
    trace = situation.trace
    name, thread = trace.object_name(blocked.object), trace.thread_name(blocked.thread)
    info = trace.tables.objects[blocked.object]
    if info.kind == "Thread":
        message = f"{thread} waits for its own end"
        suggestion = "Join the thread from another one."
    else:
        message = f"{thread} waits for {name}, which it holds itself"
        suggestion = "Use threading.RLock if the nesting is wanted; else move the inner call out of the locked section."
    return _make(
        situation,
        "D006",
        "self-deadlock",
        [blocked.thread],
        message,
        f"A {info.kind} does not know its owner: the second acquire waits for a release that cannot come.",
        suggestion,
        [blocked.object],
    )


def _cycle_finding(situation: Situation, cycle: list[int]) -> Finding:
    trace = situation.trace
    wanted = [situation.blocked[thread].object for thread in cycle]
    names = [trace.object_name(item) for item in wanted]
    message = f"{len(cycle)} threads wait for each other: " + ", ".join(
        f"{trace.thread_name(thread)} for {name}" for thread, name in zip(cycle, names, strict=True)
    )
    locks = [item for item in wanted if trace.tables.objects[item].kind != "Thread"]
    why = "No lock common to all of them is held around, and nothing orders the sections."
    suggestion = f"Take {_list(sorted(trace.object_name(item) for item in locks) or ['them'])} in one order everywhere."
    if all(trace.tables.objects[item].kind in PERMIT_KINDS for item in wanted):
        why = "Each of them holds permits and waits for more, and all permits are taken."
        suggestion = "Let a thread hold no permit while it waits for another, or have one permit more to give."
    if len(locks) < len(cycle):
        why = "A thread is joined by one that holds what it needs to end."
        suggestion = "Release the lock before join(), or let the thread end without it."
    if not locks:
        why = "Each of them ends only after another of them has ended."
        suggestion = "Let one thread, which none of them waits for, join them all."
    return _make(situation, "D001", "deadlock", cycle, message, why, suggestion, wanted)


def _pool_finding(situation: Situation, pool: int, members: list[int]) -> Finding:
    trace = situation.trace
    count = len(members)
    name = trace.object_name(pool)
    message = (
        f"all {count} workers of {name} wait for tasks that are queued behind them"
        if count > 1
        else f"the only worker of {name} waits for a task that is queued behind it"
    )
    return _make(
        situation,
        "D005",
        "pool-starvation",
        members,
        message,
        "A queued task starts only when a worker is free, and every worker waits for a queued task.",
        "Do not wait inside a task for another task of the same pool: return the future, or use a second pool.",
        [situation.blocked[thread].object for thread in members],
    )


def _communication(situation: Situation, threads: set[int], others: Sequence[Trace]) -> Finding:
    trace = situation.trace
    ordered = sorted(threads, key=lambda thread: (bool(situation.waits_for(situation.blocked[thread])), thread))
    for thread in ordered:
        signal = lost_wakeup.lost(situation, situation.blocked[thread])
        if signal is not None:
            return lost_wakeup.finding(situation, signal, ordered)
    root = situation.blocked[ordered[0]]
    info = trace.tables.objects[root.object]
    lonely = [thread for thread in ordered if not situation.waits_for(situation.blocked[thread])]
    who = _list([trace.thread_name(thread) for thread in lonely])
    verb = "waits" if len(lonely) == 1 else "wait"
    place = f"{root.operation} {'on' if '.' in root.operation else 'of'} {info.name}"
    if info.kind in _ONE_OF_SEVERAL:
        place = root.operation
    message = f"{who} {verb} for ever in {place}: nobody is left who could {_advice(root.operation)[0]}"
    return _make(
        situation,
        "D003",
        "communication-deadlock",
        ordered,
        message,
        _why(situation, root, others),
        _advice(root.operation)[1],
        [situation.blocked[thread].object for thread in ordered] + _held(situation, ordered),
    )


_ONE_OF_SEVERAL = frozenset({"Channels", "Futures"})
"""What a wait for one of several objects waits on; it has no name of its own."""
_SENTINELS = "Put a sentinel for each consumer when the work is done, or end the consumers with shutdown."
_READS = "Close the writing end when there is no more to come, on every path: the reader then sees the end."
_WRITES = (
    "Let the reader go on while there is something to write, or write no more than fits; close its end after errors."
)
_ADVICE = {
    "Queue.get": ("put an item", _SENTINELS),
    "SimpleQueue.get": ("put an item", "Put a sentinel for each consumer when the work is done, on every path."),
    "Queue.put": ("take an item out", "Do not hold a lock the consumer needs while putting into a bounded queue."),
    "Queue.join": ("call task_done()", "Call task_done() once for every item taken, in a finally block."),
    "Condition.wait": (
        "notify it",
        "Let every change of what is waited for call notify_all() under the lock, a stop flag's too, and test both in "
        "the loop around wait() or in wait_for().",
    ),
    "Event.wait": ("set it", "Set the event on every path that ends the wait, also after an error."),
    "Barrier.wait": (
        "arrive",
        "Make the number of parties equal the number of threads that arrive, or abort() on error.",
    ),
    "Future.result": (
        "complete it",
        "Set a result or an exception on every path, or let an executor do it: submit() always completes its futures.",
    ),
    "wait for futures": (
        "complete them",
        "Set a result or an exception of each future on every path, or let an executor do it.",
    ),
    "Semaphore.acquire": (
        "release it",
        "Give every permit back on every path: take it in a with statement, or release() in a finally block.",
    ),
    "Pipe.read": ("write to it or close it", _READS),
    "Socket.recv": ("send to it or close it", _READS),
    "Pipe.write": ("read from it", _WRITES),
    "Socket.send": ("receive from it", _WRITES),
    "select": (
        "make one of them ready",
        "Add a descriptor to wake it with (os.pipe or socket.socketpair), or give it a time-out and test a stop flag.",
    ),
    "acquire": ("release it", "Release it on every path: take it in a with statement."),
}
"""By the end of an operation's label, as :mod:`weft.simcore.primitives` names it: who could help, and the cure."""


def _advice(operation: str) -> tuple[str, str]:
    plain = operation.partition(" (")[0]  # "acquire (back from Condition.wait)"
    for label, advice in _ADVICE.items():
        if plain.endswith(label):
            return advice
    return "wake it", "Make sure that the wake-up happens on every path, also after an error."


def _why(situation: Situation, root: Blocked, seen: Sequence[Trace]) -> str:
    trace = situation.trace
    state = f" ({root.detail})" if root.detail else ""
    others = [trace.thread_name(thread) for thread in sorted(situation.blocked) if thread != root.thread]
    gone = [thread for thread in situation.holders(root.object) if thread in situation.ended]
    if gone:
        place = next(place for item, place in situation.holds[gone[0]] if item == root.object)
        return f"{trace.thread_name(gone[0])} took it ({trace.at(place)}) and has ended without releasing it."
    history = wakers.sentence(situation, root, seen)
    late = lost_wakeup.unannounced(situation, root)
    if late is not None:
        history += (
            f" {trace.thread_name(late.write.thread)} changed {trace.object_name(late.write.object)} at "
            f"{trace.at(late.write.location)} while it waited, without a notify."
        )
    if situation.begun - situation.ended - set(situation.blocked):
        return f"No thread that still runs can reach it. {history}"
    if others:
        return f"When it blocks{state}, every other living thread is blocked too: {_list(others)}. {history}"
    return f"When it blocks{state}, no other thread is alive. {history}"


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

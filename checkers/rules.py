"""The rules: stable ids, what each means and how to be rid of it.

Text only; nothing is checked here, and the example programs are with whoever explains a rule to people.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue: ``meaning`` says what was seen and why it is wrong, ``cure`` what to do."""

    id: str
    kind: str
    meaning: str
    cure: str = ""
    since: str = "0.1"
    """The version that reports it; ``planned`` ones are named so that scripts can rely on the id."""
    program: bool = True
    """Is there a program that shows it, and the same without? Not of a rule about several processes."""


_REPORTED = (
    Rule(
        "D001",
        "deadlock",
        "A cycle of waits was reached: each thread holds what the next one wants, so none can go on.",
        "Take the locks in one order everywhere, for instance by a number that each object has; or hold only one at a time.",
    ),
    Rule(
        "D002",
        "lock-order",
        "Locks are taken in orders that form a cycle, in different threads, with no common lock around them and nothing "
        "that keeps the sections apart. The run that showed it ended well; another schedule deadlocks.",
        "Take the locks in one order everywhere, or hold one lock around both sections.",
    ),
    Rule(
        "D003",
        "communication-deadlock",
        "A thread is blocked for ever and nobody is left who could put, set, notify, finish or arrive.",
        "Make sure that every path of the other side ends with the call that is waited for: task_done() in a finally, "
        "one sentinel for each worker, set() also after a failure.",
    ),
    Rule(
        "D004",
        "lost-wakeup",
        "A notify came before the wait it was meant for. A condition remembers nothing, so the thread waits for ever.",
        "Change a variable under the lock before notify(), and wait with wait_for(), which looks at it first.",
    ),
    Rule(
        "D005",
        "pool-starvation",
        "Every worker of a pool waits for a task that is queued in the same pool, so it can never start.",
        "Call the inner function directly, give it a pool of its own, or combine the results outside of the tasks.",
    ),
    Rule(
        "D006",
        "self-deadlock",
        "A thread waits for something only it could release: a Lock it holds, or its own end.",
        "Use an RLock, or split off a method that expects the lock to be held and is called by both.",
    ),
    Rule(
        "R001",
        "data-race",
        "Two threads access one variable, one of them writes, and nothing orders the two accesses: which comes first "
        "is chance, and the program's outcome depends on it.",
        "Order the accesses: one lock around what belongs together, or a hand-over through a queue, an event or a join.",
    ),
    Rule(
        "R002",
        "lost-update",
        "A thread reads a variable, another one writes it, and the first one writes what it computed from the old value: "
        "the other thread's write is lost.",
        "Hold one lock from the read to the write; += is a read and a write.",
    ),
    Rule(
        "R003",
        "atomicity",
        "Two critical sections of a thread belong together, since the second relies on what the first one saw, and "
        "another thread's section may come between them.",
        "Make one critical section of the two, or look again in the second one.",
    ),
    Rule(
        "E001",
        "exception",
        "An exception left a thread's function (or the main function) in some schedule.",
        "Make looking and taking one step: get_nowait() in a try, or a lock around both.",
    ),
    Rule(
        "E002",
        "assertion",
        "An assertion failed in some schedule.",
        "Do not rely on an order that nothing enforces: join, wait, or compare without regard to the order.",
    ),
    Rule(
        "L001",
        "livelock",
        "The step limit was reached and the threads only repeated themselves: they run, but nothing gets done.",
        "Wait for the lock instead of trying again, in one order everywhere; or back off by times that differ.",
    ),
    Rule(
        "L002",
        "starvation",
        "A thread could have gone on again and again, but others always went first.",
        "Do the long work outside of the lock, so that it is free in between, or take turns by a queue or a condition.",
    ),
    Rule(
        "P001",
        "priority-inversion",
        "An important thread waits for what an unimportant one holds, and that one is not let run because a third "
        "thread, of a priority in between, is busy.",
        "Do not lower the priority of a thread while it may hold a lock that important threads want; keep such sections "
        "short.",
    ),
    Rule(
        "G001",
        "gpu-race",
        "Two streams, or a stream and the host, touch the same bytes, one of them writes, and nothing orders the two: no "
        "event, no wait, no synchronization. On a device the result depends on which is faster.",
        "Let the second stream wait for the first (second.wait_stream(first), or an event), or synchronize before the host "
        "reads what a copy with non_blocking=True brings.",
    ),
    Rule(
        "G002",
        "gpu-use-after-free",
        "A tensor is gone while a stream other than the one it was made on may still use it. The allocator gives its memory "
        "to the next tensor of its own stream without waiting: latent as long as nothing lives there, confirmed when "
        "something was seen to.",
        "Call tensor.record_stream(stream) for each other stream that uses it, or let its own stream wait for that one "
        "before the last reference goes.",
    ),
    Rule(
        "G004",
        "collective-order",
        "The ranks of a distributed job do not call the same collectives: another operation, another size or type, one "
        "left out, sends that no receive meets; or they launch collectives of two communicators in different orders. All "
        "ranks wait for each other for ever then, or may. Looked for in the dumps of NCCL's Flight Recorder, by weft analyze.",
        "Let every rank of a group come to the same calls in the same order, whatever it branches on; launch the "
        "collectives of all communicators in one order on all ranks.",
        program=False,
    ),
    Rule(
        "G005",
        "unordered-event",
        "A wait for an event that was never recorded waits for nothing. One that another thread records, with nothing that "
        "orders the record before the wait, may do so in the next run.",
        "Record the event first, then hand it over: through a queue, or by a lock and a flag.",
    ),
)

_PLANNED = (
    ("H001", "not-linearizable", "No order of the calls explains the values they returned."),
    ("G003", "gpu-deadlock", "Streams, or the host and a stream, wait for each other."),
)

RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (*_REPORTED, *(Rule(name, kind, meaning, since="planned") for name, kind, meaning in _PLANNED))
}

"""The rules: stable ids, what each means, an example of the bug and how to fix it.

Text only; nothing is checked here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue. ``example`` is a program that has the bug, ``cure`` the lines that remove it."""

    id: str
    kind: str
    meaning: str
    example: str
    cure: str
    since: str = "0.1"
    """The version that reports it; later ones are planned and named so that scripts can rely on the id."""


RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule(
            "D001",
            "deadlock",
            "A cycle of waits was reached: each thread holds what the next one wants, so none can go on.",
            "def transfer(a, b):            # thread 1: transfer(x, y)\n"
            "    with a.lock:               # thread 2: transfer(y, x)\n"
            "        with b.lock:\n"
            "            ...",
            "first, second = sorted((a, b), key=lambda account: account.number)\n"
            "with first.lock, second.lock:  # one order everywhere\n"
            "    ...",
        ),
        Rule(
            "D003",
            "communication-deadlock",
            "A thread is blocked for ever and nobody is left who could put, set, notify, finish or arrive.",
            "for item in items:\n    queue.put(item)\nqueue.join()                   # nobody calls task_done()",
            "def worker():\n    while True:\n        item = queue.get()\n        try:\n            work(item)\n"
            "        finally:\n            queue.task_done()",
        ),
        Rule(
            "D005",
            "pool-starvation",
            "Every worker of a pool waits for a task that is queued in the same pool, so it can never start.",
            "def outer():\n    return pool.submit(inner).result()   # with one worker: for ever",
            "def outer():\n    return other_pool.submit(inner).result()   # or call inner() directly",
        ),
        Rule(
            "D006",
            "self-deadlock",
            "A thread waits for something only it could release: a Lock it holds, or its own end.",
            "with lock:\n    update()                   # update() does `with lock:` again",
            "lock = threading.RLock()       # or: take the lock in one of the two places only",
        ),
        Rule(
            "E001",
            "exception",
            "An exception left a thread's function (or the main function) in some schedule.",
            "def worker():\n    item = items.pop()         # IndexError when another thread was faster",
            "def worker():\n    try:\n        item = queue.get_nowait()\n    except queue.Empty:\n        return",
        ),
        Rule(
            "E002",
            "assertion",
            "An assertion failed in some schedule.",
            "assert counter == 2            # two threads did counter += 1 without a lock",
            "with lock:\n    counter += 1",
        ),
        Rule(
            "L001",
            "livelock",
            "The step limit was reached and the threads only repeated themselves: they run, but nothing gets done.",
            "while not other.try_lock():    # both threads step back and try again in step\n"
            "    mine.release(); mine.acquire()",
            "with first, second:            # one order, blocking; or back off by random times\n    ...",
        ),
        *(
            Rule(name, kind, meaning, "", "", "planned")
            for name, kind, meaning in (
                ("D002", "lock-order", "A cycle in the lock graph, thread-, gate- and order-aware: it could deadlock."),
                ("D004", "lost-wakeup", "A notify came before the wait it was meant for."),
                ("R001", "data-race", "Two threads access one variable unordered, and one of them writes."),
                ("R002", "lost-update", "Read, foreign write, write: the foreign write is lost."),
                ("R003", "atomicity", "Two critical sections that belong together are interrupted by a third."),
                ("L002", "starvation", "A thread could move again and again but others always went first."),
                ("P001", "priority-inversion", "An important thread waits for an unimportant one that is not let run."),
                ("H001", "not-linearizable", "No order of the calls explains the values they returned."),
                ("G001", "gpu-race", "Two streams touch the same memory unordered."),
                ("G002", "gpu-use-after-free", "The allocator reuses memory another stream still works on."),
                ("G003", "gpu-deadlock", "Streams, or the host and a stream, wait for each other."),
                ("G004", "collective-order", "Ranks call collectives in different orders or with different shapes."),
                ("G005", "unordered-event", "Record and wait of one event are not ordered."),
            )
        ),
    )
}


def explain(rule: Rule) -> str:
    """The text of ``weft explain``."""
    lines = [f"{rule.id} {rule.kind}", "", rule.meaning]
    if rule.since == "planned":
        lines += ["", "This version does not look for it yet; the id is reserved."]
    if rule.example:
        lines += ["", "Example:", "", *("    " + line for line in rule.example.split("\n"))]
    if rule.cure:
        lines += ["", "Cure:", "", *("    " + line for line in rule.cure.split("\n"))]
    return "\n".join(lines)

"""From a predicted cycle to its finding: one sentence per thread, the witness as a table, why nothing prevents it.

Decides nothing: it words what patterns and closure found.
"""

from __future__ import annotations

from msgspec.structs import replace

from ...simcore.trace import NOTHING, Op, Trace
from ..describe import step, switches
from ..finding import Finding, Hold, Related, Step, ThreadState, Wait, fingerprint
from .closure import Witness
from .dependencies import Dependency, Held, Instance, thread_of_life


def lock_name(trace: Trace, lock: int) -> str:
    """The user's name of a lock; a life is called ``end of worker-1``, a task by its future."""
    return trace.object_name(lock) if lock >= 0 else f"end of {trace.thread_name(thread_of_life(lock))}"


def finding_for(trace: Trace, pattern: tuple[Dependency, ...], witness: Witness) -> Finding:
    """The D002 finding, in the order of the threads' start."""
    order = sorted(range(len(pattern)), key=lambda place: pattern[place].thread)
    cycle = frozenset(part.lock for part in pattern)
    parts = [(pattern[place], witness.blocked[place]) for place in order]
    wants = ", ".join(f"{trace.thread_name(part.thread)} for {lock_name(trace, part.lock)}" for part, _ in parts)
    locks = sorted(lock_name(trace, part.lock) for part, _ in parts if part.lock >= 0)
    joins = [part for part, _ in parts if part.lock < 0]
    tasks = [part for part, _ in parts if part.lock >= 0 and trace.tables.objects[part.lock].kind == "Future"]
    why = "No lock common to them is held around, and no start, join, value or wake-up orders these sections."
    suggestion = f"Take {_list(locks)} in one order everywhere."
    if joins:
        why = "A thread is joined by one that holds what it needs to end, and nothing orders the two."
        suggestion = "Release the lock before join(), or let the thread end without it."
    elif tasks:
        why = "The result of a task is awaited under a lock that the task itself takes, and nothing orders the two."
        suggestion = "Release the lock before waiting for the result."
    steps = _steps(trace, parts, witness, cycle)
    return Finding(
        rule="D002",
        kind="lock-order",
        certainty="predicted",
        message=f"{len(parts)} threads can come to wait for each other: {wants}",
        threads=[_state(trace, part, instance) for part, instance in parts],
        steps=steps,
        switches=switches(steps),
        why=why,
        suggestion=suggestion,
        related=_made(trace, parts),
        fingerprint=fingerprint(
            "D002", *sorted(f"{_function(trace, instance)}:{lock_name(trace, part.lock)}" for part, instance in parts)
        ),
    )


def same_waits(found: Finding, predicted: Finding) -> bool:
    """Is ``found`` the deadlock that was predicted: the same threads, blocked at the same places?

    Objects are not compared: what a lock is called may depend on which variables are left at the end.
    """

    def waits(finding: Finding) -> set[tuple[str, str]]:
        return {(state.name, state.waits.at) for state in finding.threads if state.waits is not None}

    return found.rule.startswith("D") and waits(predicted) <= waits(found)


def _state(trace: Trace, part: Dependency, instance: Instance) -> ThreadState:
    holds = [Hold(lock_name(trace, item.lock), trace.at(item.location)) for item in _real(instance)]
    wanted = lock_name(trace, part.lock)
    if part.lock < 0:
        wanted = trace.thread_name(thread_of_life(part.lock))
    wait = Wait(wanted, instance.operation, trace.at(instance.location))
    return ThreadState(name=trace.thread_name(part.thread), state="blocked", holds=holds, waits=wait)


def _real(instance: Instance) -> list[Held]:
    """What is held without lives, which need no saying, and with tasks only by their name elsewhere."""
    return [item for item in instance.holding if item.lock >= 0]


def _made(trace: Trace, parts: list[tuple[Dependency, Instance]]) -> list[Related]:
    """Where the locks of the cycle were made, those of one place together."""
    objects = trace.tables.objects
    by_site: dict[int, list[str]] = {}
    for lock in sorted(part.lock for part, _ in parts):
        if lock >= 0 and objects[lock].site != NOTHING:
            by_site.setdefault(objects[lock].site, []).append(objects[lock].name)
    return [
        Related(f"{_list(names)} {'was' if len(names) == 1 else 'were'} made", trace.at(site))
        for site, names in by_site.items()
    ]


def _steps(
    trace: Trace, parts: list[tuple[Dependency, Instance]], witness: Witness, cycle: frozenset[int]
) -> list[Step]:
    """The witness, numbered through, with only the rows that matter: the starts of the threads of the cycle, their
    joins, what took the locks of the cycle, and the waits at the end."""
    threads = {part.thread for part, _ in parts}
    taken = {item.event for _, instance in parts for item in _real(instance) if item.lock in cycle}
    objects = trace.tables.objects
    steps: list[Step] = []
    number = 0
    done = [0] * len(trace.tables.threads)
    for event in trace:
        done[event.thread] += 1
        if done[event.thread] > witness.done[event.thread]:
            continue
        number += 1
        started = event.operation is Op.START and event.object != NOTHING and objects[event.object].thread in threads
        joined = event.operation is Op.JOIN and event.thread in threads
        if event.index in taken or started or joined:
            steps.append(replace(step(trace, event), step=number))
    for part, instance in parts:
        number += 1
        target = part.lock
        name = lock_name(trace, target) if target >= 0 else trace.thread_name(thread_of_life(target))
        steps.append(
            Step(
                step=number,
                thread=trace.thread_name(part.thread),
                operation=instance.operation,
                object=name,
                at=trace.at(instance.location),
                outcome="blocked",
            )
        )
    return steps


def _function(trace: Trace, instance: Instance) -> str:
    return "" if instance.location == NOTHING else trace.tables.locations[instance.location].function


def _list(names: list[str]) -> str:
    return "".join(names) if len(names) < 2 else f"{', '.join(names[:-1])} and {names[-1]}"

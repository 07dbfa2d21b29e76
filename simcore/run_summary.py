"""What a run in virtual time says, in a few numbers and one sentence: shares of time, waiting, latencies.

It reads finished runs and compares none.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from .predicted import Latency
from .timed_record import Mark, TimedRun, total_time_in

_NAMED_IN_RESULTS = {"sleeping": "io"}
"""The states of a run that have another name in the result."""
_HARDLY_ANY = 0.01
"""Waiting below this share of all threads' time is not worth a bottleneck's name."""


def shares(runs: list[TimedRun]) -> dict[str, float]:
    """Of all threads' time, what was spent in each state."""
    total = total_time_in(itertools.chain.from_iterable(run.threads for run in runs))
    whole = sum(total.values()) or 1
    return {_NAMED_IN_RESULTS.get(state, state): round(spent / whole, 6) for state, spent in total.items()}


def bottleneck(run: TimedRun) -> str:
    """One sentence: what threads waited for most, out of objects, the GIL and cores.

    It is about waiting, not about the critical path: removing the named thing need not gain as much.
    """
    total = total_time_in(run.threads)
    waits = [(total["gil wait"], "the GIL"), (total["ready"], f"a free core (of {run.cores})")]
    for wait in run.waits:
        at = f" ({wait.at})" if wait.at else ""
        waits.append((wait.total_ns - wait.idle_ns, f"{wait.kind} {wait.name!r}{at}"))
    all_waiting = sum(spent for spent, _ in waits)
    active = sum(total.values()) - total["idle"]
    if all_waiting <= _HARDLY_ANY * active:
        if total["sleeping"] > total["running"]:
            return "none: threads sleep and hardly wait for each other"
        return "none: threads compute and hardly wait"
    most, name = max(waits, key=lambda wait: wait[0])
    return f"{name}: {100 * most / all_waiting:.0f} % of all waiting"


def request_latencies(marks: Iterable[Mark]) -> list[float]:
    """Seconds between the marks ``begin X`` and ``end X``, for every X; equal X are paired in order."""
    begun: dict[str, list[int]] = {}
    found: list[float] = []
    for mark in marks:
        word, _, name = mark.text.partition(" ")
        if word == "begin" and name:
            begun.setdefault(name, []).append(mark.time_ns)
        elif word == "end" and begun.get(name):
            found.append((mark.time_ns - begun[name].pop(0)) / 1e9)
    return found


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of values in ascending order: always one of them."""
    rank = -(-len(ordered) * round(share * 100) // 100)
    return ordered[max(rank, 1) - 1]


def latency(marks: Iterable[Mark]) -> tuple[Latency | None, int]:
    """Percentiles of the requests' latencies, and how many there were."""
    found = sorted(request_latencies(marks))
    if not found:
        return None, 0
    return Latency(*(percentile(found, share) for share in (0.50, 0.95, 0.99))), len(found)

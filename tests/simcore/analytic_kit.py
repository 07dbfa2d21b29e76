"""What the analytic tests share: a machine whose operations are free, and oracles that know nothing of threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heapreplace
from math import factorial
from typing import Any

from weft.simcore.profile import IDEAL, Profile
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.timed_record import TimedRun
from weft.simcore.work import work

S = 1_000_000_000
MS = 1_000_000
YEARS = 1e8
"""In seconds: no test ends for running out of virtual time."""


def run(
    program: Callable[[], Any], *, cores: int = 4, gil: bool = True, profile: Profile = IDEAL, **more: Any
) -> TimedRun:
    """Run it in virtual time; its own code takes none, only ``work`` and sleeps do."""
    with takeover():
        world = TimedWorld(cores=cores, gil=gil, profile=profile, measure=False, max_seconds=YEARS, **more)
        result = world.run(program)
    assert not result.failures, result.failures
    assert result.completed, result.stuck
    return result


def compute(duration_ns: int, gil: bool = False) -> None:
    """Exactly so long: the nearest float's rounding is undone by that of the world."""
    work(duration_ns / S, gil=gil)


def threads(bodies: Sequence[Callable[[], object]]) -> None:
    """A thread for each, started in order; returns when all have ended."""
    import threading

    made = [threading.Thread(target=body, name=f"thread-{index}") for index, body in enumerate(bodies)]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join()


def time_in(result: TimedRun, state: str) -> list[int]:
    """By thread, without the main one."""
    return [thread.time_in[state] for thread in result.threads[1:]]


# Oracles.


def list_schedule(durations: Sequence[int], workers: int) -> list[tuple[int, int]]:
    """Start and end of each task, taken in this order by whoever is free first (Graham 1969)."""
    free_at = [0] * workers
    found: list[tuple[int, int]] = []
    for duration in durations:
        start = free_at[0]
        heapreplace(free_at, start + duration)
        found.append((start, start + duration))
    return found


def waiting_times(arrivals: Sequence[int], services: Sequence[int], servers: int) -> list[int]:
    """How long each customer waits, first come, first served (Kiefer and Wolfowitz 1955; Lindley 1952 for one server)."""
    free_at = [0] * servers
    found: list[int] = []
    for arrival, service in zip(arrivals, services, strict=True):
        start = max(arrival, free_at[0])
        heapreplace(free_at, start + service)
        found.append(start - arrival)
    return found


def erlang_c(servers: int, load: float) -> float:
    """The chance that all servers are busy; ``load`` is arrival rate times service time (Erlang 1917)."""
    all_busy = load**servers / factorial(servers) / (1 - load / servers)
    return all_busy / (sum(load**busy / factorial(busy) for busy in range(servers)) + all_busy)


def round_robin(jobs: Sequence[tuple[int, int]], quantum: int) -> list[int]:
    """When each job of (arrival, length) is done on one core.

    A job that has used up its quantum goes to the end of the queue as soon as somebody else is there; until then it
    keeps the core. No two things may happen at one time, but for arrivals.
    """
    coming = deque(sorted(range(len(jobs)), key=lambda job: (jobs[job][0], job)))
    left = [length for _, length in jobs]
    done = [0] * len(jobs)
    ready: deque[int] = deque()
    now = 0
    running: int | None = None
    slice_end = 0
    while coming or ready or running is not None:
        if running is None:
            if not ready:
                now = max(now, jobs[coming[0]][0])
                ready.append(coming.popleft())
                continue
            running = ready.popleft()
            slice_end = now + quantum
        if ready and now >= slice_end:
            ready.append(running)
            running = None
            continue
        stops_at = now + left[running]
        if ready:
            stops_at = min(stops_at, slice_end)
        if coming and jobs[coming[0]][0] <= stops_at:
            stops_at = jobs[coming[0]][0]
            ready.append(coming.popleft())
        left[running] -= stops_at - now
        now = stops_at
        if not left[running]:
            done[running] = now
            running = None
    return done

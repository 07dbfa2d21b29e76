"""How fast the timed world simulates: weft's thread engine beside plain SimPy processes and resources, on one model.

The model: 64 threads on 8 cores with a 1 ms slice and one FIFO hand-off mutex; each iteration computes U(0.5, 3) ms,
takes the mutex, computes U(20, 80) us and releases it. In weft it is ordinary threading code with ``weft.work``; the
SimPy version is written out below. Both draw the same numbers and must end at the same virtual nanosecond.

    python benchmarks/simulate.py [--iterations 200] [--rounds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import simpy

from weft.simcore.profile import IDEAL
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.work import work

THREADS = 64
CORES = 8
SLICE_NS = 1_000_000
Draws = list[list[tuple[int, int]]]
Run = tuple[int, int, float]
"""Final virtual time in ns, model events, CPU seconds."""


def draw(iterations: int, seed: int) -> Draws:
    """Per thread and iteration: nanoseconds outside and inside the mutex."""
    generator = random.Random(seed)
    return [
        [(generator.randint(500_000, 3_000_000), generator.randint(20_000, 80_000)) for _ in range(iterations)]
        for _ in range(THREADS)
    ]


def run_weft(draws: Draws) -> Run:
    import threading

    def program() -> None:
        mutex = threading.Lock()

        def worker(mine: list[tuple[float, float]]) -> None:
            for outside, inside in mine:
                work(outside, gil=False)
                with mutex:
                    work(inside, gil=False)

        for mine in seconds:
            threading.Thread(target=worker, args=(mine,)).start()

    seconds = [[(outside / 1e9, inside / 1e9) for outside, inside in mine] for mine in draws]
    with takeover():
        started = time.process_time()
        world = TimedWorld(
            cores=CORES,
            gil=False,
            profile=replace(IDEAL, quantum_ns=SLICE_NS),
            measure=False,
            handover="fifo",
            max_seconds=1e9,
        )
        result = world.run(program)
        spent = time.process_time() - started
    if not result.completed:
        raise SystemExit(f"the weft run did not complete: {result}")
    return result.makespan_ns, result.slices + lock_operations(draws), spent


def lock_operations(draws: Draws) -> int:
    return 2 * sum(len(mine) for mine in draws)


class PlainThread:
    """The same thread in the usual SimPy style: a generator process, a Resource for the cores and one for the mutex."""

    def __init__(self, model: PlainModel, mine: list[tuple[int, int]]) -> None:
        self.model = model
        self.mine = mine
        self.core: Any = None
        self.slice_end = 0
        self.burns_on = False
        self.process = model.env.process(self.live())

    def live(self) -> Generator[Any, Any, None]:
        model = self.model
        yield from self.take_core()
        for outside, inside in self.mine:
            yield from self.compute(outside)
            ticket = model.mutex.request()
            if not ticket.triggered:
                self.leave_core()
                yield ticket
                yield from self.take_core()
            yield from self.compute(inside)
            model.mutex.release(ticket)
        self.leave_core()
        model.ended_ns = model.env.now

    def take_core(self, newcomer: bool = True) -> Generator[Any, Any, None]:
        model = self.model
        self.core = model.cores.request()
        if not self.core.triggered:
            if newcomer:
                self.take_from_others()
            yield self.core
        self.slice_end = model.env.now + SLICE_NS

    def take_from_others(self) -> None:
        """Of those beyond their slice the longest gives way, the others begin a new slice."""
        model = self.model
        for position, holder in enumerate([*model.used_up]):
            if position:
                holder.slice_end = model.env.now + SLICE_NS
                del model.used_up[holder]
            if holder.burns_on:
                holder.burns_on = False
                holder.process.interrupt()

    def leave_core(self) -> None:
        self.model.used_up.pop(self, None)
        self.model.cores.release(self.core)

    def compute(self, duration_ns: int) -> Generator[Any, Any, None]:
        model = self.model
        env = model.env
        while duration_ns:
            left_ns = self.slice_end - env.now
            if left_ns <= 0 and model.cores.queue:
                self.leave_core()
                yield from self.take_core(newcomer=False)
                left_ns = SLICE_NS
            started = env.now
            model.slices += 1
            if left_ns > 0:
                yield env.timeout(min(duration_ns, left_ns))
            else:
                # Nobody waits: burn on, until a thread that becomes ready takes this core.
                model.used_up[self] = None
                self.burns_on = True
                with suppress(simpy.Interrupt):
                    yield env.timeout(duration_ns)
                self.burns_on = False
            duration_ns -= env.now - started


class PlainModel:
    def __init__(self, draws: Draws) -> None:
        self.env: Any = simpy.Environment(0)
        self.cores = simpy.Resource(self.env, CORES)
        self.mutex = simpy.Resource(self.env, 1)
        self.used_up: dict[PlainThread, None] = {}
        """Threads that run on beyond their slice, longest first."""
        self.slices = 0
        self.ended_ns = 0
        for mine in draws:
            PlainThread(self, mine)


def run_plain(draws: Draws) -> Run:
    started = time.process_time()
    model = PlainModel(draws)
    model.env.run()
    spent = time.process_time() - started
    return model.ended_ns, model.slices + lock_operations(draws), spent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--iterations", type=int, default=200, help="per thread; 3900 makes the 249,600 of the model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if options.iterations < 1 or options.rounds < 1:
        parser.error("--iterations and --rounds must be at least 1")
    draws = draw(options.iterations, options.seed)
    runs: dict[str, list[Run]] = {"weft threads": [], "plain SimPy": []}
    for _ in range(options.rounds):
        runs["weft threads"].append(run_weft(draws))
        runs["plain SimPy"].append(run_plain(draws))
    ends = {run[0] for rows in runs.values() for run in rows}
    events = {run[1] for rows in runs.values() for run in rows}
    speed = {name: statistics.median(run[1] / run[2] for run in rows) for name, rows in runs.items()}
    print(f"{THREADS} threads, {CORES} cores, {THREADS * options.iterations:,} iterations, seed {options.seed}")
    print(f"{'engine':<14}{'CPU s':>8}{'events':>12}{'events/s':>14}{'ratio':>8}   virtual end, ns")
    for name, rows in runs.items():
        spent = statistics.median(run[2] for run in rows)
        ratio = speed[name] / speed["plain SimPy"]
        print(f"{name:<14}{spent:>8.3f}{rows[0][1]:>12,}{speed[name]:>14,.0f}{ratio:>8.2f}   {rows[0][0]:,}")
    print(f"median of {options.rounds} interleaved rounds; same virtual end: {'yes' if len(ends) == 1 else 'NO'}")
    if options.json:
        values = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "iterations": THREADS * options.iterations,
            "seed": options.seed,
            "runs": {
                name: [{"end_ns": end, "events": count, "cpu_seconds": spent} for end, count, spent in rows]
                for name, rows in runs.items()
            },
            "events_per_second": speed,
            "same_end": len(ends) == 1,
            "same_events": len(events) == 1,
        }
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=1)
    if len(ends) != 1:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

"""The timed world: an unmodified threaded program on a simulated machine, in virtual time.

The program's own code is executed for real and its duration (measured, planned, or what ``weft.work`` says) becomes a
burst of its thread on :mod:`machine`; every operation takes effect at the virtual time at which the burst before it is
over. It knows the primitives only through the operation protocol, and nothing of sweeps, speedups or reports.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Literal

import greenlet

from . import refusals, segments
from . import world as _world
from .interpreter import FreshInterpreter
from .machine import STATE_NAMES, Alarm, Clock, Machine
from .metering import Meter
from .origins import Origins
from .own_cost import own_costs
from .profile import Profile
from .scaled_code import ScaledCode
from .sites import Sites
from .stopwatch import Stopwatch, real_perf_counter_ns
from .timed_lane import Lane
from .timed_operations import TimedOperations
from .timed_record import Record, Stuck, ThreadTimes, TimedRun
from .trace import Header
from .world import ExecutionOver, Uncontrollable

MAX_SECONDS = 3_600.0
"""Virtual time after which a program is taken for endless."""
OPERATIONS_AT_ONCE_MAX = 1_000_000
"""Operations without any time passing after which a program is taken for spinning."""


class TimedWorld(TimedOperations):
    """One run on ``cores`` simulated cores.

    *Segments.* With ``measure`` the code between two operations is timed, less the world's own time, a probe cost
    measured once per process, and what other processes took of the core; ``meter`` says it in another way, from a plan,
    for example. Without both, code takes no time. All of them add what ``weft.work`` asks for. What holds the GIL takes
    ``profile.free_threading_slowdown`` times as long when ``gil`` is False.

    *Waiting.* A thread that cannot go on joins its object's waiters in FIFO order. ``handover="barging"`` (what
    CPython's locks do) wakes the first one, which finds out when it gets a core whether somebody was faster;
    ``"fifo"`` gives it the lock at once.

    *Priorities.* From the first :func:`weft.priority` on the more important thread runs, and of a lock's waiters the
    most important is woken. With ``inheritance`` a lock's owner is as important as its waiters. They are taken from
    the program; GIL and other objects know none.

    *What-ifs.* ``scale`` multiplies what ``weft.work``, ``weft.io`` and sleeps ask for in some code (that of measured
    segments is in the plan); ``free_locks`` never make anybody wait.

    *Record.* ``trace`` keeps every operation, ``scheduler_events`` also what the machine did with each thread.
    """

    kind = "timed"

    def __init__(
        self,
        *,
        cores: int,
        gil: bool = True,
        profile: Profile | None = None,
        measure: bool = True,
        meter: Meter | None = None,
        handover: Literal["barging", "fifo"] = "barging",
        seed: int = 0,
        trace: bool = False,
        scheduler_events: bool = False,
        target: str = "",
        parameters: dict[str, Any] | None = None,
        max_seconds: float = MAX_SECONDS,
        real_seconds_max: float = 600.0,
        inheritance: bool = False,
        scale: ScaledCode | None = None,
        free_locks: tuple[str, ...] = (),
    ) -> None:
        if handover not in ("barging", "fifo"):
            raise ValueError(f"handover is {handover!r}; it must be 'barging' or 'fifo'")
        profile = profile or Profile()
        header: Header | None = None
        if trace or scheduler_events:
            values = asdict(profile) | {"cores": cores, "gil": gil, "inheritance": inheritance}
            header = Header(target, "timed", parameters=parameters or {}, seed=seed, profile=values)
        self._stopwatch: Stopwatch | None = None
        if meter is None and measure:
            self._stopwatch = Stopwatch()
            meter = Meter(Sites(), Origins(), self._stopwatch, own_cost=own_costs(simulate_once))
        super().__init__(
            Machine(Clock(), cores=cores, gil=gil, profile=profile),
            Record(header),
            meter=meter,
            scale=scale,
            free_locks=free_locks,
            fifo=handover == "fifo",
            scheduler_events=scheduler_events,
            inheritance=inheritance,
        )
        self.gil = gil
        self.seed = seed
        self._gave_up = ""
        self._max_ns = round(max_seconds * 1e9)
        self._real_seconds_max = real_seconds_max
        self._give_up_at = 0
        self._spin_from = (0, -1)

    def run(self, program: Callable[[], None]) -> TimedRun:
        """Run ``program`` as the main thread, to the end of its last non-daemon thread or as far as it gets."""
        if _world.active is not None:
            raise RuntimeError("a world is already active; a timed run cannot be started from inside another run")
        self._hub = greenlet.getcurrent()
        self._give_up_at = real_perf_counter_ns() + round(self._real_seconds_max * 1e9)
        meter = self.meter
        main = self.main_thread(program)
        refusal: BaseException | None = None
        with FreshInterpreter(main), segments.watched(self) as watched, _collector_kept_off():
            begun = None if meter is None else meter.begin()
            self._admit(main, 0)
            _world.active = self
            try:
                self._drive()
            except Uncontrollable as error:
                refusal = error
            finally:
                stuck = self._stuck()
                self.close()
                _world.active = None
        refusal = refusals.refusal or refusal
        disturbance = 0.0 if meter is None or begun is None else meter.disturbance(begun)
        if self._stopwatch is not None:
            self._stopwatch.close()
        return TimedRun(
            makespan_ns=self._makespan_ns if self._makespan_ns >= 0 else self.clock.now_ns,
            cores=self.machine.cores,
            gil=self.gil,
            threads=self._thread_times(),
            waits=self.record.waits(),
            marks=self.marks,
            stuck=stuck,
            failures=[(thread.name, thread.failure[0]) for thread in self.threads if thread.failure is not None],
            gave_up=self._gave_up,
            refusal="" if refusal is None else str(refusal),
            operations=self.operations,
            slices=self.machine.slices,
            limits=watched.limits() if self.measure and self.gil else [],
            disturbance=disturbance,
            trace=self.record.trace(),
            prioritised=bool(self.priorities),
        )

    def main_ended(self) -> None:
        super().main_ended()
        self._look_at_all_waiters()

    def _drive(self) -> None:
        clock = self.clock
        clock.alarm(Alarm(self._out_of_time, self), self._max_ns)
        while not clock.halted and (clock.pending or self._wake_overlooked()):
            clock.run_while_pending()

    def _out_of_time(self, alarm: Alarm) -> None:
        self.clock.halted = True
        limit = f"{self._max_ns / 1e9:g} s of virtual time"
        self._gave_up = f"not finished after {limit}: the program never ends, or needs a higher limit"

    def look_for_a_reason_to_stop(self) -> None:
        if refusals.refusal is not None:
            raise refusals.refusal
        now_ns = self.clock.now_ns
        counted_from, at_ns = self._spin_from
        if at_ns != now_ns:
            self._spin_from = (self.operations, now_ns)
        elif self.operations - counted_from >= OPERATIONS_AT_ONCE_MAX:
            self._gave_up = (
                f"{OPERATIONS_AT_ONCE_MAX:,} operations while no time passed at {now_ns / 1e9:g} s: a thread looks "
                "again and again in a loop that costs nothing; let it wait or sleep, or predict with a measured profile"
            )
        if real_perf_counter_ns() > self._give_up_at:
            self._gave_up = (
                f"stopped after {self._real_seconds_max:g} real seconds at {now_ns / 1e9:g} s of virtual time; "
                "make the workload smaller or raise the time limit"
            )
        if self._gave_up:
            self.clock.halted = True
            self._hub.switch()
            raise ExecutionOver

    # What it came to.

    def _stuck(self) -> list[Stuck]:
        found: list[Stuck] = []
        if self._gave_up or not self._essential or self.clock.pending:
            return found
        for thread in self.threads:
            lane: Lane = thread.context
            operation = lane.operation
            if operation is not None and not thread.daemon:
                at, detail = self.record.at(operation.target), operation.detail()
                text = f"{operation.label} of {self.record.name(operation.target)}"
                text += f" ({at})" if at else ""
                text += f", {detail}" if detail else ""
                found.append(Stuck(thread.name, text))
        return found

    def _thread_times(self) -> list[ThreadTimes]:
        found: list[ThreadTimes] = []
        for thread in self.threads:
            lane: Lane = thread.context
            self.machine.settle(lane)
            time_in: dict[str, int] = dict(zip(STATE_NAMES, lane.time_in, strict=False))
            time_in["lock wait"] -= lane.idle_ns
            time_in["idle"] = lane.idle_ns
            found.append(ThreadTimes(thread.name, time_in))
        return found


def simulate_once(profile: Profile, meter: Meter, program: Callable[[TimedWorld], None]) -> TimedRun:
    """One run on one core of a program that is told its world."""
    world = TimedWorld(cores=1, profile=profile, meter=meter)
    return world.run(lambda: program(world))


@contextmanager
def _collector_kept_off() -> Generator[None]:
    """The collector must not walk through the tool's own objects in the middle of a measured segment.

    Where somebody has frozen objects already, ours among them, theirs stay frozen and nothing is added.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

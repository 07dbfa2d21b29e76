"""How fast runners burn where that varies: co-run slowdown, memory bandwidth, unequal cores, hardware threads.

It is the fluid half of the machine: whenever the set of burning runners changes, what is left of the others is settled
and their ends are moved. Who gets a core is not its question.
"""

from __future__ import annotations

from heapq import heappush
from typing import TYPE_CHECKING

from simpy.events import NORMAL

from .clock import Alarm
from .placement import Topology
from .profile import Profile
from .runner import MEM, RUNNING, Runner

if TYPE_CHECKING:
    from .cores import Cores

ONE = 10**12
"""The rate 1: work is counted in whole units of 10**-12 ns, so that settling it is exact."""


def vary(profile: Profile, cores: int) -> bool:
    """Does a burst's speed depend on where it burns or on what else burns?"""
    topology = Topology(cores, profile)
    return bool(
        any(factor != 1.0 for factor in profile.co_run)
        or profile.memory_bandwidth
        or topology.smt
        or any(speed != 1.0 for speed in topology.speeds)
    )


class Flow:
    """How a runner burns now.

    Attributes:
        rate: Units of work per nanosecond.
        fraction: What is left of the burst beyond the runner's whole ``remaining_ns``, in units.
        settled_at: The time up to which that is so.
        ends_at: When the burst will be over at this rate.
        alarm_at: When the runner's alarm goes off: at its end, at the end of its slice, or earlier.
    """

    __slots__ = ("alarm_at", "ends_at", "fraction", "rate", "settled_at")

    def __init__(self) -> None:
        self.rate = ONE
        self.fraction = 0
        self.settled_at = 0
        self.ends_at = 0
        self.alarm_at = 0


class Rates:
    """The factors of one machine as functions of what burns."""

    def __init__(self, profile: Profile, topology: Topology) -> None:
        self.topology = topology
        self._co_run = profile.co_run
        self._curves = sorted((int(size), curve) for size, curve in profile.memory_bandwidth.items())

    def of(self, core: int, siblings_busy: bool, burning: int, memory_bound: int, working_set_bytes: int) -> int:
        """Units per nanosecond for a burst on ``core`` among ``burning``; ``memory_bound`` is 0 for other kinds.

        It is rounded to a whole number of units, and at least 1.
        """
        speed = self.topology.speeds[core]
        if siblings_busy:
            speed *= self.topology.factor
        if self._co_run:
            speed /= self._co_run[min(burning, len(self._co_run)) - 1]
        if memory_bound > 1 and self._curves:
            curve = self._curve(working_set_bytes)
            speed *= min(1.0, curve[min(memory_bound, len(curve)) - 1] / (memory_bound * curve[0]))
        return max(1, round(speed * ONE))

    def _curve(self, working_set_bytes: int) -> list[float]:
        """The curve of the smallest measured working set that is as large; of the largest when there is none or the
        size is not known."""
        if working_set_bytes:
            for size, curve in self._curves:
                if size >= working_set_bytes:
                    return curve
        return self._curves[-1][1]


class Fluid:
    """Burning at rates that change.

    *Rounding.* Work is settled exactly, in units; a burst ends at the whole nanosecond nearest to its exact end (the
    later of two), and what is left of it then, less than half a nanosecond's worth, is dropped.

    *Alarms.* A burst that will end later than its alarm keeps the alarm, which looks again when it goes off; only one
    that will end earlier gets a new one.

    *Moving.* When a core becomes idle and nobody is ready, the slowest burning runner that would be faster there moves
    to it, for the cost of a context switch.
    """

    def __init__(self, machine: Cores) -> None:
        self.machine = machine
        self.topology = Topology(machine.cores, machine.profile)
        self.rates = Rates(machine.profile, self.topology)
        self.burning: dict[Runner, Flow] = {}
        self._memory_bound = 0
        self._seen = (0, 0)
        """How many burned, and how many of them were memory-bound, when the rates were made."""
        self._look = Alarm(self._look_again, self)
        self._looking = False

    def burn(self, runner: Runner, now: int) -> None:
        """As :meth:`Cores.burn`."""
        flow = runner.flow
        if flow is None:
            flow = runner.flow = Flow()
        machine = self.machine
        if not (runner.remaining_ns or flow.fraction):
            machine.clock.due.append(runner.alarm)
            return
        if runner.slice_end <= now and machine.gives_way(runner, now):
            return
        flow.rate = self._rate(runner)
        flow.settled_at = now
        self._end(runner, flow, now)
        machine.slices += 1
        self.burning[runner] = flow
        if runner.kind == MEM:
            self._memory_bound += 1
        self.changed()
        self._set_alarm(runner, flow, now)

    def is_burning(self, runner: Runner, now: int) -> bool:
        """As :meth:`Cores.is_burning`."""
        return runner in self.burning and self.burning[runner].ends_at > now

    def interrupt(self, runner: Runner, now: int) -> None:
        """As :meth:`Cores.interrupt`."""
        flow = self.burning[runner]
        self._settle(runner, flow, now)
        self._stop(runner)
        self._cancel_alarm(runner)

    def changed(self) -> None:
        """Who burns, or which cores are idle, has changed: look at the rates before any time passes."""
        if not self._looking:
            self._looking = True
            self.machine.clock.due.append(self._look)

    def stretch_over(self, alarm: Alarm) -> None:
        """The alarm of a burning runner: its burst or slice is over, or its end was moved."""
        runner: Runner | None = alarm.concern
        if runner is None:
            return
        now = self.machine.clock.now_ns
        flow = self.burning.get(runner)
        if flow is not None:
            if now < flow.ends_at:
                if now < runner.slice_end or runner.expired:
                    self._set_alarm(runner, flow, now)
                else:
                    self._settle(runner, flow, now)
                    self._stop(runner)
                    self.machine.burn(runner, now)
                return
            self._stop(runner)
        assert runner.flow is not None
        runner.remaining_ns = runner.flow.fraction = 0
        done = runner.done
        done(runner)

    def _stop(self, runner: Runner) -> None:
        del self.burning[runner]
        if runner.kind == MEM:
            self._memory_bound -= 1
        self.changed()

    @staticmethod
    def _settle(runner: Runner, flow: Flow, now: int) -> None:
        left = runner.remaining_ns * ONE + flow.fraction - (now - flow.settled_at) * flow.rate
        runner.remaining_ns, flow.fraction = divmod(max(left, 0), ONE)
        flow.settled_at = now

    @staticmethod
    def _end(runner: Runner, flow: Flow, now: int) -> None:
        """The burst, as settled ``now``, ends at the nearest whole nanosecond."""
        left = runner.remaining_ns * ONE + flow.fraction
        flow.ends_at = now + (2 * left + flow.rate) // (2 * flow.rate)

    def _set_alarm(self, runner: Runner, flow: Flow, now: int) -> None:
        at = flow.ends_at
        if now < runner.slice_end < at and not runner.expired:
            at = runner.slice_end
        flow.alarm_at = at
        machine = self.machine
        heappush(machine.clock.entries, (at, NORMAL, next(machine.clock.numbers), runner.alarm))

    def _cancel_alarm(self, runner: Runner) -> None:
        runner.alarm.concern = None
        runner.alarm = Alarm(self.stretch_over, runner)

    def _rate(self, runner: Runner) -> int:
        burning, memory_bound = self._seen
        return self.rates.of(
            runner.core,
            self.topology.smt and self._sibling_burns(runner.core),
            max(burning, 1),
            max(memory_bound, 1) if runner.kind == MEM else 0,
            runner.working_set_bytes,
        )

    def _sibling_burns(self, core: int) -> bool:
        running = self.machine.running
        for other in self.topology.siblings[core]:
            runner = running[other]
            if runner is not None and runner.core == other and runner in self.burning:
                return True
        return False

    def _look_again(self, alarm: Alarm) -> None:
        """No more happens at this instant for now: bring all rates up to date."""
        due = self.machine.clock.due
        if due:
            due.append(alarm)
            return
        self._looking = False
        now = self.machine.clock.now_ns
        if self.topology.differ and self.machine.idle and self.burning:
            self._move(now)
        seen = (len(self.burning), self._memory_bound)
        if seen == self._seen and not self.topology.smt:
            return
        self._seen = seen
        for runner, flow in self.burning.items():
            rate = self._rate(runner)
            if rate != flow.rate and flow.ends_at > now:
                self._settle(runner, flow, now)
                flow.rate = rate
                self._end(runner, flow, now)
                if flow.ends_at < flow.alarm_at:
                    self._cancel_alarm(runner)
                    self._set_alarm(runner, flow, now)

    def _move(self, now: int) -> None:
        machine = self.machine
        for _ in range(machine.cores):
            found = self.topology.better([runner for runner in self.burning if runner.state == RUNNING], machine.idle)
            if found is None:
                return
            runner, core = found
            self.interrupt(runner, now)
            machine.move(runner, core)
            self.burn(runner, now)

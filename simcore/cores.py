"""Cores of a simulated machine: who runs where and for how long, who waits for a core, and who has to give it up.

It moves runners between the run queue and the cores, on SimPy's clock; what a runner does is :class:`Machine`'s side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappush

from simpy.events import NORMAL

from .clock import Alarm, Clock
from .gil import Gil
from .profile import IDEAL, Profile, check
from .rates import Fluid, vary
from .runner import ENTERED, PY, READY, RUNNING, Runner
from .trace import Op


class Cores:
    """N cores and one run queue; the rules are told at :class:`Machine`."""

    def __init__(
        self,
        clock: Clock,
        *,
        cores: int,
        gil: bool = True,
        profile: Profile = IDEAL,
        listener: Callable[[int, Runner, Op], None] | None = None,
    ) -> None:
        if cores < 1:
            raise ValueError(f"cores is {cores}; a machine needs at least 1")
        check(profile)
        self.clock = clock
        self.cores = cores
        self.profile = profile
        self.listener = listener
        """Told (time, runner, operation) at each change of state and of the GIL's owner."""
        self.slices: int = 0
        """Uninterrupted stretches of burning so far."""
        self.idle = list(range(cores - 1, -1, -1))
        """Idle cores, the one that became so last at the end."""
        self.running: list[Runner | None] = [None] * cores
        """By core, who runs there or ran there last."""
        self.queue: deque[Runner] = deque()
        """Ready runners. Invariant: empty while a core is idle, unless cores are evened out with a delay; then nobody in
        it waits for an idle core (tests/simcore/test_machine.py)."""
        self._strict = False
        """Priorities are in force."""
        self._expired: dict[Runner, None] = {}
        """Runners on a core with a used-up slice, longest first."""
        self._switch_ns = profile.context_switch_ns
        self._balance_ns = profile.balance_ns if cores > 1 else 0
        self._rests = [0] * cores
        """How often each core has become idle."""
        self._entries = clock.entries
        self._numbers = clock.numbers
        self._due = clock.due
        self.gil = Gil(self) if gil else None
        self._fluid = Fluid(self) if vary(profile, cores) else None
        self._on_stretch = self._stretch_over if self._fluid is None else self._fluid.stretch_over
        if self._balance_ns and self._fluid is None:
            self._on_stretch = self._own_stretch_over
        self._on_wake = self._wake_over

    # Burning.

    def burn(self, runner: Runner, now: int) -> None:
        """Burn up to the end of the burst or of the slice, or give way when the slice is over and somebody waits."""
        if self._fluid is not None:
            self._fluid.burn(runner, now)
            return
        burn_ns = runner.remaining_ns
        left_ns = runner.slice_end - now
        if left_ns < burn_ns:
            if left_ns > 0:
                burn_ns = left_ns
            elif burn_ns and self.gives_way(runner, now):
                return
        if burn_ns:
            self.slices += 1
            runner.remaining_ns -= burn_ns
            until = runner.until = now + burn_ns
            heappush(self._entries, (until, NORMAL, next(self._numbers), runner.alarm))
        else:
            runner.until = now
            self._due.append(runner.alarm)

    def _stretch_over(self, alarm: Alarm) -> None:
        runner: Runner | None = alarm.concern
        if runner is None:
            return
        if not runner.remaining_ns:
            done = runner.done
            done(runner)
        elif self.queue and runner.slice_end <= runner.until and not self._strict:
            self._preempt(runner, runner.until)
        else:
            self.burn(runner, self.clock.now_ns)

    def _own_stretch_over(self, alarm: Alarm) -> None:
        """The same where each core has a queue of its own."""
        runner: Runner | None = alarm.concern
        if runner is None:
            return
        if not runner.remaining_ns:
            done = runner.done
            done(runner)
        else:
            self.burn(runner, self.clock.now_ns)

    def is_burning(self, runner: Runner, now: int) -> bool:
        """Is the runner in the middle of a burst, not at its very end or between two?"""
        if self._fluid is not None:
            return self._fluid.is_burning(runner, now)
        return runner.state == RUNNING and runner.until + runner.remaining_ns > now

    def interrupt(self, runner: Runner, now: int) -> None:
        """Stop burning in the middle of a slice."""
        if self._fluid is not None:
            self._fluid.interrupt(runner, now)
            return
        runner.alarm.concern = None
        runner.alarm = Alarm(self._on_stretch, runner)
        runner.remaining_ns += runner.until - now
        runner.until = now

    def gives_way(self, runner: Runner, now: int) -> bool:
        """A slice is used up: does the runner lose its core to somebody who waits? Else it runs on until one comes."""
        queue = self.queue
        if self._balance_ns:
            if queue and self._next_for(runner.core) >= 0:
                self._preempt(runner, now)
                return True
        elif queue and queue[0].rank >= runner.rank:
            self._preempt(runner, now, first=queue[0].rank > runner.rank)
            return True
        if not runner.expired:
            runner.expired = True
            self._expired[runner] = None
        return False

    # Cores.

    def fill(self, core: int, now: int) -> None:
        """Give a free core to the first in the queue that can use it; others go on to wait for the GIL."""
        if self.queue:
            self._dispatch(core, now, self._switch_ns)
        else:
            self._rest(core)

    def _dispatch(self, core: int, now: int, switch_ns: int) -> None:
        queue = self.queue
        gil = self.gil
        while queue:
            if self._balance_ns:
                place = self._next_for(core)
                if place < 0:
                    break
                runner = queue[place]
                del queue[place]
            else:
                runner = queue.popleft()
            runner.time_in[READY] += now - runner.since
            runner.since = now
            runner.state = RUNNING
            if self.listener is not None:
                self.listener(now, runner, Op.RUN)
            runner.core = core
            self.running[core] = runner
            slice_ns = runner.slice_ns + switch_ns
            runner.slice_end = now + slice_ns
            left_ns = runner.remaining_ns + switch_ns
            if gil is None and left_ns and self._fluid is None:
                # What burn() would do, without the call.
                self.slices += 1
                if left_ns > slice_ns:
                    until = runner.until = now + slice_ns
                    runner.remaining_ns = left_ns - slice_ns
                else:
                    until = runner.until = now + left_ns
                    runner.remaining_ns = 0
                heappush(self._entries, (until, NORMAL, next(self._numbers), runner.alarm))
                return
            runner.remaining_ns = left_ns
            if gil is None or (runner.kind != PY and gil.owner is not runner) or gil.settle(runner, now):
                self.burn(runner, now)
                return
        self._rest(core)

    def _next_for(self, core: int) -> int:
        """The place of the first in the queue that waits for this core; -1: nobody does."""
        for place, runner in enumerate(self.queue):
            if runner.core == core:
                return place
        return -1

    def _pull(self, alarm: Alarm) -> None:
        """A core that has been idle since takes who has waited longest for another one."""
        core, rests = alarm.concern
        if self.queue and core in self.idle and self._rests[core] == rests and self._balance_ns:
            self._take_over(core, self.clock.now_ns)

    def _take_over(self, core: int, now: int) -> None:
        self.idle.remove(core)
        self.clock.pending += 1
        self.queue[0].core = core
        self._dispatch(core, now, self._switch_ns)

    def _least_loaded(self, last: int) -> int:
        """The core that fewest wait for, of equals the last one."""
        waiting = [0] * self.cores
        for runner in self.queue:
            if runner.core >= 0:
                waiting[runner.core] += 1
        fewest = min(waiting)
        return last if last >= 0 and waiting[last] == fewest else waiting.index(fewest)

    def _even_out_at_once(self, now: int) -> None:
        """From now on there is one queue for all cores."""
        self._balance_ns = 0
        while self.idle and self.queue:
            self._take_over(self.idle[-1], now)

    def _rest(self, core: int) -> None:
        self.idle.append(core)
        self.clock.pending -= 1
        if self._balance_ns:
            self._rests[core] += 1
            if self.queue:
                self.clock.alarm(Alarm(self._pull, (core, self._rests[core])), self._balance_ns)
        if self._fluid is not None:
            self._fluid.changed()

    def move(self, runner: Runner, core: int) -> None:
        """A runner that was interrupted goes on on an idle core, for the cost of a context switch."""
        idle = self.idle
        idle.remove(core)
        idle.append(runner.core)
        runner.core = core
        self.running[core] = runner
        runner.remaining_ns += self._switch_ns

    def enter(self, runner: Runner, state: int, now: int) -> None:
        """The runner is in another state from now on."""
        runner.time_in[runner.state] += now - runner.since
        runner.since = now
        runner.state = state
        if self.listener is not None:
            self.listener(now, runner, ENTERED[state])

    def retire(self, runner: Runner) -> None:
        """The runner is no longer one that runs on beyond its slice."""
        if runner.expired:
            runner.expired = False
            del self._expired[runner]

    def _preempt(self, runner: Runner, now: int, *, first: bool = False) -> None:
        if runner.expired:
            self.retire(runner)
        runner.time_in[RUNNING] += now - runner.since
        runner.since = now
        runner.state = READY
        if self.listener is not None:
            self.listener(now, runner, Op.PREEMPT)
        if self._strict:
            self._line_up(runner, first=first)
        else:
            self.queue.append(runner)
        self._dispatch(runner.core, now, self._switch_ns)

    def _take_from_expired(self, now: int) -> None:
        """The longest beyond its slice gives way, at once or at its next burst; the others begin a new slice."""
        longest, *others = self._expired
        for holder in others:
            self.retire(holder)
            holder.slice_end = now + holder.slice_ns
            if self.is_burning(holder, now):
                self.interrupt(holder, now)
                self.burn(holder, now)
        if self.is_burning(longest, now):
            self.interrupt(longest, now)
            self._preempt(longest, now)

    # Priorities.

    def _line_up(self, runner: Runner, *, first: bool) -> None:
        """Into the queue, before or behind its equals."""
        queue = self.queue
        rank = runner.rank
        for place, other in enumerate(queue):
            if other.rank < rank or (first and other.rank == rank):
                queue.insert(place, runner)
                return
        queue.append(runner)

    def _make_room(self, runner: Runner, now: int) -> None:
        """A ready runner takes the core of the least important one, or of an equal beyond its slice."""
        least: Runner | None = None
        for core, other in enumerate(self.running):
            if other is None or other.core != core or other.state != RUNNING or self._was_asked(other, runner, now):
                continue
            if least is None or (other.rank, not other.expired) < (least.rank, not least.expired):
                least = other
        if least is not None and (least.rank < runner.rank or (least.rank == runner.rank and least.expired)):
            self._give_up_slice(least, now)

    @staticmethod
    def _was_asked(runner: Runner, other: Runner, now: int) -> bool:
        """Was it asked already to leave its core at its next burst, for somebody as important as ``other``?"""
        return runner.slice_end <= now and not runner.expired and runner.rank < other.rank

    def _give_up_slice(self, runner: Runner, now: int) -> None:
        """Off the core for the head of the queue: at once when in the middle of a burst, else at the next one."""
        if self.is_burning(runner, now):
            self.interrupt(runner, now)
            self._preempt(runner, now, first=not runner.expired)
        else:
            runner.slice_end = now

    # Waking up.

    def wake_later(self, runner: Runner, delay_ns: int) -> None:
        """Ready after ``delay_ns``, whatever the state until then."""
        self.clock.alarm(runner.waking, delay_ns)
        self.clock.pending += 1

    def _wake_over(self, alarm: Alarm) -> None:
        """Ready: onto an idle core, else into the queue."""
        runner: Runner = alarm.concern
        clock = self.clock
        now = clock.now_ns
        runner.time_in[runner.state] += now - runner.since
        runner.since = now
        runner.state = READY
        if self.listener is not None:
            self.listener(now, runner, Op.READY)
        if self._strict:
            self._line_up(runner, first=False)
        else:
            if self._balance_ns and not self.idle:
                runner.core = self._least_loaded(runner.core)
            self.queue.append(runner)
        if self.idle:
            # What was pending as a wake-up is pending as a busy core now.
            core = self._take_idle(runner)
            if self._balance_ns:
                runner.core = core
            self._dispatch(core, now, 0)
        else:
            clock.pending -= 1
            if self._strict:
                self._make_room(runner, now)
            elif self._balance_ns:
                self._wait_for_a_core(runner, now)
            elif self._expired:
                self._take_from_expired(now)

    def _wait_for_a_core(self, runner: Runner, now: int) -> None:
        """For the last one, or for any if it is new: who is beyond its slice there gives way, at once or at its next
        burst."""
        holder = self.running[runner.core]
        if holder is not None and holder.core == runner.core and holder.expired and self.is_burning(holder, now):
            self.interrupt(holder, now)
            self._preempt(holder, now)

    def _take_idle(self, runner: Runner) -> int:
        """The core that became idle last, unless cores differ, or it had another one last and threads stay at theirs."""
        fluid = self._fluid
        if fluid is None or not fluid.topology.differ:
            if self._balance_ns and runner.core in self.idle:
                self.idle.remove(runner.core)
                return runner.core
            return self.idle.pop()
        core = fluid.topology.choose(runner, self.idle)
        self.idle.remove(core)
        return core

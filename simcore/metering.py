"""What the code between two operations costs: measured, or taken from a plan, and written down for a table.

The timed world asks it at every cut, which is an operation or any other moment at which the world takes over, and it
makes the running thread's lane owe the time. It does not know what operations are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from .origins import MAIN, Origins
from .runner import NOGIL, PY
from .segment_table import NOTABLE_NS, Noticed, Plan, Run, Taken
from .sites import EDGE_BITS, START, Site, Sites
from .stopwatch import LONG_NS, Reading, Stopwatch
from .timed_lane import WAIT, Lane

_NOTHING: Taken = (0, 0)


class GilSampler(Protocol):
    """What :mod:`gil_probe` offers here."""

    def begin(self) -> None:
        """A segment begins."""
        ...

    def seen(self) -> tuple[int, int]:
        """Since :meth:`begin`, for how long somebody else could have had the GIL, and for how long that is not known."""
        ...


class Follower(Protocol):
    """What :mod:`code_shares` offers here."""

    def resume(self, lane: Lane) -> None:
        """A segment of this thread begins."""
        ...

    def cut(self, lane: Lane, way: int, end: Site) -> None:
        """It ends here."""
        ...


@dataclass(frozen=True, slots=True)
class OwnCost:
    """What measuring adds to a segment, in nanoseconds (:mod:`own_cost`)."""

    operation_ns: int = 0
    """To one that ends at an operation."""
    leave_ns: int = 0
    """To one that ends at a library call."""
    call_ns: int = 0
    """To the call."""
    construct_ns: int = 0
    """To the code that makes a hash object, or a compressor."""
    update_ns: int = 0
    """To code that has one hash too little to let go of the GIL for."""
    look_ns: int = 0
    """To code that uses another of its attributes."""
    short_ns: int = 0
    """To a call of a listed function that keeps the GIL this time."""


class PassedBy(Protocol):
    """What :mod:`segments` offers here: what the way past our stand-ins has cost since the segment began."""

    passed_ns: int


class Meter:
    """One run's costs.

    Without a plan a segment costs what it takes. With one it costs what the plan says, whatever it takes, so that the
    run is the same each time. ``record`` writes down what segments really take, in both cases; ``notice`` (with a plan)
    only what tells whether they are the work that was planned, which costs less.
    """

    def __init__(
        self,
        sites: Sites,
        origins: Origins,
        stopwatch: Stopwatch,
        *,
        plan: Plan | None = None,
        record: bool = False,
        notice: bool = False,
        own_cost: OwnCost | None = None,
        sampler: GilSampler | None = None,
        follower: Follower | None = None,
    ) -> None:
        self.sites = sites
        self.origins = origins
        self.plan = plan
        self.run: Run | None = {} if record else None
        """What segments really took."""
        self.noticed = Noticed()
        """Of what they really took, what is worth a look, where it was asked for: what is long, or planned to be."""
        self._notices = notice
        self.free: dict[int, list[tuple[int, int]]] = {}
        """By edge, what the sampler saw: (GIL free, computed while it could see) of each long segment that holds the GIL
        as far as is known."""
        self.unplanned = 0
        """How many segments the plan does not know in this work and turn."""
        self.note: Callable[[Lane, int, int, FrameType], None] | None = None
        """Told (lane, kind, nanoseconds, where) of every part that is owed."""
        self.python_factor = 1.0
        """How much longer Python code takes in the simulated interpreter."""
        self.own_cost = own_cost = own_cost or OwnCost()
        self.stand_ins: PassedBy | None = None
        """Those of the library functions, while the run lasts."""
        self._operation_ns = own_cost.operation_ns
        self._call_ns = own_cost.call_ns
        self._leave_ns = own_cost.leave_ns
        self._sampler = sampler
        self._follower = follower
        self.keyed = plan is not None or record or sampler is not None or follower is not None
        """Segments are told apart, so that it has to know who works at what."""
        self._reads_clock = plan is None or record or notice or sampler is not None
        self._stopwatch = stopwatch
        self._number = sites.number
        self._planned = plan or Plan({})
        if plan is not None and not record and sampler is None and follower is None:
            self.cut = self._cut_as_planned
        self.now_ns = stopwatch.now_ns
        self._cut_at = 0
        self._seen = (0, 0)

    def begin(self) -> Reading:
        """The run begins."""
        self._stopwatch.begin()
        return self._stopwatch.read()

    def disturbance(self, begun: Reading) -> float:
        """The share of real time since then in which this thread waited for a core."""
        now = self._stopwatch.read()
        return (now.delay_ns - begun.delay_ns) / max(now.wall_ns - begun.wall_ns, 1)

    def forget(self, lane: Lane, frame: FrameType) -> None:
        """The segment of the lane's thread that ends here costs nothing and belongs to nobody."""
        if self.keyed:
            lane.place = self.sites.number(frame)
        self.resume(lane)

    def enter(self, lane: Lane) -> None:
        """A thread is about to begin."""
        lane.place = START
        parent = lane.thread.parent
        if parent is None:
            self._work_at(lane, MAIN)
        else:
            starter: Lane = parent.context
            starter.started += 1
            self._work_at(lane, self.origins.thread(starter.origin, starter.started))

    def handed_over(self, lane: Lane) -> int:
        """The lane's thread has put an item somewhere: what it is called."""
        lane.sent += 1
        return self.origins.item(lane.origin, lane.sent)

    def took_over(self, lane: Lane, item: int) -> None:
        """It has got an item, and works on that from now on."""
        self._work_at(lane, item)

    def _work_at(self, lane: Lane, origin: int) -> None:
        lane.origin = origin
        lane.started = lane.sent = 0
        if self.plan is not None:
            lane.planned = self.plan.work(origin)
        if self.run is not None:
            lane.taken = self.run.setdefault(origin, {})

    def resume(self, lane: Lane) -> None:
        """The lane's thread goes on: its next segment begins."""
        if not self._reads_clock:
            if self._follower is not None:
                self._follower.resume(lane)
            return
        now_ns = self.now_ns()
        if now_ns - self._cut_at > LONG_NS:
            # Perhaps somebody else had the core while the world was at work: the next close look must not see that.
            self._stopwatch.begin()
            now_ns = self.now_ns()
        if self._sampler is not None:
            self._sampler.begin()
            now_ns = self.now_ns()
        if self.stand_ins is not None:
            self.stand_ins.passed_ns = 0
        lane.resumed_at = now_ns

    def cut(
        self,
        lane: Lane,
        frame: FrameType,
        kind: int = PY,
        memory_bytes: int = 0,
        call: str = "",
        *,
        leaves: bool = False,
    ) -> None:
        """The segment of the lane's thread ends here, at ``frame``; now it owes its time.

        ``kind`` is what it was, as far as is known; ``call`` the library function that it consisted of. ``leaves``: at
        the beginning of such a call.
        """
        own_ns = self._call_ns if call else self._leave_ns if leaves else self._operation_ns
        taken = self._took(lane, own_ns) if self._reads_clock else _NOTHING
        share = 0.0
        if self.keyed:
            place = self.sites.number(frame, call)
            way = lane.place << EDGE_BITS | place
            lane.place = place
            if self.run is not None:
                lane.taken.setdefault(way, []).append(taken)
            if self._sampler is not None and kind == PY and taken[0] > LONG_NS:
                free_ns, unseen_ns = self._seen
                self.free.setdefault(way, []).append((free_ns, taken[0] - unseen_ns))
            if self._follower is not None:
                self._follower.cut(lane, way, self.sites[place])
            plan = self.plan
            if plan is not None:
                entries = lane.planned.get(way)
                entry = None if entries is None else next(entries, None)
                taken = self._elsewhere(plan, way) if entry is None else entry
                if plan.free and kind == PY:
                    share = plan.free.get(way, 0.0)
        self._charge(lane, taken, kind, share, frame, memory_bytes)

    def _cut_as_planned(
        self,
        lane: Lane,
        frame: FrameType,
        kind: int = PY,
        memory_bytes: int = 0,
        call: str = "",
        *,
        leaves: bool = False,
    ) -> None:
        """:meth:`cut` where a plan says it all and nothing is written down but what is worth a look: in most runs there
        are, for each operation."""
        place = self._number(frame, call)
        way = lane.place << EDGE_BITS | place
        lane.place = place
        entries = lane.planned.get(way)
        planned = None if entries is None else next(entries, None)
        if self._notices:
            self._cut_at = now_ns = self.now_ns()
            took_ns = now_ns - lane.resumed_at
            if took_ns >= NOTABLE_NS or planned is None or planned[0] + planned[1] >= NOTABLE_NS:
                self._look_closely(lane, way, planned, call, leaves=leaves)
            elif took_ns > self._operation_ns:
                self.noticed.total_ns += took_ns - self._operation_ns
        if planned is None:
            planned = self._elsewhere(self._planned, way)
        if kind == PY and self.note is None and not self._planned.free:
            computed_ns, waited_ns = planned
            if computed_ns:
                lane.owe(computed_ns if self.python_factor == 1.0 else round(computed_ns * self.python_factor), PY)
            if waited_ns:
                lane.owe(waited_ns, WAIT)
        else:
            share = self._planned.free.get(way, 0.0) if kind == PY else 0.0
            self._charge(lane, planned, kind, share, frame, memory_bytes)

    def _look_closely(self, lane: Lane, way: int, planned: Taken | None, call: str, *, leaves: bool) -> None:
        """Write a segment down that is long, or planned to be, without what measuring it added."""
        taken = self._took(lane, self._call_ns if call else self._leave_ns if leaves else self._operation_ns)
        self.noticed.total_ns += taken[0] + taken[1]
        expected = self._planned.elsewhere.get(way, _NOTHING) if planned is None else planned
        if taken[0] >= NOTABLE_NS or expected[0] + expected[1] >= NOTABLE_NS:
            turn = -1 if planned is None else self._planned.turn(lane.origin, way, lane.planned[way])
            self.noticed.segments.append((lane.origin, way, turn, taken))

    def _charge(self, lane: Lane, taken: Taken, kind: int, share: float, frame: FrameType, memory_bytes: int) -> None:
        computed_ns, waited_ns = taken
        if computed_ns:
            if kind != PY:
                self._owe(lane, computed_ns, kind, frame, memory_bytes)
            elif share or self.python_factor != 1.0 or self.note is not None:
                self._owe_python(lane, computed_ns, share, frame)
            else:
                lane.owe(computed_ns, PY)
        if waited_ns:
            self._owe(lane, waited_ns, WAIT, frame)

    def _took(self, lane: Lane, own_ns: int) -> Taken:
        """What the segment that ends now really took, without what measuring it added."""
        self._cut_at = now_ns = self.now_ns()
        elapsed_ns = now_ns - lane.resumed_at - own_ns
        if self.stand_ins is not None:
            elapsed_ns -= self.stand_ins.passed_ns
        if elapsed_ns > LONG_NS:
            if self._sampler is not None:
                self._seen = self._sampler.seen()
            return self._stopwatch.close_look(elapsed_ns)
        return (elapsed_ns, 0) if elapsed_ns > 0 else _NOTHING

    def _elsewhere(self, plan: Plan, way: int) -> Taken:
        self.unplanned += 1
        return plan.elsewhere.get(way, _NOTHING)

    def _owe_python(self, lane: Lane, computed_ns: int, share: float, frame: FrameType) -> None:
        free_ns = round(computed_ns * share)
        self._owe(lane, round((computed_ns - free_ns) * self.python_factor), PY, frame)
        self._owe(lane, free_ns, NOGIL, frame)

    def _owe(self, lane: Lane, duration_ns: int, kind: int, frame: FrameType, memory_bytes: int = 0) -> None:
        if duration_ns:
            lane.owe(duration_ns, kind, memory_bytes)
            if self.note is not None:
                self.note(lane, kind, duration_ns, frame)

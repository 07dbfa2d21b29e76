"""How fast what runs on a GPU goes: shares of the SMs, the links, and device memory filled like communicating vessels.

It is the fluid half of the device: it knows pieces of work and their rates, and nothing of streams, events or queues.
Who starts when is not its question.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .device_profile import BLOCKS_PER_SM_MAX, DeviceProfile

ONE = 10**12
"""The rate 1 (alone on the device): work is counted in whole units of 10**-12 ns, so that settling it is exact."""
FULL = 20 * math.lcm(*range(1, 33))
"""All SMs, in shares: a number that 1/n divides for n to 32, whole per mille parts of 5, and numbers of SMs of 132."""


def shares_of(demand: float | Fraction) -> int:
    """A part of the device, 0 to 1, in shares (at least one, unless it is 0)."""
    return max(1, round(demand * FULL)) if demand else 0


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of work that wants the same all along.

    Attributes:
        units: How long it takes alone, in units of 10**-12 ns.
        shares: Of the SMs, that it can use.
        draw: What it moves in device memory when alone, in 10**-12 bytes per nanosecond.
        link: The direction of the link that it uses; empty for none.
    """

    units: int
    shares: int = 0
    draw: int = 0
    link: str = ""


class Work:
    """Something that goes on at a rate.

    Attributes:
        owner: Whose it is.
        phases: What it consists of, one after the other.
        held: It occupies what it has and gets nowhere, until somebody clears this (and says :meth:`Fluid.change`).
        granted: The shares it has now.
        rate: Units per nanosecond now.
    """

    __slots__ = ("_at", "_left", "_settled_ns", "ends_ns", "granted", "held", "owner", "phases", "rate")

    def __init__(self, owner: Any, phases: Sequence[Phase], *, held: bool = False) -> None:
        self.owner = owner
        self.phases = [phase for phase in phases if phase.units] or list(phases[:1]) or [Phase(0)]
        self.held = held
        self.granted = 0
        self.rate = -1
        self.ends_ns: int | None = None
        """When the present phase is over at this rate; None: never."""
        self._at = 0
        self._left = self.phases[0].units
        self._settled_ns = 0

    @property
    def phase(self) -> Phase:
        return self.phases[self._at]

    @property
    def is_nothing(self) -> bool:
        """Is it over as soon as it starts?"""
        return not (self._left or self.held)

    def go(self, rate: int, now: int) -> None:
        """Go on at this rate; the phase ends at the nearest whole nanosecond (the later of two)."""
        self._settle(now)
        self.rate = rate
        self.ends_ns = now + (2 * self._left + rate) // (2 * rate) if rate else None

    def next_phase(self, now: int) -> bool:
        """The present phase is over; is there another one? What was missing or too much is carried over to it."""
        self._settle(now)
        self.rate = -1
        while self._at + 1 < len(self.phases):
            self._at += 1
            self._left += self.phase.units
            if self._left > 0:
                return True
        return False

    def _settle(self, now: int) -> None:
        if self.rate > 0:
            self._left -= (now - self._settled_ns) * self.rate
        self._settled_ns = now


def water_fill(demands: Sequence[int], capacity: int) -> list[int]:
    """What each gets when everybody has the same right to ``capacity`` and nobody gets more than demanded.

    Max-min fairness: repeatedly all unsatisfied ones have the same share of what is left, and those who demand less get
    their demand. Rounded down to whole units.
    """
    got = [0] * len(demands)
    order = sorted(range(len(demands)), key=demands.__getitem__)
    for place, which in enumerate(order):
        got[which] = min(demands[which], capacity // (len(order) - place))
        capacity -= got[which]
    return got


class Fluid:
    """Everything that runs, in the order in which it started, and how fast.

    *SMs*: in start order each gets what it can use of what is left (the "leftover" policy): a later one takes nothing
    from an earlier one, and takes over what is given back. With a part of its shares a kernel goes at that part of its
    speed. *Links*: copies of one direction share it; the other direction at work costs both the duplex factor.
    *Device memory*: if all demands together exceed the bandwidth, it is shared by :func:`water_fill`, and those who get
    less than their demand go slower by that much; they keep their SMs. A solo time contains its own memory traffic, so a
    demand beyond the whole bandwidth counts as the whole.

    *Rounding*: rates are rounded down to 10**-12, work is settled exactly, phases end at the nearest nanosecond and
    carry the difference over: an operation ends within half a nanosecond, and 10**-11 of its length, of its exact end.
    """

    def __init__(self, profile: DeviceProfile) -> None:
        self.running: dict[Work, None] = {}
        self.free = FULL
        """Shares that nobody has."""
        self.least = FULL // (profile.sm_count * BLOCKS_PER_SM_MAX)
        """The room of a block: with less left nobody starts."""
        self._capacity = profile.hbm_bytes_per_s * ONE // 10**9
        self._duplex = round(profile.duplex_factor * ONE)
        self._changed = False

    def has_room(self, shares: int) -> bool:
        """Could somebody who can use so many shares start?"""
        return self.free >= min(shares, self.least)

    def start(self, work: Work) -> None:
        self.running[work] = None
        work.granted = min(work.phase.shares, self.free)
        self.free -= work.granted
        self._changed = True

    def change(self) -> None:
        """Somebody is held no longer."""
        self._changed = True

    def over(self, now: int) -> list[Work]:
        """Take away, and return, what is done by now; give its shares, and those of a finished phase, to others."""
        done: list[Work] = []
        for work in self.running:
            if work.ends_ns is not None and work.ends_ns <= now:
                self._changed = True
                if not work.next_phase(now):
                    done.append(work)
        for work in done:
            del self.running[work]
        if self._changed:
            self.free = FULL
            for work in self.running:
                work.granted = min(work.phase.shares, self.free)
                self.free -= work.granted
        return done

    def set_rates(self, now: int) -> bool:
        """Bring all rates up to date; False when nothing had changed."""
        if not self._changed:
            return False
        self._changed = False
        for work, rate in zip(self.running, self._rates(), strict=True):
            if rate != work.rate:
                work.go(rate, now)
        return True

    def next_end_ns(self) -> int | None:
        """When something will be over next, as things are."""
        return min((work.ends_ns for work in self.running if work.ends_ns is not None), default=None)

    def _rates(self) -> list[int]:
        copies = Counter(work.phase.link for work in self.running)
        del copies[""]
        link = self._duplex if len(copies) > 1 else ONE
        rates: list[int] = []
        for work in self.running:
            phase = work.phase
            if work.held:
                rates.append(0)
            elif phase.link:
                rates.append(link // copies[phase.link])
            elif phase.shares:
                rates.append(ONE * work.granted // phase.shares)
            else:
                rates.append(ONE)
        # Rounded up, so that no rounding makes anybody faster than it should be.
        demands = [
            -(-min(work.phase.draw, self._capacity) * rate // ONE)
            for work, rate in zip(self.running, rates, strict=True)
        ]
        if sum(demands) <= self._capacity:
            return rates
        got = water_fill(demands, self._capacity)
        return [
            rate * part // demand if part < demand else rate
            for rate, part, demand in zip(rates, got, demands, strict=True)
        ]

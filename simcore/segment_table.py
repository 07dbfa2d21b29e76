"""What the segments of a program took in repeated runs: samples, their medians, and draws from them.

A segment is the code between two operations of a thread. It is found again in another run by the work that the thread
is at (an item that it got from a queue or a pool; else its own), by the places where the segment begins and ends, and
by how often that work has come that way before. This room keeps numbers; it knows neither clocks nor worlds.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from operator import length_hint

import msgspec

from .origins import Origins
from .sites import Site, Sites, begin_of, edge, end_of

Taken = tuple[int, int]
"""Nanoseconds that a segment computed, and waited in the system (for a disk, say)."""
Ways = dict[int, list[Taken]]
"""By edge (the places where a segment begins and ends), what it took each time."""
Run = dict[int, Ways]
"""The segments of one run, by the work they belong to (:class:`Origins`)."""
Row = tuple[Taken | None, ...]
"""The samples of one segment."""
_NOTHING: Taken = (0, 0)

NOTABLE_NS = 20_000
"""Shorter segments are not asked whether they are the same work as in the other runs."""
ALIKE = 1.5
"""By what factor a segment may leave the range of its samples and still be taken for the same work."""


@dataclass(slots=True)
class Plan:
    """What each segment of one run is to take. Work or a turn that is not known takes what its place takes elsewhere."""

    run: Run
    elsewhere: dict[int, Taken] = field(default_factory=dict[int, Taken])
    """By edge."""
    free: dict[int, float] = field(default_factory=dict[int, float])
    """By edge, the share of the computation that does not hold the GIL."""

    def work(self, origin: int) -> dict[int, Iterator[Taken]]:
        """What the segments of one thread or item take, in order; to be used up by one run."""
        return {way: iter(taken) for way, taken in self.run.get(origin, {}).items()}

    def turn(self, origin: int, way: int, left: Iterator[Taken]) -> int:
        """Which turn was taken last from ``left``, one of the iterators of :meth:`work`."""
        return len(self.run[origin][way]) - length_hint(left) - 1

    def lasting(self, whole_ns: int) -> Plan:
        """The same, all faster or slower alike, so that it takes ``whole_ns`` in all."""
        factor = whole_ns / max(total_ns(self.run), 1)
        run = {origin: _scaled(ways, dict.fromkeys(ways, factor)) for origin, ways in self.run.items()}
        return Plan(run, self.elsewhere, self.free)


@dataclass(slots=True)
class Noticed:
    """Of one run, what :meth:`SegmentTable.strangeness_of` needs: all its time, and the segments that are worth a look."""

    total_ns: int = 0
    segments: list[tuple[int, int, int, Taken]] = field(default_factory=list[tuple[int, int, int, Taken]])
    """Work, edge, turn (-1: one more than planned), and what it took."""


class SegmentTable:
    """The samples of one program with one set of parameters."""

    def __init__(self, sites: Sites, origins: Origins) -> None:
        self.sites = sites
        self.origins = origins
        self.runs: list[Run] = []
        self.free: dict[int, float] = {}
        """By edge, the share of its computation in which the GIL was free, as the probe saw it."""
        self._medians: Plan | None = None
        self._drawn: dict[str, Plan] = {}
        self._spread_ns: int | None = None
        self._noise: float | None = None

    def add(self, run: Run) -> None:
        self.runs.append(run)
        self._drawn.clear()
        self._medians = self._spread_ns = self._noise = None

    def medians(self) -> Plan:
        """Every segment takes the median of its samples."""
        if self._medians is None:
            self._medians = self._plan(_median)
        self._medians.free = self.free
        return self._medians

    def drawn(self, seed: str) -> Plan:
        """Every segment takes one of its samples, drawn by ``seed``."""
        found = self._drawn.get(seed)
        if found is None:
            found = self._drawn[seed] = self._plan(random.Random(seed).choice)
        found.free = self.free
        return found

    def repeated(self, number: int) -> Plan:
        """Every segment takes what it took in one of the runs: noise that all segments of a run share is kept."""
        return Plan(self.runs[number], self.medians().elsewhere, self.free)

    def _plan(self, choose: Callable[[list[Taken]], Taken]) -> Plan:
        chosen = {origin: _chosen(self._rows(origin), choose) for origin in self._origins()}
        together: dict[int, list[Taken]] = {}
        for run in self.runs:
            for ways in run.values():
                for way, taken in ways.items():
                    together.setdefault(way, []).extend(taken)
        return Plan(chosen, {way: choose(taken) for way, taken in together.items()}, self.free)

    def _origins(self) -> Iterable[int]:
        return dict.fromkeys(origin for run in self.runs for origin in run)

    def _rows(self, origin: int) -> Iterator[tuple[int, Iterator[Row]]]:
        """By edge, the samples of each turn."""
        found = [run.get(origin, {}) for run in self.runs]
        for way in dict.fromkeys(way for ways in found for way in ways):
            yield way, zip_longest(*(ways.get(way, ()) for ways in found))

    def total_ns(self, number: int) -> int:
        """All computing and waiting of one run."""
        return total_ns(self.runs[number])

    # What the samples say about each other.

    def spread_ns(self) -> int:
        """How far apart the ends of two runs with these samples may well be: as far as the measured runs are in all, and
        by four standard deviations when every segment is drawn by itself."""
        spread_ns = self._spread_ns
        if spread_ns is None:
            totals = [total_ns(run) for run in self.runs] or [0]
            variance = sum((largest - smallest) * (largest - smallest) for smallest, largest in self._ranges()) / 12
            spread_ns = self._spread_ns = max(totals) - min(totals) + round(4 * math.sqrt(variance))
        return spread_ns

    def noise(self) -> float:
        """How strange the strangest of the runs looks to the others, though all did the same work."""
        if self._noise is None:
            numbers = range(len(self.runs) if len(self.runs) > 1 else 0)
            self._noise = max((self._strangeness(self.runs[number], number) for number in numbers), default=0.0)
        return self._noise

    def _ranges(self) -> Iterator[tuple[int, int]]:
        for origin in self._origins():
            for _, rows in self._rows(origin):
                for row in rows:
                    totals = [sum(taken) for taken in row if taken is not None]
                    yield min(totals), max(totals)

    def strangeness(self, run: Run) -> float:
        """The share of a run's time by which it differs from this table in segments that are plainly other work."""
        return self._strangeness(run, None)

    def strangeness_of(self, noticed: Noticed) -> float:
        """The same, of a run of which only the notable segments were written down."""
        off_ns = sum(self._off_ns(*segment, None) for segment in noticed.segments)
        return off_ns / max(noticed.total_ns, 1)

    def _strangeness(self, run: Run, but: int | None) -> float:
        """As all runs ``but`` one see it."""
        plan, off_ns = self.medians().run, 0
        for origin, ways in run.items():
            planned = plan.get(origin, {})
            for way, taken in ways.items():
                for turn, (pair, expected) in enumerate(zip_longest(taken, planned.get(way, ()))):
                    if pair is None:
                        break
                    if (
                        pair[0] >= NOTABLE_NS
                        or sum(expected or self.medians().elsewhere.get(way, _NOTHING)) >= NOTABLE_NS
                    ):
                        off_ns += self._off_ns(origin, way, turn, pair, but)
        return off_ns / max(total_ns(run), 1)

    def _off_ns(self, origin: int, way: int, turn: int, taken: Taken, but: int | None) -> int:
        """How far a segment is from its samples, when it is plainly other work; else 0."""
        samples: list[int] = []
        for number, run in enumerate(self.runs):
            if number != but and origin in run:
                row = run[origin].get(way, ())
                if 0 <= turn < len(row):
                    samples.append(sum(row[turn]))
        samples = samples or [sum(self.medians().elsewhere.get(way, _NOTHING))]
        took = sum(taken)
        if max(took, *samples) < NOTABLE_NS or min(samples) / ALIKE <= took <= max(samples) * ALIKE:
            return 0
        return abs(took - round(statistics.median(samples)))

    def scaled(self, factors: Mapping[int, float]) -> SegmentTable:
        """The same with every sample multiplied by the factor of its edge."""
        result = SegmentTable(self.sites, self.origins)
        result.free = self.free
        for run in self.runs:
            result.add({origin: _scaled(ways, factors) for origin, ways in run.items()})
        return result

    def heavy(self, shortest_ns: int) -> dict[int, int]:
        """By edge, the time of its segments of at least ``shortest_ns``, over all runs."""
        found: dict[int, int] = {}
        for run in self.runs:
            for ways in run.values():
                for way, taken in ways.items():
                    spent = sum(computed for computed, _ in taken if computed >= shortest_ns)
                    if spent:
                        found[way] = found.get(way, 0) + spent
        return found

    # To and from another process.

    def encode(self) -> bytes:
        """As bytes, places and origins written out: numbers differ between processes."""
        sites = [self.sites[number] for number in range(len(self.sites))]
        runs = [[(origin, [*ways.items()]) for origin, ways in run.items()] for run in self.runs]
        return msgspec.msgpack.encode((sites, self.origins.names(), runs, [*self.free.items()]))

    @classmethod
    def decode(cls, data: bytes, sites: Sites, origins: Origins) -> SegmentTable:
        """A table from :meth:`encode`, in the numbers of ``sites`` and ``origins``."""
        content = msgspec.msgpack.decode(data, type=_Content)
        places = [sites.add(site) for site in content[0]]
        names = origins.adopt(content[1])

        def renumbered(way: int) -> int:
            return edge(places[begin_of(way)], places[end_of(way)])

        table = cls(sites, origins)
        for run in content[2]:
            table.add({names[origin]: {renumbered(way): taken for way, taken in ways} for origin, ways in run})
        table.free = {renumbered(way): share for way, share in content[3]}
        return table


_Content = tuple[
    list[Site], list[tuple[int, int]], list[list[tuple[int, list[tuple[int, list[Taken]]]]]], list[tuple[int, float]]
]


def total_ns(run: Run) -> int:
    """All computing and waiting of one run."""
    return sum(computed + waited for ways in run.values() for taken in ways.values() for computed, waited in taken)


def _chosen(rows: Iterable[tuple[int, Iterator[Row]]], choose: Callable[[list[Taken]], Taken]) -> Ways:
    return {way: [choose([taken for taken in row if taken is not None]) for row in found] for way, found in rows}


def _median(samples: Sequence[Taken]) -> Taken:
    if len(samples) == 1:
        return samples[0]
    return _middle([pair[0] for pair in samples]), _middle([pair[1] for pair in samples])


def _middle(values: list[int]) -> int:
    """Their median; the commonest call of a large program, so without :mod:`statistics`' checks."""
    values.sort()
    half, odd = divmod(len(values), 2)
    return values[half] if odd else round((values[half - 1] + values[half]) / 2)


def _scaled(ways: Ways, factors: Mapping[int, float]) -> Ways:
    result: Ways = {}
    for way, taken in ways.items():
        factor = factors.get(way, 1.0)
        result[way] = [(round(computed * factor), round(waited * factor)) for computed, waited in taken]
    return result

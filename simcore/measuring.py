"""What the segments of a program take: measured in repeated runs, once for each set of parameters.

The first measured run goes by its own times. The others follow it, in virtual time, to the nanosecond, so that each of
their segments is the same work again; what they differ in is noise. Then the medians are put in the place of the first
run's times. Where that changes who does what so much that segments are plainly other work, it is measured for that
configuration by itself, and if that does not help, the first run's own times stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

from .code_shares import CodeShares
from .gil_probe import PROBED_NS_MIN, can_probe, sampling, share
from .locate import TargetError
from .origins import Origins
from .predicted import Configuration, PredictionError
from .scaled_code import ScaledCode, unknown_name
from .segment_table import Plan, SegmentTable, total_ns
from .simulator import Simulated, Simulator
from .sites import Site, Sites, begin_of, edge, end_of
from .timed_record import TimedRun

DISTURBANCE_MAX = 0.02
"""Runs that waited longer for a real core, as a share of their time, are left out while enough others remain."""
STRANGE_MAX = 0.05
"""From this share of a run's time on that is other work than was measured, beyond what noise makes look so, it is
measured again."""
NEGLIGIBLE = 0.002
"""Code that takes less than this share of what the threads compute in all, the rest being said by ``weft.work``, is
left out: a sweep is twice as fast without it."""
PROBED_SHARE_MIN = 0.01
"""A share of all time that long segments without a class must have for a run to find it out."""


@dataclass(slots=True)
class Measured:
    """What is known about one program with one set of parameters."""

    at: Configuration | None
    """Where it was measured; None: in another process."""
    table: SegmentTable
    own: Plan
    """What the first run took: only there each segment's time is for certain that of the work which was done."""
    limits: list[str] = field(default_factory=list[str])
    disturbance: float = 0.0
    native_share: float = 0.0
    probed: dict[int, float] = field(default_factory=dict[int, float])
    """By edge, the share of long segments that does not hold the GIL."""
    negligible: bool = False
    """Nearly all time is given by ``weft.work``, so that the segments are not worth their trouble."""
    unfinished: TimedRun | None = None
    """The run that did not come to its end, when one did not."""

    def encode(self) -> bytes:
        """For :meth:`decode` in another process; without an unfinished run."""
        sites = self.table.sites
        probed = [(sites[begin_of(way)], sites[end_of(way)], found) for way, found in self.probed.items()]
        shares = (self.disturbance, self.native_share)
        return msgspec.msgpack.encode((self.table.encode(), self.limits, shares, probed, self.negligible))

    @classmethod
    def decode(cls, data: bytes, sites: Sites, origins: Origins) -> Measured:
        content = msgspec.msgpack.decode(data, type=_Content)
        table = SegmentTable.decode(content[0], sites, origins)
        probed = {edge(sites.add(begin), sites.add(end)): found for begin, end, found in content[3]}
        return cls(None, table, table.medians(), content[1], *content[2], probed, content[4])


_Content = tuple[bytes, list[str], tuple[float, float], list[tuple[Site, Site, float]], bool]


@dataclass(slots=True)
class Predicted:
    """The run that is the prediction, and what it stands on."""

    measured: Measured
    table: SegmentTable
    """The measurements, with what the configuration scales."""
    plan: Plan | None
    """What its segments took; None: nothing."""
    made: Simulated
    strangeness: float = 0.0
    """The share of its time that was plainly other work than was measured at its place."""
    code: ScaledCode | None = None
    """What the configuration scales."""
    full: bool = False
    """It was made with a full trace."""


class Measuring:
    """Measures, and keeps what it has measured."""

    def __init__(self, simulator: Simulator, repeat: int, probe: bool, made: Callable[[], None]) -> None:
        self._simulator = simulator
        self._repeat = repeat
        self._probes = probe and can_probe()
        self._made = made
        """Called after every measured run."""
        self._warm = False
        self._scaled: dict[str, tuple[ScaledCode, SegmentTable, SegmentTable]] = {}
        """By the parameters, the table, and what is scaled; the table, too, so that its ``id`` stays its own."""
        self.measured: dict[str, Measured] = {}
        """By the parameters, and by the whole configuration where it had to be measured by itself."""

    def of(self, configuration: Configuration) -> Measured:
        """What the segments take with these parameters, measured here unless it is known."""
        for key in (_key(configuration), parameters_key(configuration)):
            found = self.measured.get(key)
            if found is not None and (found.unfinished is None or found.at == configuration):
                return found
        plain = replace(configuration, scale={}, free_locks=())
        found = self.measured[parameters_key(configuration)] = self._measure(plain)
        return found

    def predict(self, configuration: Configuration, *, events: bool = False) -> Predicted:
        """The run in which every segment takes its median; ``events`` gives it a full trace.

        Raises:
            PredictionError: the program failed, or what is to be scaled or free is not there.
        """
        result = self._predicted(configuration, events)
        result.full = events
        return result

    def _predicted(self, configuration: Configuration, events: bool) -> Predicted:
        measured = self.of(configuration)
        if configuration.scale and measured.unfinished is None:
            code, table = self._scaled_once(configuration, measured.table)
            made = self._simulator.simulate(configuration, table.medians(), scale=code, events=events)
            return Predicted(measured, table, table.medians(), made, code=code)
        result = self._with_medians(configuration, measured, events)
        if result.strangeness > STRANGE_MAX and measured.at != configuration:
            measured = self.measured[_key(configuration)] = self._measure(configuration)
            result = self._with_medians(configuration, measured, events)
        if result.strangeness > STRANGE_MAX:
            result.plan = measured.own
            result.made = self._simulator.simulate(configuration, measured.own, record=True, events=events)
        return result

    def _with_medians(self, configuration: Configuration, measured: Measured, events: bool) -> Predicted:
        table = measured.table
        plan = table.medians()
        if measured.unfinished is not None:
            return Predicted(measured, table, plan, Simulated(measured.unfinished, {}))
        if measured.negligible:
            return Predicted(
                measured, table, None, self._simulator.simulate(configuration, nothing=True, events=events)
            )
        result = self._checked(configuration, measured, events)
        if result.strangeness > STRANGE_MAX and not self._warm:
            self._warm = True  # what was measured elsewhere is new to this process: its first times say little
            result = self._checked(configuration, measured, events)
        return result

    def _checked(self, configuration: Configuration, measured: Measured, events: bool) -> Predicted:
        """With the medians, and how much of it was other work than was measured at its place."""
        table = measured.table
        plan = table.medians()
        made = self._simulator.simulate(configuration, plan, notice=True, events=events)
        return Predicted(measured, table, plan, made, beyond_noise(table, made))

    def _measure(self, configuration: Configuration) -> Measured:
        simulator = self._simulator
        table = SegmentTable(simulator.sites, simulator.origins)
        if not self._warm:
            first = simulator.simulate(configuration)
            self._warm = True
            if not first.run.completed:
                return Measured(configuration, table, Plan({}), unfinished=first.run)
        runs: list[Simulated] = []
        own: Plan | None = None
        for _ in range(self._repeat):
            made = simulator.simulate(configuration, own, record=True)
            self._made()
            if not made.run.completed:
                return Measured(configuration, table, Plan({}), unfinished=made.run)
            runs.append(made)
            own = own or Plan(made.segments)
            if _is_negligible(made):
                break
        assert own is not None
        for made in _undisturbed(runs):
            table.add(made.segments)
        own.elsewhere = table.medians().elsewhere
        measured = Measured(
            configuration,
            table,
            own,
            limits=runs[0].run.limits,
            disturbance=max(made.run.disturbance for made in _undisturbed(runs)),
            native_share=max(made.native_share for made in runs),
            negligible=_is_negligible(runs[0]),
        )
        if not measured.negligible:
            self._probe(measured)
        return measured

    def _probe(self, measured: Measured) -> None:
        """Find out which of the long segments hold the GIL, where that is not known."""
        assert measured.at is not None
        table = measured.table
        sites = table.sites
        heavy = {way: spent for way, spent in table.heavy(PROBED_NS_MIN).items() if not sites[end_of(way)].call}
        whole_ns = sum(table.total_ns(number) for number in range(len(table.runs)))
        if self._probes and sum(heavy.values()) > PROBED_SHARE_MIN * whole_ns:
            with sampling() as sampler:
                made = self._simulator.simulate(measured.at, measured.own, sampler=sampler)
            assert made.meter is not None
            for way, seen in made.meter.free.items():
                found = share(seen)
                if found is not None and way in heavy:
                    measured.probed[way] = found
        table.free = measured.own.free = {way: found for way, found in measured.probed.items() if found}

    # What-ifs.

    def _scaled_once(self, configuration: Configuration, table: SegmentTable) -> tuple[ScaledCode, SegmentTable]:
        """:meth:`scaled`, kept: how much of a segment is in some code does not hang on the machine, nor on the GIL."""
        key = f"{parameters_key(configuration)} {id(table)} {configuration.scale}"
        found = self._scaled.get(key)
        if found is None:
            code = ScaledCode(configuration.scale)
            found = self._scaled[key] = (code, self.scaled(configuration, table, code), table)
        return found[:2]

    def scaled(self, configuration: Configuration, table: SegmentTable, code: ScaledCode) -> SegmentTable:
        """``table`` with the time of some code multiplied, by the shares that a traced run finds.

        Raises:
            PredictionError: a name that nothing in the program has.
        """
        shares = CodeShares(code, self._simulator.stopwatch.now_ns)
        plain = replace(configuration, scale={}, free_locks=())
        with shares.tracing():
            self._simulator.simulate(plain, table.medians(), scale=code, shares=shares)
        for name in code.unknown():
            text = unknown_name("function, library call or line", name, code.functions)
            raise PredictionError(text) from TargetError(text)
        return table.scaled(shares.factors())


def beyond_noise(table: SegmentTable, made: Simulated) -> float:
    """By how much a run that was looked at is stranger to the table than the table's own runs are to each other, as a
    share of all that its threads compute: ``weft.work`` is never strange."""
    if not made.run.completed:
        return 0.0
    assert made.meter is not None
    noticed = made.meter.noticed
    strangeness = max(table.strangeness_of(noticed) - table.noise(), 0.0)
    return strangeness * noticed.total_ns / max(noticed.total_ns, _running_ns(made))


def _undisturbed(runs: list[Simulated]) -> list[Simulated]:
    quiet = [made for made in runs if made.run.disturbance <= DISTURBANCE_MAX]
    return quiet if 2 * len(quiet) >= len(runs) else runs


def _is_negligible(made: Simulated) -> bool:
    return total_ns(made.segments) < NEGLIGIBLE * _running_ns(made)


def _running_ns(made: Simulated) -> int:
    return sum(thread.time_in["running"] for thread in made.run.threads)


def parameters_key(configuration: Configuration) -> str:
    """The same for all configurations with these parameters."""
    return repr(sorted(configuration.params.items(), key=lambda item: item[0]))


def _key(configuration: Configuration) -> str:
    return repr((parameters_key(configuration), configuration.cores, configuration.gil, configuration.free_locks))


def place_of(sites: Sites, way: int) -> str:
    """Where a segment is: ``file.py:12``, or from one line to another."""
    begin, end = sites[begin_of(way)], sites[end_of(way)]
    if not begin.file or str(begin) == str(end):
        return str(end)
    if (begin.file, begin.function) == (end.file, end.function) and begin.line < end.line:
        return f"{begin}-{end.line}"
    return f"{begin} to {end}"

"""One program, simulated again and again: the same but for the configuration and for what its segments cost.

It turns a run that the program spoiled into one clear error; it compares nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .code_shares import CodeShares
from .free_locks import FreeLocks
from .gil_probe import Sampler
from .locate import TargetError
from .metering import Meter, OwnCost
from .origins import Origins
from .own_cost import own_costs
from .predicted import Configuration, PredictionError
from .profile import Profile
from .scaled_code import ScaledCode, unknown_name
from .segment_table import Plan, Run
from .sites import Sites
from .stopwatch import Stopwatch
from .timed import MAX_SECONDS, TimedWorld, simulate_once
from .timed_record import TimedRun


@dataclass(slots=True)
class Simulated:
    """What one run came to, in virtual time and in real time."""

    run: TimedRun
    segments: Run
    """What its segments really took, when that was recorded."""
    meter: Meter | None = None
    native_share: float = 0.0
    """CPU time that threads of libraries used beside the program's own, as a share of real time."""


class Simulator:
    """Runs ``run(params)`` in the timed world. Everything that is the same for all configurations is said once."""

    def __init__(
        self,
        run: Callable[[dict[str, Any]], object],
        *,
        profile: Profile | None = None,
        measure: bool = True,
        handover: Literal["barging", "fifo"] = "barging",
        seed: int = 0,
        target: str = "",
        max_seconds: float = MAX_SECONDS,
        real_seconds_max: float = 600.0,
        inheritance: bool = False,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self.profile = profile or Profile()
        self.measure = measure
        self.seed = seed
        self.sites = Sites()
        self.origins = Origins()
        self.stopwatch = stopwatch or Stopwatch()
        self._has_own_costs = stopwatch is None
        self._run = run
        self._handover: Literal["barging", "fifo"] = handover
        self._target = target
        self._max_seconds = max_seconds
        self._real_seconds_max = real_seconds_max
        self._inheritance = inheritance

    def simulate(
        self,
        configuration: Configuration,
        plan: Plan | None = None,
        *,
        record: bool = False,
        notice: bool = False,
        sampler: Sampler | None = None,
        scale: ScaledCode | None = None,
        shares: CodeShares | None = None,
        nothing: bool = False,
        events: bool = False,
    ) -> Simulated:
        """One run; without a plan, segments cost what they take, or ``nothing`` but what ``weft.work`` says.

        Raises:
            PredictionError: the program failed or did what cannot be simulated, or a lock that is to be free is unknown.
        """
        meter: Meter | None = None
        if shares is not None or (self.measure and not nothing):
            meter = Meter(
                self.sites,
                self.origins,
                self.stopwatch,
                plan=plan,
                record=record,
                notice=notice,
                own_cost=own_costs(simulate_once) if (record or notice) and self._has_own_costs else OwnCost(),
                sampler=sampler,
                follower=shares,
            )
        world = TimedWorld(
            cores=configuration.cores,
            gil=configuration.gil,
            profile=self.profile,
            measure=False,
            meter=meter,
            handover=self._handover,
            seed=self.seed,
            scheduler_events=events,
            target=self._target,
            parameters=configuration.params,
            max_seconds=self._max_seconds,
            real_seconds_max=self._real_seconds_max,
            inheritance=self._inheritance,
            scale=scale,
            free_locks=configuration.free_locks,
        )

        def program() -> None:
            self._run(configuration.params)

        native_ns, begun = self.stopwatch.process_ns(), self.stopwatch.read()
        result = world.run(program)
        ended = self.stopwatch.read()
        native_ns = self.stopwatch.process_ns() - native_ns - (ended.cpu_ns - begun.cpu_ns)
        _check(result)
        if world.free_locks is not None:
            _check_names(world.free_locks)
        return Simulated(
            result,
            {} if meter is None or meter.run is None else meter.run,
            meter,
            native_ns / max(ended.wall_ns - begun.wall_ns, 1) if self.stopwatch.sees_delays else 0.0,
        )


def _check(result: TimedRun) -> None:
    if result.refusal:
        raise PredictionError(result.refusal)
    for thread, error in result.failures:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            continue
        if thread == "MainThread" or not result.completed:
            raise PredictionError(
                f"the program failed in {thread}: {type(error).__name__}: {error}; "
                "run `weft check` on it, or mend it first"
            ) from error


def _check_names(free_locks: FreeLocks) -> None:
    for name in free_locks.unknown():
        text = unknown_name("lock", name, free_locks.seen)
        raise PredictionError(text) from TargetError(text)

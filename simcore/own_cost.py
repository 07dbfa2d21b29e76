"""What a segment measures beside the user's code: the way through our stand-ins, the clock's own time, cold caches.

Two small programs are measured segment by segment, and their code without anybody looking; the difference is taken off
every segment. It is as variable as everything on a busy machine, so that it is measured anew before every measured run.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import replace

from .metering import Meter, OwnCost
from .origins import Origins
from .primitives.lock import Lock
from .profile import IDEAL, Profile
from .segments import MeasuringWorld, Released, Watched
from .sites import Sites, end_of
from .stopwatch import Stopwatch, real_perf_counter_ns

_ROUNDS = 200
_SPINS = 100
"""Turns of an empty loop: some microseconds, so that the code has something to be slower in after we had the caches."""
_CALL = "nothing"
# An operation that costs something: its thread goes to the hub and back, as with any real profile.
_PROFILE = replace(IDEAL, lock_ns=1)

Simulate = Callable[[Profile, Meter, Callable[[MeasuringWorld], None]], object]


def own_costs(simulate: Simulate) -> OwnCost:
    """Some 100 to 1,000 ns each, as of now; measuring it takes some 10 ms.

    ``simulate`` makes one timed run of a program that is told its world.
    """
    code_ns, nothing_ns = _real_ns(_code), _real_ns(_nothing)
    between_operations, _ = _measured(simulate, _operations)
    before_calls, calls = _measured(simulate, _calls)
    return OwnCost(
        operation_ns=_beyond(code_ns, between_operations),
        leave_ns=_beyond(code_ns, before_calls),
        call_ns=_beyond(nothing_ns, calls),
        **_passes(),
    )


def _passes() -> dict[str, int]:
    """What our stand-ins cost on the way past them, where no segment ends."""
    from .segments_standard import passes

    return {
        name: max(_real_ns(ours) - _real_ns(theirs), 0) for name, (ours, theirs) in passes(Watched(_Nobody())).items()
    }


class _Nobody:
    """A world in which nothing runs."""

    measure = False
    meter: Meter | None = None

    def is_active(self) -> bool:
        return False

    def leave_python(self) -> bool:
        return False

    def enter_python(self, kind: int, memory_bytes: int, call: str) -> None:
        pass


def _operations(world: MeasuringWorld) -> None:
    lock = Lock()
    for _ in range(_ROUNDS):
        _code()
        with lock:
            _code()


def _calls(world: MeasuringWorld) -> None:
    call = Released(Watched(world), _CALL, _nothing)
    for _ in range(_ROUNDS):
        _code()
        call()


def _code() -> None:
    for _ in range(_SPINS):
        pass


def _nothing() -> None:
    return


def _measured(simulate: Simulate, program: Callable[[MeasuringWorld], None]) -> tuple[list[int], list[int]]:
    """What segments took with nothing taken off: those between, and library calls."""
    stopwatch, sites = Stopwatch(), Sites()
    meter = Meter(sites, Origins(), stopwatch, record=True)
    simulate(_PROFILE, meter, program)
    stopwatch.close()
    assert meter.run is not None
    found: tuple[list[int], list[int]] = [], []
    for ways in meter.run.values():
        for way, taken in ways.items():
            found[bool(sites[end_of(way)].call)].extend(computed for computed, _ in taken)
    return found


def _real_ns(code: Callable[[], object]) -> int:
    samples: list[int] = []
    for _ in range(_ROUNDS):
        begun_at = real_perf_counter_ns()
        code()
        samples.append(real_perf_counter_ns() - begun_at)
    nothing_at = real_perf_counter_ns()
    clock_ns = real_perf_counter_ns() - nothing_at
    return round(statistics.median(samples)) - clock_ns


def _beyond(alone_ns: int, samples: Iterable[int]) -> int:
    return max(round(statistics.median(samples)) - alone_ns, 0)

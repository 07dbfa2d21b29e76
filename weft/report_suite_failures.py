"""Where a suite's predictions fail: the configurations that are furthest off, and what the numbers say of the cause.

A cause is only named when a number of the result speaks for it; the sentence gives that number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .real_runs.suite_result import SuiteRow
from .report_numbers import percent, points
from .report_suite_breakdown import differences
from .report_suite_rows import Named, threads_in_words

WORST = 5
_EXPLAINS = 0.5
"""A number explains an error when it is at least this share of it."""
_STATE_MIN = 0.03
"""Three percentage points: a smaller difference between the breakdowns explains nothing."""
_STATES = {
    "running": "computing",
    "running or ready": "computing",
    "ready": "waiting for a core",
    "waiting": "waiting",
    "lock wait": "waiting for locks",
    "gil wait": "waiting for the GIL",
    "io": "sleeping or in I/O",
    "join wait": "waiting for threads to end",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One configuration: how far it is off, which way, the cause that the numbers speak for, and what else they say."""

    row: Named
    error: str
    way: str
    cause: str
    also: list[str]


def failures(rows: Sequence[Named]) -> list[Failure]:
    """The five judged configurations that are furthest off, worst first."""
    return _worst([each for each in rows if each.row.verdict in ("right", "wrong")], rows)


def outside(rows: Sequence[Named]) -> list[Failure]:
    """The same of those outside the envelope, where only a bound is given."""
    return _worst([each for each in rows if each.row.verdict == "bound only"], rows)


def _worst(chosen: Sequence[Named], rows: Sequence[Named]) -> list[Failure]:
    measured = [each for each in chosen if each.counted and each.row.error is not None]
    worst = sorted(measured, key=lambda each: -abs(each.row.error or 0.0))[:WORST]
    return [_failure(each, rows) for each in worst]


def _failure(each: Named, rows: Sequence[Named]) -> Failure:
    error = each.row.error or 0.0
    found = causes(each, rows)
    return Failure(
        row=each,
        error=percent(error, signed=True),
        way="predicted slower than it is" if error > 0 else "predicted faster than it is",
        cause=found[0] if found else "open, no number of this validation speaks for one",
        also=found[1:],
    )


def causes(each: Named, rows: Sequence[Named]) -> list[str]:
    """Sentences, the weightiest first."""
    row, error = each.row, each.row.error or 0.0
    found: list[str] = []
    if row.envelope_reason:
        found.append(row.envelope_reason)
    if row.note:
        found.append(row.note)
    if row.noise_floor is not None and row.noise_floor >= _EXPLAINS * abs(error):
        found.append(
            f"the machine's own noise: half of the real runs predict the rest with an error of {percent(row.noise_floor)}"
        )
    found += _slower_cores(row)
    found += _one_thread(each, rows)
    found += _pinning(each, rows)
    found += _booked(each)
    if row.raw_error is not None and abs(row.raw_error) <= (1 - _EXPLAINS) * abs(error):
        found.append(f"the rule that drops runs: with all of them the error is {percent(row.raw_error, signed=True)}")
    low, high = row.predicted_interval
    if row.measured_seconds is not None and low <= row.measured_seconds <= high:
        found.append("the segments' spread: the measured time lies inside the prediction's own interval")
    closer = _closer(each)
    return [*found, closer] if closer else found


def _slower_cores(row: SuiteRow) -> list[str]:
    """The same work took more processor time: no model of threads can know it."""
    error, excess = row.error or 0.0, row.cpu_excess
    if excess is None or error >= 0 or excess < _EXPLAINS * abs(error):
        return []
    return [
        f"the cores themselves were slower: its work took {percent(excess)} more processor time than when it was "
        "measured alone (busy neighbours on a core's other hardware thread, caches, the clock)"
    ]


def _one_thread(each: Named, rows: Sequence[Named]) -> list[str]:
    """The same error with one thread, where no thread waits for another: it is the segments that are wrong."""
    row, error = each.row, each.row.error or 0.0
    if row.threads == 1:
        return ["one thread only: the segments' own times are off, no model of threads is involved"]
    for other in rows:
        same = (other.row.workload, other.row.pinned) == (row.workload, row.pinned)
        if not same or other.row.threads != 1 or other.row.error is None:
            continue
        if other.row.error * error > 0 and abs(other.row.error) >= _EXPLAINS * abs(error):
            told = percent(other.row.error, signed=True)
            return [f"the segments' own times: with one thread the error is {told} already"]
    return []


def _pinning(each: Named, rows: Sequence[Named]) -> list[str]:
    """Right when pinned: the kernel placed the threads otherwise than the model."""
    row, error = each.row, each.row.error or 0.0
    if row.pinned:
        return []
    for other in rows:
        same = (other.row.workload, other.row.threads, other.row.params) == (row.workload, row.threads, row.params)
        if not same or not other.row.pinned or other.row.error is None:
            continue
        if abs(other.row.error) <= (1 - _EXPLAINS) * abs(error):
            return [f"placement: with threads pinned to cores the error is {percent(other.row.error, signed=True)}"]
    return []


def _booked(each: Named) -> list[str]:
    """The state whose share differs most between simulation and reality."""
    row = each.row
    if not row.measured_time_in or not row.time_in:
        return []
    state, change = differences(row.time_in, row.measured_time_in)[0]
    if abs(change) < _STATE_MIN:
        return []
    amount = points(abs(change)).removeprefix("+")
    way = "more" if change > 0 else "less"
    return [f"{_STATES.get(state, state)} takes {amount} {way} of the simulated threads' time than of the real ones'"]


def _closer(each: Named) -> str:
    """A simpler model that hits it: the term it lacks is too strong here."""
    row, error = each.row, abs(each.row.error or 0.0)
    if not row.measured_seconds:
        return ""
    found = sorted(
        (abs(value / row.measured_seconds - 1), name) for name, value in row.baselines.items() if name == "no gil term"
    )
    if found and found[0][0] <= (1 - _EXPLAINS) * error:
        return (
            f"the GIL's cost: the model without it is {percent(found[0][0])} off with {threads_in_words(row.threads)}"
        )
    return ""

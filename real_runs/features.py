"""What of a simulated run decides whether a prediction can be believed: lengths of segments, data, hand-overs.

It reads a timed trace with scheduler events; what follows from the numbers is for the envelope.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..checkers.critical_path import CriticalPath, critical_path, held
from ..checkers.timed_states import History, histories
from ..simcore.laws import Amdahl, CriticalPathBound
from ..simcore.trace import NOTHING, Trace

SHORT_NS = 20_000
"""GIL-free operations below this length do not scale as their own times say (measured: 1.03 times at 1.4 us, 1.4 times
at 2.5 us, 1.8 times at 9 us, and differently every time)."""


@dataclass(frozen=True, slots=True)
class Features:
    """Of one configuration. Shares are of all computing where nothing else is said; ``hand_over_share`` is of the critical
    path.

    None stands for what is not known: an envelope rule about it says nothing then.
    """

    threads: int
    """That compute."""
    cores: int
    gil: bool
    seconds: float | None = None
    """The predicted time."""
    short_share: float | None = None
    """Computed in GIL-free operations shorter than :data:`SHORT_NS`."""
    memory_share: float | None = None
    """Computed in operations that memory holds up."""
    hand_over_share: float | None = None
    """Between what one thread does and the other one being ready, or on its core for the first time."""
    load: float | None = None
    """How many threads want to compute at once, on average over the run: on a core, or waiting for one or for the GIL."""
    woken_share: float | None = None
    """What waking threads costs in all, on the critical path or not, of the time of the cores that its threads could
    use."""
    spread: float | None = None
    """Half the width of the prediction's own interval, relative to it."""


def features_of(
    trace: Trace, *, cores: int, gil: bool, seconds_interval: tuple[float, float] | None = None
) -> Features:
    """The features of a simulated run.

    Raises:
        NoTimeline: the trace has no scheduler events.
    """
    return features_and_path(trace, cores=cores, gil=gil, seconds_interval=seconds_interval)[0]


def features_and_path(
    trace: Trace, *, cores: int, gil: bool, seconds_interval: tuple[float, float] | None = None
) -> tuple[Features, CriticalPath]:
    """The features, and the critical path that they were read from: the longest part of the work.

    Raises:
        NoTimeline: the trace has no scheduler events.
    """
    found = histories(trace)
    path = critical_path(trace, found)
    computed = {index: _computed(history) for index, history in found.items()}
    computing = sum(bool(kinds) for kinds in computed.values())
    total_ns = sum(sum(kinds.values()) for kinds in computed.values())
    features = Features(
        threads=computing,
        cores=cores,
        gil=gil,
        seconds=path.duration_ns / 1e9,
        short_share=_share(computed.values(), "short", total_ns),
        memory_share=_share(computed.values(), "mem", total_ns),
        hand_over_share=_hand_over_share(trace, path),
        load=_load(found.values(), path.duration_ns),
        woken_share=_woken_share(trace, found.values(), path.duration_ns * max(min(computing, cores), 1)),
        spread=_spread(seconds_interval),
    )
    return features, path


def _hand_over_share(trace: Trace, path: CriticalPath) -> float:
    """Of the path: from waking a thread to its being ready. Who waits for a lock or the GIL waits for that, too, once
    they are given up."""
    costs: dict[str, Any] = trace.header.profile
    whole = {"lock": costs.get("handover_ns") or 0, "gil": costs.get("gil_handover_ns") or 0}
    spent_ns = 0
    for link in path.links:
        length_ns = link.end_ns - link.start_ns
        if link.kind in ("wake-up", "start"):
            spent_ns += length_ns
        elif link.kind in whole:
            spent_ns += min(length_ns, whole[link.kind])
    return spent_ns / path.duration_ns if path.duration_ns else 0.0


def _load(found: Iterable[History], whole_ns: int) -> float:
    wanting_ns = sum(
        stretch.end_ns - stretch.start_ns
        for history in found
        for stretch in history.stretches
        if stretch.doing in ("running", "ready", "gil")
    )
    return wanting_ns / whole_ns if whole_ns else 0.0


def _woken_share(trace: Trace, found: Iterable[History], cores_ns: int) -> float:
    each_ns: int = trace.header.profile.get("handover_ns") or 0
    times = sum(stretch.doing == "blocked" for history in found for stretch in history.stretches)
    return each_ns * times / cores_ns if cores_ns else 0.0


def _computed(history: History) -> dict[str, int]:
    """Nanoseconds by class; GIL-free pieces that are too short are a class of their own."""
    found: dict[str, int] = {}
    for piece in history.pieces:
        length_ns = piece.end_ns - piece.start_ns
        kind = "short" if piece.kind == "nogil" and length_ns < SHORT_NS else piece.kind
        found[kind] = found.get(kind, 0) + length_ns
    return found


def _share(computed: Iterable[dict[str, int]], kind: str, total_ns: int) -> float:
    return sum(kinds.get(kind, 0) for kinds in computed) / total_ns if total_ns else 0.0


def _spread(interval: tuple[float, float] | None) -> float | None:
    if interval is None or sum(interval) <= 0:
        return None
    low, high = interval
    return (high - low) / (high + low)


def bound_of(path: CriticalPath) -> CriticalPathBound:
    """What no schedule can beat: work and span of the run."""
    return CriticalPathBound(path.work_ns / 1e9, path.span_ns / 1e9)


def amdahl_of(trace: Trace) -> Amdahl:
    """Amdahl's law as read off a run with one worker: parallel is what threads do outside the main one and every lock.

    Raises:
        NoTimeline: the trace has no scheduler events.
    """
    found = histories(trace)
    end_ns = max((history.stretches[-1].end_ns for history in found.values() if history.stretches), default=0)
    locked = _union(
        (tenure.start_ns, tenure.end_ns)
        for target, tenures in held(trace).tenures.items()
        if target != NOTHING
        for tenure in tenures
    )
    busy = _union(
        (stretch.start_ns, stretch.end_ns)
        for index, history in found.items()
        if trace.tables.threads[index].parent != NOTHING
        for stretch in history.stretches
        if stretch.doing in ("running", "sleeping")
    )
    parallel_ns = sum(end - start - _overlap(locked, start, end) for start, end in busy)
    return Amdahl((end_ns - parallel_ns) / 1e9, parallel_ns / 1e9)


def _union(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without overlaps, in order."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif end > start:
            found.append((start, end))
    return found


def _overlap(spans: list[tuple[int, int]], start: int, end: int) -> int:
    """How much of ``start`` to ``end`` the spans cover."""
    covered = 0
    for first, last in spans[max(bisect_right(spans, (start, start)) - 1, 0) :]:
        if first >= end:
            break
        covered += max(min(last, end) - max(first, start), 0)
    return covered

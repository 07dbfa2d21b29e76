"""What a prediction has to admit: what was not seen, what was assumed, what disturbed it. A sentence each.

It looks at what was measured and at the profile; it changes no number.
"""

from __future__ import annotations

from collections.abc import Sequence

from .gil_probe import PROBED_NS_MIN
from .measuring import DISTURBANCE_MAX, NEGLIGIBLE, STRANGE_MAX, Predicted, place_of
from .predicted import Configuration
from .profile import Profile
from .segments import UNSEEN

NATIVE_MIN = 0.1
"""From this share of real time on the threads of native libraries are worth a word."""
UNPLANNED_MIN = 0.01
"""From this share of all operations on, segments without measurements of their own are worth a word."""
_PLACES_MAX = 4


def of_measuring(points: Sequence[Predicted]) -> list[str]:
    """About the measurements that predictions stand on, each sentence once and with the worst case."""
    if not points:
        return []
    free: dict[str, float] = {}
    held: dict[str, None] = {}
    found: dict[str, None] = {}
    for point in points:
        for way, share in point.measured.probed.items():
            place = place_of(point.table.sites, way)
            if share:
                free[place] = share
            else:
                held[place] = None
    for point in points:
        if not point.measured.negligible:
            found.update(dict.fromkeys(text for text in point.measured.limits if text != UNSEEN or not (free or held)))
    if any(point.measured.negligible for point in points):
        share = f"{100 * NEGLIGIBLE:g} %"
        found[f"code beside what weft.work stands for takes less than {share} of the time and was left out"] = None
    said = list(found)
    if free or held:
        said.append(_probed(free, list(held)))
    said += _disturbed(max(point.measured.disturbance for point in points))
    said += _native(max(point.measured.native_share for point in points))
    said += _unplanned(points)
    return said + _strange(max(point.strangeness for point in points))


def _probed(free: dict[str, float], held: list[str]) -> str:
    parts: list[str] = []
    if free:
        parts.append("free at " + _listed([f"{place} ({100 * share:.0f} %)" for place, share in free.items()]))
    if held:
        parts.append("held at " + _listed(held))
    return (
        f"segments of {PROBED_NS_MIN / 1e6:g} ms and more that call nothing listed were probed for the GIL: "
        f"{'; '.join(parts)}; shorter calls that are not listed count as holding it"
    )


def _listed(places: Sequence[str]) -> str:
    more = f" and {len(places) - _PLACES_MAX} more" if len(places) > _PLACES_MAX else ""
    return ", ".join(places[:_PLACES_MAX]) + more


def _disturbed(share: float) -> list[str]:
    if share <= DISTURBANCE_MAX:
        return []
    text = f"other processes kept the simulation itself from a core for up to {100 * share:.0f} % of a run"
    return [f"{text}: that was taken off, but caches were cold afterwards"]


def _native(share: float) -> list[str]:
    if share <= NATIVE_MIN:
        return []
    text = (
        f"threads of native libraries (BLAS, OpenMP) computed for {100 * share:.0f} % of the time beside the program's"
    )
    return [f"{text} own: their cores are not simulated; OMP_NUM_THREADS=1 avoids it, here and in reality"]


def _unplanned(points: Sequence[Predicted]) -> list[str]:
    """How often a segment's own samples were missing, in the configuration where that happened most."""
    worst = 0.0
    for point in points:
        meter = point.made.meter
        if meter is not None and meter.plan is not None:
            worst = max(worst, meter.unplanned / max(point.made.run.operations, 1))
    if worst <= UNPLANNED_MIN:
        return []
    share = f"{100 * min(worst, 1.0):.0f} %"
    return [
        f"up to {share} of the segments were not measured in that work and turn: they took the median of their place"
    ]


def _strange(share: float) -> list[str]:
    if share <= STRANGE_MAX:
        return []
    text = "which thread does what depends on small differences in time: with medians up to "
    return [f"{text}{100 * share:.0f} % of the time would be other work than was measured, so one run's own times stay"]


def of_assumptions(configurations: Sequence[Configuration], profile: Profile, *, measured: bool) -> list[str]:
    """About what is taken for granted in these configurations."""
    found: list[str] = []
    slowdown = profile.free_threading_slowdown
    if any(not configuration.gil for configuration in configurations) and (measured or slowdown != 1.0):
        factor = f"{slowdown:g} times slower" if slowdown != 1.0 else "as fast as with it"
        found.append(f"without the GIL, Python code is taken to be {factor}; its new contention is not modelled")
    if any(configuration.free_locks for configuration in configurations):
        found.append("with free locks what was exclusive is not: the program's results need not be right")
    if profile.name == "default":
        found.append("costs are those of a default machine; `weft calibrate` measures yours")
    return found

"""How long a sweep will take in real time, told from its first runs, so that nobody starts hours of work unasked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from .simcore.prediction import DRAWN_MAX, Configuration

ASK_FROM_S = 600.0
"""A sweep that will take longer than this wants a yes first."""
_ASK_WITHIN_S = 60.0
"""Later than this into a sweep nobody is asked any more: more would be lost than saved."""
_START_S = 2.0
"""A first run that takes less than this may well be the time the child took to start."""
_RUNS_A_POINT = 5
"""Simulated runs of a configuration: its prediction, and those that its interval comes from, which most of a large sweep
have none of."""

Progress = Callable[[int, int], None]


class SweepError(Exception):
    """The sweep cannot be made as it was asked for; says what to do instead."""


class Watch:
    """Tells the progress on, and stops a sweep early that will take long and was not said yes to."""

    def __init__(
        self,
        configurations: Sequence[Configuration],
        repeat: int,
        *,
        workers: int = 1,
        yes: bool = False,
        progress: Progress | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._configurations = configurations
        self._repeat = repeat
        self._workers = workers
        self._yes = yes
        self._progress = progress
        self._clock = clock
        self._started = clock()
        self._first: tuple[int, float] | None = None

    def saw(self, now: dict[str, Any]) -> None:
        """The child has made ``now["done"]`` of its runs.

        Raises:
            SweepError: at this rate it takes long.
        """
        done, elapsed = now["done"], self._clock() - self._started
        self.told(done, now["total"])
        if self._yes or not done or elapsed > _ASK_WITHIN_S:
            return
        run_s = self._run_s(done, elapsed)
        if run_s is None:
            return
        expected_s = expected(self._configurations, self._repeat, run_s, self._workers)
        if expected_s > ASK_FROM_S:
            count = len(self._configurations)
            raise SweepError(
                f"the sweep would take {spoken(expected_s)}: {count} configuration{'' if count == 1 else 's'}, and a "
                f"run takes {run_s:.2g} s; add --yes to make it, or ask for fewer values, a smaller program or a "
                "smaller --repeat"
            )

    def told(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(done, total)

    def _run_s(self, done: int, elapsed: float) -> float | None:
        """What a run takes; None while that cannot be told from the start of the child."""
        if self._first is None:
            self._first = (done, elapsed)
            # The first run that counts comes after one that only imports and fills caches.
            return elapsed / (done + 1) if elapsed > _START_S else None
        first_done, first_elapsed = self._first
        return (elapsed - first_elapsed) / (done - first_done) if done > first_done else None


def expected(configurations: Sequence[Configuration], repeat: int, run_s: float, workers: int) -> float:
    """How long a sweep takes in real time, in seconds, if every run takes ``run_s``.

    Measured are ``repeat`` runs for each set of parameters, one after the other; the rest is simulated by ``workers``.
    """
    measured = repeat * len({repr(configuration.params) for configuration in configurations})
    each = _RUNS_A_POINT if len(configurations) <= DRAWN_MAX else 1
    return run_s * (measured + each * len(configurations) / workers)


def spoken(seconds: float) -> str:
    """``about 12 min``, ``about 2 h 5 min``, ``about 3 days``."""
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {max(minutes, 1)} min"
    if minutes < 2 * 24 * 60:
        return f"about {minutes // 60} h {minutes % 60} min"
    return f"about {round(minutes / (24 * 60))} days"

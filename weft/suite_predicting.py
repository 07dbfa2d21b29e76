"""The predictor that a suite's validation is handed: each program measured once, and simulated in fresh
child processes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .real_runs.forecast import ForecastError

if TYPE_CHECKING:
    from .simcore.prediction import Configuration, Prediction
    from .simcore.profile import Profile
    from .simcore.trace import Trace


class SuitePredictor:
    """:class:`weft.real_runs.forecast.Predictor` by jobs of :mod:`weft.sweeping`; use it as a context manager.

    What the first call for a target measures is kept and serves the later ones, so that two predictions that differ in
    the machine differ in nothing else.
    """

    def __init__(self, timeout_seconds: float = 60.0) -> None:
        self._timeout_seconds = timeout_seconds
        self._scratch = tempfile.TemporaryDirectory(prefix="weft-")
        self._measured: dict[str, Path] = {}

    def __enter__(self) -> SuitePredictor:
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.cleanup()

    def __call__(
        self,
        target: str,
        configurations: list[Configuration],
        profile: Profile,
        *,
        repeat: int,
        seed: int,
        timelines: bool = False,
    ) -> tuple[Prediction, list[Trace | None]]:
        import msgspec

        from .process import ChildError, run_job
        from .simcore.prediction import Prediction
        from .sweeping import LIMIT_S, Sweep

        measured = self._measured.get(target)
        kept = Path(self._scratch.name) / f"{len(self._measured)}.tables"
        tables = {"tables_to": str(kept)} if measured is None else {"tables_from": str(measured)}
        sweep = Sweep(target, [], configurations, profile, repeat=repeat, seed=seed)
        with tempfile.TemporaryDirectory(dir=self._scratch.name) as folder:
            wanted: dict[str, Any] = {"draws": False}  # no interval is asked of a simpler model
            if timelines:
                wanted = {"traces_in": folder, "timelines": list(range(len(configurations)))}
            try:
                answer = run_job(
                    sweep.job(configurations, **tables, **wanted),
                    limit_s=LIMIT_S,
                    stall_s=0.0,
                    silence_s=self._timeout_seconds,
                    seed=seed,
                )
            except ChildError as error:
                raise ForecastError(str(error)) from error
            if measured is None:
                self._measured[target] = kept
            return msgspec.convert(answer["result"], Prediction), traces_of(answer["traces"], len(configurations))


def traces_of(files: list[str], count: int) -> list[Trace | None]:
    """The timelines by the number of their configuration, which is the name of the file."""
    from .simcore.trace import load

    by_number = {int(Path(file).stem): file for file in files}
    return [load(by_number[number]) if number in by_number else None for number in range(count)]

"""How many threads a program should use: the smallest number that is as good as any, and why one more is no better.

It compares times that others found; where those leave a gap, it asks for simulations in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .attribution import HARDLY_ANY, Simulations, fastest, subject, worst_part
from .checkers.critical_path import CriticalPath
from .simcore.bottlenecks import Recommendation
from .simcore.prediction import Configuration, PredictedRun, Prediction, PredictionError

AS_GOOD = 0.05
"""A number of threads is as good as another one when it takes at most this much longer."""
_COUNTED = {"workers": "worker", "threads": "thread", "cores": "core", "consumers": "consumer", "processes": "process"}
"""Parameters that are called by what they count, and one of it."""
_ORDINALS = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True, slots=True)
class _Question:
    """Which value of ``parameter`` is enough, all else being as in ``configuration``; with the runs that are known.

    An empty parameter stands for the machine's cores.
    """

    parameter: str
    configuration: Configuration
    runs: dict[int, PredictedRun]

    def at(self, value: int) -> Configuration:
        known = self.configuration
        if not self.parameter:
            return replace(known, cores=value)
        return replace(known, params={**known.params, self.parameter: value})

    def seconds(self, value: int, simulations: Simulations) -> float | None:
        """None where the program fails: a number that nobody asked for may be too many for it."""
        try:
            return simulations.seconds(self.at(value))
        except PredictionError:
            return None

    def path(self, value: int, simulations: Simulations) -> CriticalPath | None:
        """None as for :meth:`seconds`."""
        try:
            return simulations.path(self.at(value))
        except PredictionError:
            return None


def recommend(prediction: Prediction, simulations: Simulations) -> list[Recommendation]:
    """One for each GIL mode in which a number of threads, or else of cores, was swept.

    Threads are looked at on the most cores of the sweep, all else being as in the fastest run there.
    """
    questions = [_question([run for run in prediction.runs if run.gil is gil], simulations) for gil in (True, False)]
    return [_answer(question, simulations) for question in questions if question is not None]


def _question(runs: list[PredictedRun], simulations: Simulations) -> _Question | None:
    for name in _swept(runs):
        rows = _alike(runs, name)
        if len(rows) > 1 and _sets_threads(name, rows, simulations):
            first = next(iter(rows.values()))
            return _Question(name, simulations.configuration(first), rows)
    if not runs:
        return None
    (best,) = fastest(runs)
    rows = {run.cores: run for run in sorted(runs, key=lambda run: run.cores) if run.params == best.params}
    return _Question("", simulations.configuration(best), rows) if len(rows) > 1 else None


def _swept(runs: list[PredictedRun]) -> Iterator[str]:
    """Parameters that are whole numbers and of which there are several, those that sound like threads first."""
    names = dict.fromkeys(name for run in runs for name in run.params)
    for name in sorted(names, key=lambda name: name not in _COUNTED):
        values = [run.params.get(name) for run in runs]
        if len({*map(repr, values)}) > 1 and all(type(value) is int and value >= 1 for value in values):
            yield name


def _alike(runs: list[PredictedRun], name: str) -> dict[int, PredictedRun]:
    """By value of ``name``, the runs on the most cores that differ from the fastest of them in nothing else."""
    cores = max(run.cores for run in runs)
    (best,) = fastest([run for run in runs if run.cores == cores])
    others = {**best.params, name: None}
    rows = {run.params[name]: run for run in runs if run.cores == cores and {**run.params, name: None} == others}
    return dict(sorted(rows.items()))


def _sets_threads(name: str, rows: dict[int, PredictedRun], simulations: Simulations) -> bool:
    """Are there more threads when the parameter is larger?"""
    fewer, more = (simulations.threads(Configuration(run.params, run.cores, run.gil)) for run in (*rows.values(),)[:2])
    return more > fewer


def _answer(question: _Question, simulations: Simulations) -> Recommendation:
    runs = question.runs
    limit = (1 + AS_GOOD) * min(run.seconds for run in runs.values())
    enough = min(value for value, run in runs.items() if run.seconds <= limit)
    fewer = max((value for value in runs if value < enough), default=0)
    while enough - fewer > 1:
        middle = (fewer + enough) // 2
        seconds = question.seconds(middle, simulations)
        if seconds is not None and seconds <= limit:
            enough = middle
        else:
            fewer = middle
    seconds, more = question.seconds(enough, simulations), question.path(enough + 1, simulations)
    gain, reason = None, ""
    if seconds is not None and more is not None and more.duration_ns:
        gain = seconds / (more.duration_ns / 1e9) - 1
        reason = _reason(more, question.at(enough + 1).cores, threads=bool(question.parameter))
    speedup = runs[enough].speedup if enough in runs else _speedup(seconds, runs)
    found = question.at(enough)
    return Recommendation(
        parameter=question.parameter or "cores",
        value=enough,
        cores=found.cores,
        gil=found.gil,
        params={name: value for name, value in found.params.items() if name != question.parameter},
        speedup=speedup,
        next_gain=gain,
        reason=reason,
        sentence=_sentence(question.parameter or "cores", enough, speedup, gain, reason),
    )


def _speedup(seconds: float | None, runs: dict[int, PredictedRun]) -> float:
    """Of a number in between, by the times of those that are known."""
    known = next(iter(runs.values()))
    return known.speedup * known.seconds / seconds if seconds else 1.0


def _reason(path: CriticalPath, cores: int, *, threads: bool) -> str:
    worst = worst_part(path)
    if not threads and not any(part.kind == "core" and part.share >= HARDLY_ANY for part in path.parts):
        return "no thread waits for one then"
    if worst is None:
        return ""
    verb = "waits for" if worst.kind in ("lock", "gil", "core") else "is"
    return f"{100 * worst.share:.0f} % of the critical path {verb} {subject(worst, cores)}"


def _sentence(parameter: str, value: int, speedup: float, gain: float | None, reason: str) -> str:
    one = _COUNTED.get(parameter)
    what = f"{parameter}={value}" if one is None else f"{value} {one if value == 1 else parameter}"
    text = f"{what}: {speedup:.1f}x"
    if gain is None:
        return text
    percent = round(100 * gain)
    text += f"; {ordinal(value + 1)} {'loses' if percent < 0 else 'gains'} {abs(percent)} %"
    if gain > AS_GOOD:
        return f"{text}: try more of them"
    return f"{text}, because {reason}" if reason else text


def ordinal(number: int) -> str:
    """``a fifth``, ``an eighth``, ``a 12th``."""
    if number < 1:
        raise ValueError(f"number is {number}; ordinals begin with 1")
    if 2 <= number <= len(_ORDINALS) + 1:
        word = _ORDINALS[number - 2]
        return f"{'an' if word[0] == 'e' else 'a'} {word}"
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    # "eight", "eleven" and "eighteen" begin with a vowel, whatever thousands or hundreds follow them.
    leading = str(number)[: len(str(number)) % 3 or 3]
    return f"{'an' if leading in ('8', '11', '18') or leading[0] == '8' else 'a'} {number}{ending}"

"""The accuracy envelope: where a prediction of time is given, and where only a bound is.

The rules are data, each with the measurement it rests on; they are frozen with every validation that is judged by
them. They know features of a simulated run and nothing of how it was made.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..checkers.critical_path import CriticalPath
from ..simcore.prediction import PredictedRun
from ..simcore.trace import Trace
from .features import SHORT_NS, Features, bound_of, features_and_path


@dataclass(frozen=True, slots=True)
class EnvelopeRule:
    """One limit. Outside it, ``says`` is the reason, with the value and the bound filled in."""

    feature: Literal["short_share", "memory_share", "hand_over_share", "woken_share", "spread", "crowding"]
    most: float
    says: str
    evidence: str
    with_gil_only: bool = False
    several_threads_only: bool = True


ENVELOPE: tuple[EnvelopeRule, ...] = (
    EnvelopeRule(
        feature="short_share",
        most=0.10,
        says=f"{{value:.0%}} of the computing is in GIL-free operations shorter than {SHORT_NS // 1000} us, "
        "and their threads keep each other from the GIL in ways that differ from run to run (at most {most:.0%})",
        evidence="one program, five readings: 4 KB hashes by two threads ran 0.93, 1.20, 1.29, 1.37 and 1.79 times as "
        "fast as by one; predictions were 11 to 54 % off. From 50 to 100 us on the effect is gone.",
        with_gil_only=True,
    ),
    EnvelopeRule(
        feature="memory_share",
        most=0.25,
        says="{value:.0%} of the computing waits for memory, which the threads share with each other and with the "
        "whole machine (at most {most:.0%})",
        evidence="adding arrays, two threads on two cores: 1.08 times as fast at 200 MB an operation, 1.2 at 16 MB, "
        "1.89 at 3 MB: one thread all but saturates the memory.",
    ),
    EnvelopeRule(
        feature="hand_over_share",
        most=0.10,
        says="{value:.0%} of the critical path is handing over to threads that must be woken, which takes two to ten "
        "times as long on an idle core as on the waker's own (at most {most:.0%})",
        evidence="one-way hand-over of a lock: 2.5 to 8 us on one core, 17 to 40 us to an idle one; guessing 4 us for "
        "18 us moved an error from 5 to 14 %.",
        several_threads_only=False,
    ),
    EnvelopeRule(
        feature="woken_share",
        most=0.05,
        says="waking threads that wait for each other takes {value:.0%} of the cores' time: who gets a lock next hangs on "
        "microseconds then (at most {most:.0%})",
        evidence="operations of 0.1 ms, 30 or 60 % of each inside one lock: predictions were 16 to 22 % off with two threads "
        "and with four; of 1 ms: 2 %.",
    ),
    EnvelopeRule(
        feature="spread",
        most=0.25,
        says="the program's own times differ so much from run to run that the prediction is only good to ±{value:.0%} "
        "(at most ±{most:.0%})",
        evidence="an error cannot be smaller than the spread of what it is computed from.",
        several_threads_only=False,
    ),
    EnvelopeRule(
        feature="crowding",
        most=3.0,
        says="{value:.1f} threads want to compute for each core, on average: how the kernel shares cores among so many was "
        "not tried (at most {most:g})",
        evidence="the suite and the sweep go to two workers for each core, and two more threads that compute.",
    ),
)


@dataclass(frozen=True, slots=True)
class Belief:
    """Whether a predicted time is to be believed: ``reason`` says why not, and is empty when it is."""

    reason: str
    bound_seconds: float
    """No schedule on these cores takes less: all computing divided by the cores, or the longest chain of steps."""
    path: CriticalPath | None = None
    """What it was read from."""

    @property
    def answer(self) -> str:
        """What to say instead of the time; empty when the time is to be said."""
        return f"bound only: at least {self.bound_seconds:.4g} s; {self.reason}" if self.reason else ""


def belief(run: PredictedRun, trace: Trace, rules: tuple[EnvelopeRule, ...] | None = None) -> Belief:
    """Is this prediction inside the envelope? ``trace`` is the timeline of the same configuration.

    Raises:
        NoTimeline: the trace has no scheduler events.
    """
    features, path = features_and_path(trace, cores=run.cores, gil=run.gil, seconds_interval=run.seconds_interval)
    reason = envelope_reason(features, ENVELOPE if rules is None else rules)
    return Belief(reason, bound_of(path).seconds(run.cores), path)


def envelope_reason(features: Features, rules: tuple[EnvelopeRule, ...] = ENVELOPE) -> str:
    """Why only a bound can be given for a configuration with these features; empty when a prediction can."""
    for rule in rules:
        value = _value(rule, features)
        if value is not None and value > rule.most:
            return rule.says.format(value=value, most=rule.most)
    return ""


def _value(rule: EnvelopeRule, features: Features) -> float | None:
    if rule.with_gil_only and not features.gil:
        return None
    if rule.several_threads_only and features.threads < 2:
        return None
    if rule.feature == "crowding":
        wanting = features.threads if features.load is None else features.load
        return wanting / features.cores
    found: float | None = getattr(features, rule.feature)
    return found


def published(rules: tuple[EnvelopeRule, ...] = ENVELOPE) -> list[dict[str, Any]]:
    """The rules as JSON values."""
    return [asdict(rule) for rule in rules]


def in_words(rules: tuple[EnvelopeRule, ...] = ENVELOPE) -> list[str]:
    """One sentence each: the limit, and what it rests on."""
    names = {
        "short_share": f"computing in GIL-free operations shorter than {SHORT_NS // 1000} us: at most {{most:.0%}}",
        "memory_share": "computing that waits for memory: at most {most:.0%}",
        "hand_over_share": "of the critical path, waking other threads: at most {most:.0%}",
        "woken_share": "waking threads: at most {most:.0%} of the cores' time",
        "spread": "the prediction's own interval: at most ±{most:.0%}",
        "crowding": "threads that want to compute for each core, on average: at most {most:g}",
    }
    return [f"{names[rule.feature].format(most=rule.most)}. {rule.evidence}" for rule in rules]

"""The rules of a validation: how often, how long, what counts as disturbed, what a verdict needs.

They are data, fixed before anything is measured and published with every result; they know no program and no machine.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rules:
    """What prediction.md section 5.3 fixes in advance; shares are of 1, times in seconds."""

    blocks: int = 20
    """Real runs of each configuration, in as many blocks."""
    blocks_more: int = 20
    """Further blocks at most for a configuration that still lacks clean runs."""
    warm_up_blocks: int = 1
    """Discarded, whatever they look like."""
    clean_min: int = 10
    """Fewer clean runs give no verdict."""
    run_seconds_min: float = 0.1
    """Shorter runs give no verdict: the kernel's own steps (10 ms) would decide."""
    run_delay_share_max: float = 0.02
    """Of the processor time open to its threads, that they waited for a processor."""
    steal_share_max: float = 0.005
    """Of all processors' time, that the host took."""
    others_share_max: float = 0.10
    """Of one processor, that other programs used."""
    others_seconds_min: float = 0.03
    """Below this nothing can be said of others: the kernel counts in steps of 10 ms on each processor."""
    pace_share_max: float = 0.10
    """By how much the processor time of the reference run of a block (the program alone, with one worker) may differ from
    what it was when its prediction was measured: beyond that the machine has changed its pace, not the program. A busy
    neighbour on the other hardware thread of a core does so, and no counter shows it."""
    load_max: float = 1.0
    """Threads of others that ran or waited when the run began, per processor."""
    level: float = 0.95
    """Of every interval."""
    margin: float = 0.05
    """A prediction is right within the interval of the measured median, widened by this share."""
    indifferent: float = 0.02
    """Configurations closer than this are equally good to whoever chooses between them: they have no direction."""
    moved_max: float = 0.20
    """A hand-over that moved more between the beginning and the end makes the machine unstable."""
    judged: str = "pinned where threads have a core each, else unpinned"
    """Both are measured and published; this one of the two is summed up."""

    def published(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def sha256(self) -> str:
        return digest(self.published())


RULES = Rules()
GOALS: dict[str, float] = {
    "error_median_absolute": 0.03,
    "error_p90_absolute": 0.08,
    "error_max_absolute": 0.12,
    "bias": 0.02,
    "kendall_tau": 0.9,
    "direction_right": 0.97,
    "envelope_share": 0.8,
}
"""What the summary of the hold-out is to reach, by the names of its fields; errors at most, the others at least."""


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the surroundings of one real run; None stands for unknown."""

    seconds: float
    cores: int
    """Those the run may use."""
    processors: int
    """Those of the whole machine."""
    busy_threads: int
    """Threads of the program that may compute at the same time."""
    run_delay_seconds: float | None = None
    stolen_seconds: float | None = None
    others_seconds: float | None = None
    runnable_others: int | None = None


def disturbances(found: Circumstances, rules: Rules = RULES) -> list[str] | None:
    """Why a run counts as disturbed, one phrase for each rule it breaks; None when nothing is known that could tell.

    A program with more threads than cores waits for processors by itself, so its run delay says nothing.
    """
    reasons: list[str] = []
    known = False
    if found.run_delay_seconds is not None and found.busy_threads <= found.cores:
        known = True
        share = found.run_delay_seconds / max(found.seconds * found.busy_threads, 1e-9)
        if share > rules.run_delay_share_max:
            reasons.append(f"waited for a processor {100 * share:.1f} % of the time")
    if found.stolen_seconds is not None:
        known = True
        share = found.stolen_seconds / max(found.seconds * found.processors, 1e-9)
        if share > rules.steal_share_max:
            reasons.append(f"the host took {100 * share:.1f} % of the processors")
    if found.others_seconds is not None:
        known = True
        if found.others_seconds > max(rules.others_share_max * found.seconds, rules.others_seconds_min):
            reasons.append(f"others used {found.others_seconds / max(found.seconds, 1e-9):.1f} processors")
    if found.runnable_others is not None:
        known = True
        if found.runnable_others > rules.load_max * found.processors:
            reasons.append(f"{found.runnable_others} threads of others were ready to run")
    return reasons if known else None


def off_pace(cpu_seconds: float, expected_seconds: float, rules: Rules = RULES) -> str:
    """Why a block counts as disturbed by the machine's own pace; empty when it does not.

    ``cpu_seconds`` is the processor time of its reference run, ``expected_seconds`` what it should be.
    """
    if min(cpu_seconds, expected_seconds) <= 0:
        return ""
    ratio = cpu_seconds / expected_seconds
    if max(ratio, 1 / ratio) <= 1 + rules.pace_share_max:
        return ""
    return f"the machine's pace: one worker alone took {ratio:.2f} times the processor time that it took before"

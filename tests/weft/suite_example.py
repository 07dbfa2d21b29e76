"""A validation of a whole suite as it could be: forty configurations of twelve families, drawn from one seed.

The rows are made by a small model of its own, and every summary is computed from the rows here, so that tests can hold
what a report shows against numbers that the report's own code never touched.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from weft.real_runs.suite_result import (
    Ablation,
    EnvelopeCell,
    Frozen,
    RunSample,
    Split,
    Stability,
    SuiteResult,
    SuiteRow,
    Summary,
)

CORES = 2
BLOCKS = 20


@dataclass(frozen=True, slots=True)
class Family:
    """One workload: its share that only one thread can do, the part of that under the GIL, and its spread."""

    workload: str
    family: str
    split: Split
    seconds: float
    serial: float
    gil: float
    spread: float
    threads: Sequence[int] = (1, 2, 4)
    pinned: Sequence[bool] = (True,)


FAMILIES = (
    Family("hash pool", "pool", "calibration", 0.62, 0.02, 0.0, 0.010, (1, 2)),
    Family("pure Python", "pure Python", "calibration", 0.48, 0.97, 0.97, 0.015, (1, 2)),
    Family("map over files", "pool", "development", 0.81, 0.06, 0.03, 0.016),
    Family("condition buffer", "condition buffer", "development", 0.37, 0.21, 0.05, 0.03),
    Family("one lock, 1/3", "lock-bound", "hold-out", 0.55, 0.33, 0.01, 0.02, (1, 2, 4), (True, False)),
    Family("one lock, 2/3", "lock-bound", "hold-out", 0.58, 0.66, 0.01, 0.03),
    Family("pipeline of three stages", "pipeline", "hold-out", 1.24, 0.14, 0.04, 0.022, (1, 2, 4), (True, False)),
    Family("uneven barrier", "barrier", "hold-out", 0.93, 0.27, 0.02, 0.025),
    Family("mixed Python and C", "mixed", "hold-out", 0.71, 0.40, 0.38, 0.04),
    Family("service with cache", "service", "hold-out", 2.9, 0.18, 0.10, 0.03),
    Family("work stealing", "work stealing", "hold-out", 1.6, 0.05, 0.02, 0.018),
    Family("open-loop arrivals", "open-loop", "hold-out", 4.1, 0.10, 0.04, 0.05),
    Family("gradients, all-reduced", "data parallel", "hold-out", 6.2, 0.12, 0.05, 0.06, (1, 2)),
    Family("bag of uneven tasks", "imbalanced bag", "hold-out", 0.44, 0.09, 0.02, 0.022, (1, 2)),
)


def speedup(serial: float, threads: int, cores: int = CORES) -> float:
    """Amdahl's on no more cores than there are."""
    return 1 / (serial + (1 - serial) / min(threads, cores))


def rows() -> list[SuiteRow]:
    random = Random(11)
    found: list[SuiteRow] = []
    for family in FAMILIES:
        base: float | None = None
        for pinned in family.pinned:
            for threads in family.threads:
                found.append(_row(family, threads, pinned, random, base))
                # Speedups are relative to the first configuration of a workload, pinned or not.
                base = base or found[-1].predicted_seconds
    return found


def _row(family: Family, threads: int, pinned: bool, random: Random, base_seconds: float | None) -> SuiteRow:
    real_speedup = speedup(family.serial, threads) * (1 - 0.012 * (threads - 1)) * (1 if pinned else 0.97)
    measured = family.seconds / real_speedup
    inside = family.workload != "mixed Python and C"
    error = random.gauss(-0.004, family.spread * (1.25 if inside else 3.0))
    predicted = measured * (1 + error)
    base = base_seconds or predicted
    width = family.spread * 0.8
    noise = abs(random.gauss(0, 0.006)) + 0.002
    samples = _samples(measured, family.spread, random)
    clean = sum(not sample.disturbed for sample in samples)
    too_few = clean < 10
    shares = _shares(family, threads)
    real_shares = _shifted(shares, random)
    return SuiteRow(
        workload=family.workload,
        family=family.family,
        split=family.split,
        target=f"weft.models.{family.family.replace(' ', '_').replace('-', '_')}:run",
        params={"workers": threads, "tasks": 64},
        cores=CORES,
        threads=threads,
        pinned=pinned,
        predicted_seconds=predicted,
        predicted_interval=(predicted * (1 - width), predicted * (1 + width)),
        speedup=base / predicted,
        speedup_interval=(base / predicted / (1 + width), base / predicted / (1 - width)),
        baselines={
            "amdahl": base / speedup(family.serial * 0.8, threads, 64),
            "linear": base / threads,
            "no gil term": base / speedup(family.serial - family.gil, threads),
            "critical path": base / min(threads, 1 / max(family.serial - family.gil, 0.05)),
            "usl": base / speedup(family.serial, threads) * (1 + random.gauss(0.02, 0.05)),
        },
        time_in=shares,
        inside_envelope=inside,
        envelope_reason="" if inside else _reason(family),
        measured_seconds=measured,
        measured_interval=(measured * (1 - noise * 1.4), measured * (1 + noise * 1.5)),
        raw_seconds=measured * (1 + abs(random.gauss(0, 0.012))),
        error=error,
        raw_error=error - 0.008,
        measured_speedup=family.seconds / measured,
        measured_speedup_interval=(family.seconds / measured * (1 - noise), family.seconds / measured * (1 + noise)),
        speedup_error=base / predicted / (family.seconds / measured) - 1,
        noise_floor=noise,
        measured_time_in=real_shares,
        clean=clean,
        dropped=len(samples) - clean,
        judged=pinned is (threads <= CORES) or len(family.pinned) == 1,
        verdict="bound only" if not inside else "no verdict" if too_few else "right" if abs(error) < 0.05 else "wrong",
        note=f"{clean} clean runs, 10 are needed" if too_few else "",
        samples=samples,
    )


def _reason(family: Family) -> str:
    return f"41% of {family.workload}'s computing is in GIL-free operations shorter than 50 us (at most 10%)"


def _samples(measured: float, spread: float, random: Random) -> list[RunSample]:
    found: list[RunSample] = []
    often = 0.62 if spread == 0.05 else 0.12
    for block in range(BLOCKS):
        disturbed = random.random() < often
        seconds = measured * (1 + abs(random.gauss(0, 0.05 if disturbed else spread / 3)))
        found.append(RunSample(block=block, status="ok", seconds=seconds, disturbed=disturbed, run_delay_seconds=0.001))
    return found


def _shares(family: Family, threads: int) -> dict[str, float]:
    waiting = 0.0 if threads == 1 else min(0.75, family.serial * (threads - 1) / threads + 0.04)
    gil = waiting * family.gil / family.serial
    ready = 0.0 if threads <= CORES else 0.22 * (1 - waiting)
    return {
        "running": 1 - waiting - ready,
        "ready": ready,
        "lock wait": (waiting - gil) * 0.8,
        "gil wait": gil,
        "io": (waiting - gil) * 0.2,
    }


def _shifted(shares: dict[str, float], random: Random) -> dict[str, float]:
    """What the kernel counts: it does not know what a thread waits for."""
    counted = {"running": shares["running"], "ready": shares["ready"]}
    counted["waiting"] = 1 - sum(counted.values())
    moved = {name: value * (1 + random.gauss(0, 0.09)) for name, value in counted.items()}
    whole = sum(moved.values())
    return {name: value / whole for name, value in moved.items()}


# Summaries, by the plain definitions.


def summary(found: Iterable[SuiteRow], error_of: Callable[[SuiteRow], float | None]) -> Summary:
    errors = [error for row in found if (error := error_of(row)) is not None]
    sizes = sorted(abs(error) for error in errors)
    if not sizes:
        return Summary(rows=0)
    median = statistics.median(sizes)
    return Summary(
        rows=len(sizes),
        error_mean_absolute=statistics.fmean(sizes),
        error_median_absolute=median,
        error_p90_absolute=sizes[min(len(sizes) - 1, round(0.9 * len(sizes)))],
        error_max_absolute=sizes[-1],
        bias=statistics.median(errors),
        within_5_percent=sum(size <= 0.05 for size in sizes) / len(sizes),
        within_10_percent=sum(size <= 0.1 for size in sizes) / len(sizes),
        kendall_tau=0.987 - median,
        direction_right=1 - median / 3,
        error_median_interval=(median * 0.8, median * 1.3),
    )


def _over(name: str) -> Callable[[SuiteRow], float | None]:
    return lambda row: None if row.measured_seconds is None else row.baselines[name] / row.measured_seconds - 1


def suite_result(**more: Any) -> SuiteResult:
    """The whole result; ``more`` replaces fields."""
    found: list[SuiteRow] = more.pop("rows", None) or rows()
    judged = [row for row in found if row.split == "hold-out" and row.judged and row.verdict in ("right", "wrong")]
    judged = judged or found
    held = [row for row in found if row.split == "hold-out" and row.judged] or found
    families = list(dict.fromkeys(row.family for row in found))
    values: dict[str, Any] = {
        "weft": "0.1.0",
        "command": "validate",
        "commands": [
            "weft calibrate -o machine.json",
            "weft validate --suite --machine machine.json --repeat 20 --seed 0 --html report.html --json report.json",
        ],
        "seed": 0,
        "repeat": BLOCKS,
        "seconds": 1043.2,
        "begun": "2026-11-20T10:14:00+00:00",
        "machine": {
            "cpu": "AMD EPYC 9B45",
            "architecture": "x86_64",
            "cores": CORES,
            "kernel": "Linux 6.12.5",
            "python": "3.11.2",
            "implementation": "CPython",
            "gil": True,
            "switch_interval_ms": 5.0,
            "load_average": [0.11, 0.2, 0.31],
            "date": "2026-11-20T10:14:00+00:00",
        },
        "profile": {
            "schema": "weft.profile/1",
            "name": "machine",
            "handover_ns": 8_300,
            "valid_days": 30,
            "machine": {"cpu": "AMD EPYC 9B45", "cores": CORES, "date": "2026-11-18T08:02:00+00:00"},
        },
        "frozen": Frozen(
            rules={
                "clean runs needed": 10,
                "run_delay_max": 0.02,
                "steal_max": 0.005,
                "goals": {
                    "error_median_absolute": 0.03,
                    "error_p90_absolute": 0.08,
                    "error_max_absolute": 0.12,
                    "bias": 0.02,
                    "kendall_tau": 0.9,
                    "direction_right": 0.97,
                    "envelope_share": 0.8,
                },
            },
            rules_sha256="0f" * 32,
            suite_sha256="1e" * 32,
            profile_sha256="2d" * 32,
            predictions_sha256="3c" * 32,
        ),
        "stability": Stability(before_ns=8_300.0, after_ns=8_900.0, moved=0.072, unstable=False),
        "rows": found,
        "summaries": {
            "hold-out": summary(judged, lambda row: row.error),
            "hold-out raw": summary(judged, lambda row: row.raw_error),
            "development": summary([row for row in found if row.split != "hold-out"], lambda row: row.error),
            "all": summary(found, lambda row: row.error),
            **{name: summary([row for row in found if row.family == name], lambda row: row.error) for name in families},
        },
        "baselines": {name: summary(judged, _over(name)) for name in found[0].baselines},
        "ablations": ablations(summary(judged, lambda row: row.error)),
        "envelope": envelope(),
        "envelope_rules": [
            "computing in GIL-free operations shorter than 50 us: at most 10%. One program, five readings: 0.93 to 1.79",
            "computing threads for each core: at most 4. The sweep goes to twice as many threads as cores",
        ],
        "envelope_share": sum(row.inside_envelope for row in held) / len(held),
        "whatifs": [
            {
                "name": "one lock, 2/3: the locked part halved",
                "predicted": 0.412,
                "measured": 0.396,
                "predicted_interval": [0.40, 0.43],
                "measured_interval": [0.38, 0.41],
            },
            {"name": "pipeline: queues of 32 instead of 2", "predicted": 0.091, "measured": 0.102},
            {"name": "service: no cache lock", "predicted": 0.183, "measured": 0.171},
        ],
        "limits": [
            "caches that threads share are in the segments' times only as they were alone",
            "hyper-threads: this machine shows none",
            "free-threaded Python: not validated here, no such interpreter was found",
        ],
    }
    return SuiteResult(**(values | more))


def ablations(whole: Summary) -> list[Ablation]:
    terms = {
        "GIL": 0.118,
        "lock hand-over": 0.024,
        "co-run slowdown": 0.017,
        "memory bandwidth": 0.006,
        "thread start": 0.002,
        "context switch": 0.0004,
        "timer slack": -0.001,
    }
    median = whole.error_median_absolute or 0.0
    return [
        Ablation(
            term=term,
            change=change,
            summary=Summary(
                rows=whole.rows,
                error_median_absolute=median + change,
                error_p90_absolute=(whole.error_p90_absolute or 0.0) + 2.5 * change,
                error_max_absolute=(whole.error_max_absolute or 0.0) + 4 * abs(change),
            ),
        )
        for term, change in terms.items()
    ]


def envelope() -> list[EnvelopeCell]:
    """All lengths and shares with two threads, some with one and with four, and arrays of four sizes."""
    places = [
        (length, share, 0, 2) for length in (1e-6, 1e-5, 3e-5, 1e-4, 1e-3, 1e-2) for share in (0.0, 0.3, 0.6, 0.9)
    ]
    places += [(length, share, 0, 1) for length in (1e-6, 1e-4) for share in (0.0, 0.6)]
    places += [(length, share, 0, 4) for length in (1e-5, 1e-4, 1e-3) for share in (0.0, 0.6)]
    places += [(1.5 * size / 8e9, 0.0, size, 2) for size in (1 << 18, 1 << 22, 1 << 25, 1 << 27)]
    places.append((1.5 * (1 << 25) / 8e9, 0.6, 1 << 25, 2))
    random = Random(5)
    found: list[EnvelopeCell] = []
    for length, share, touched, threads in places:
        hard = (1e-4 / length) ** 0.5 * (1 + share) * (threads - 0.7) * 0.03 + (0.25 if touched > 1 << 23 else 0.0)
        error = max(-hard * random.uniform(0.5, 1.3) + random.gauss(0, 0.012), -0.9)
        measured = (length, share) != (1e-6, 0.9)
        found.append(
            EnvelopeCell(
                segment_seconds=length,
                lock_share=share,
                bytes_touched=touched,
                threads=threads,
                error=error if measured else None,
                noise_floor=abs(random.gauss(0, 0.008)) if measured else None,
                inside=length >= 1e-4 and touched < 1 << 23 and not (share == 0.9 and threads == 4),
            )
        )
    return found

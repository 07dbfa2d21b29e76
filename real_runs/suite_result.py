"""What a validation of the whole suite comes to: the structs behind ``weft validate --suite --json``.

Data only; how it is measured, summed up or drawn is not known here. Times are in seconds, errors are signed and
relative (``predicted / measured - 1``), and None stands for what was not measured.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA = "weft.suite/1"

Split = Literal["calibration", "development", "hold-out"]
Verdict = Literal["right", "wrong", "no verdict", "bound only"]


class RunSample(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One real run: its block, wall time, and whether others disturbed it (None: unknown)."""

    block: int
    status: str
    seconds: float | None = None
    cpu_seconds: float | None = None
    run_delay_seconds: float | None = None
    others_seconds: float | None = None
    disturbed: bool | None = None
    message: str = ""
    stolen_seconds: float | None = None
    """Processor time that the host took from the whole machine meanwhile."""
    runnable_others: int | None = None
    """Threads of other programs that ran or waited for a processor when the run began."""
    why: list[str] = []
    """By which rules it counts as disturbed."""


class SuiteRow(msgspec.Struct, kw_only=True):
    """One configuration of one workload, pinned or not."""

    workload: str
    family: str
    split: Split
    target: str
    params: dict[str, Any]
    cores: int
    threads: int
    pinned: bool
    predicted_seconds: float
    predicted_interval: tuple[float, float]
    speedup: float
    """Predicted, relative to the base configuration of the workload (one worker)."""
    speedup_interval: tuple[float, float]
    baselines: dict[str, float]
    """Predicted seconds of simpler models: ``amdahl``, ``linear``, ``no gil term``, ``critical path``, ``usl``."""
    time_in: dict[str, float]
    """Predicted shares of all threads' time by state."""
    inside_envelope: bool
    envelope_reason: str = ""
    """Why the tool answers "bound only" here; empty inside."""
    measured_seconds: float | None = None
    """Median of the clean runs."""
    measured_interval: tuple[float, float] | None = None
    """95 % bootstrap interval of that median."""
    raw_seconds: float | None = None
    """Median of all runs."""
    error: float | None = None
    raw_error: float | None = None
    measured_speedup: float | None = None
    measured_speedup_interval: tuple[float, float] | None = None
    speedup_error: float | None = None
    noise_floor: float | None = None
    """The error of predicting the even blocks of the real runs from the odd ones."""
    measured_time_in: dict[str, float] | None = None
    """Shares of all threads' time in the clean runs, as the kernel counted them: ``running``, ``ready`` (waiting for a
    processor) and ``waiting`` (for a lock, the GIL, time or another thread: it cannot tell which)."""
    predicted_cpu_seconds: float | None = None
    """Processor time of all its threads."""
    measured_cpu_seconds: float | None = None
    """Median of the clean runs: when it is longer than predicted, the cores themselves were slower."""
    clean: int = 0
    dropped: int = 0
    verdict: Verdict = "no verdict"
    note: str = ""
    samples: list[RunSample] = []
    gil: bool = True
    judged: bool = True
    """Of the pinned and the unpinned measurement of a configuration, is this the one that is summed up?"""

    @property
    def cpu_excess(self) -> float | None:
        """How much more processor time its work took for real, as a share of what was predicted; None: unknown."""
        if not self.predicted_cpu_seconds or self.measured_cpu_seconds is None:
            return None
        return self.measured_cpu_seconds / self.predicted_cpu_seconds - 1


class Summary(msgspec.Struct, kw_only=True):
    """Errors over several rows. ``kendall_tau`` is the rank correlation of times (Kendall 1938, tau-b)."""

    rows: int
    error_mean_absolute: float | None = None
    error_median_absolute: float | None = None
    error_p90_absolute: float | None = None
    error_max_absolute: float | None = None
    bias: float | None = None
    """Median of the signed errors."""
    within_5_percent: float | None = None
    within_10_percent: float | None = None
    kendall_tau: float | None = None
    direction_right: float | None = None
    error_median_interval: tuple[float, float] | None = None
    """95 % bootstrap interval of the median absolute error, over workloads."""


class Ablation(msgspec.Struct, kw_only=True):
    """The suite's errors with one term of the model taken away."""

    term: str
    summary: Summary
    change: float
    """Of the median absolute error, in percentage points / 100; positive: the term is needed."""


class EnvelopeCell(msgspec.Struct, kw_only=True):
    """One point of the invalidation sweep."""

    segment_seconds: float
    lock_share: float
    bytes_touched: int
    threads: int
    error: float | None
    noise_floor: float | None
    inside: bool


class Stability(msgspec.Struct, kw_only=True):
    """The machine's hand-over time before and after the real runs."""

    before_ns: float
    after_ns: float
    moved: float
    unstable: bool


class Frozen(msgspec.Struct, kw_only=True):
    """What was fixed before the first real run; the digests are SHA-256 in hexadecimal."""

    rules: dict[str, Any]
    rules_sha256: str
    suite_sha256: str
    profile_sha256: str
    predictions_sha256: str
    predictions_file: str = ""
    """Where the predictions were written before the first real run; the digest is that of the file."""


class SuiteResult(msgspec.Struct, kw_only=True):
    """A whole validation; its JSON is a contract."""

    schema: str = SCHEMA
    weft: str = ""
    command: str = "validate"
    commands: list[str] = []
    """What regenerates it."""
    seed: int = 0
    repeat: int = 0
    seconds: float = 0.0
    begun: str = ""
    """ISO 8601, UTC."""
    machine: dict[str, Any] = {}
    profile: dict[str, Any] = {}
    """Without the raw samples."""
    frozen: Frozen
    stability: Stability | None = None
    rows: list[SuiteRow] = []
    summaries: dict[str, Summary] = {}
    """By what is summed up: ``hold-out``, ``hold-out raw``, ``development``, ``all``, and by family."""
    baselines: dict[str, Summary] = {}
    """The same rows as ``hold-out``, predicted by simpler models."""
    ablations: list[Ablation] = []
    envelope: list[EnvelopeCell] = []
    envelope_rules: list[str] = []
    envelope_share: float | None = None
    """The share of the hold-out configurations inside."""
    whatifs: list[dict[str, Any]] = []
    """Changes predicted and then really made: name, predicted and measured gain."""
    timelines: dict[str, str] = {}
    """Trace files of one configuration: ``simulated`` and ``real``."""
    limits: list[str] = []
    interrupted: bool = False
    """Was it ended before all of it had been measured?"""

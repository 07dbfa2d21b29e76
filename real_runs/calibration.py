"""``weft calibrate``: measure what operations cost on this machine, as a profile for the timed world.

The probes run in a process of their own, on the interpreter asked for; they use the real primitives, need no
privileges, and each stops at its share of the time. What is made of their samples is decided here.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..simcore.profile import Profile
from .children import Child, ending
from .interpreter import Interpreter, this_interpreter
from .profiles import find_profile, shipped
from .sharing import filled
from .slowdown import python_slowdown
from .statistics import estimate

__all__ = ["CalibrationError", "Prober", "calibrate", "find_profile", "shipped"]

SHARE_SECONDS = 0.5
"""What a probe takes when there is time enough: hundreds of samples of anything below a millisecond."""
DISTURBED_MAX = 0.05
"""What others may use of the processors without a probe being repeated: a desktop at rest uses less."""
HANDOVER = ("handover_lock_working", "handover_lock_same_core")
"""The probe behind ``Profile.handover_ns``: who wakes another usually goes on computing; on one core that other waits."""
_ATTEMPTS_MAX = 4
_RAW_MAX = 200
"""Raw samples kept in the profile for each term; more of them only make the file long."""
_START_SECONDS = 30.0
_GRACE_SECONDS = 60.0
"""For a probe's last sample on a busy machine, and for its arrays to be filled."""
_ONE_BLAS_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB_MAXIMUM")}
"""Several cores multiply matrices by our threads, never by those of a library."""
_WIDTH_MAX = 0.10
"""The co-run factor is between 1.00 and 1.10 on most machines; an interval as wide as that was disturbed."""
_SLOWDOWN_SHARE = 4
"""The comparison of two interpreters gets so many shares."""


class CalibrationError(Exception):
    """A probe did not come to an end, or the time allowed is too short; the message says which."""


class Attempts(Protocol):
    """Whoever takes probes: their units by name, the machine they run on, and one go at one of them."""

    units: dict[str, str]
    machine: dict[str, Any]

    def attempt(self, probe: str, seconds: float) -> dict[str, Any]: ...


class Prober:
    """The process that takes the probes. Use it as a context manager."""

    def __init__(self, interpreter: Interpreter | None = None) -> None:
        python = interpreter or this_interpreter()
        self._child = Child(
            {"kind": "probe"},
            commands=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            environment={**_ONE_BLAS_THREAD, **python.environment(python.gil_enabled)},
            python=python.path,
        )
        try:
            ready = self._answer(_START_SECONDS, "its start")
        except BaseException:
            self._child.close()
            raise
        self.units: dict[str, str] = ready["units"]
        self.machine: dict[str, Any] = ready["machine"]

    def __enter__(self) -> Prober:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()

    def attempt(self, probe: str, seconds: float) -> dict[str, Any]:
        """One go at a probe: its summary, with ``disturbed``, the share of all processors' time that others used.

        Raises:
            CalibrationError: the probe got stuck, or the process died of it.
        """
        self._child.tell({"probe": probe, "seconds": seconds})
        answer = self._answer(seconds + _GRACE_SECONDS, f"the probe {probe!r}")
        return {**summary(answer["samples"], self.units[probe]), "disturbed": answer["disturbed"]}

    def _answer(self, timeout_seconds: float, what: str) -> dict[str, Any]:
        answer = self._child.answer(timeout_seconds)
        if answer is None:
            code = self._child.wait(0.0)
            how = f"no answer after {timeout_seconds:g} s" if code is None else f"the process {ending(code)}"
            raise CalibrationError(f"the calibration failed in {what}: {how}")
        if answer["status"] == "failed":
            raise CalibrationError(answer["message"])
        return answer


def summary(samples: Sequence[float], unit: str) -> dict[str, Any]:
    """Median, 95 % bootstrap interval, number, and raw samples evenly picked, as JSON values."""
    result = estimate(samples)
    digits = 1 if unit == "ns" else 4
    step = max(1, -(-len(samples) // _RAW_MAX))
    return {
        "unit": unit,
        "median": round(result.median, digits),
        "interval": [round(result.low, digits), round(result.high, digits)],
        "n": result.n,
        "raw": [round(value, digits) for value in samples[::step]],
    }


def calibrate(
    seconds_max: float = 25.0,
    name: str = "this machine",
    *,
    interpreter: Interpreter | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Profile:
    """Measure this machine; takes about 15 s when it is quiet, and never much longer than ``seconds_max``.

    Every term has its median, 95 % bootstrap interval, number and raw samples in ``Profile.samples``, and the share of
    the processors that others used meanwhile. A probe that was disturbed is repeated while there is time; the least
    disturbed attempt counts. ``interpreter`` is the Python whose costs are measured, by default this one; of another
    one it is measured, too, how much slower than this one it computes. ``progress`` is called with the probes done and
    all probes.

    Raises:
        CalibrationError: ``seconds_max`` is not above 0, or a probe got stuck.
    """
    if not seconds_max > 0:
        raise CalibrationError(f"the time for a calibration is {seconds_max!r} s; it must be more than 0")
    end = time.monotonic() + seconds_max
    with Prober(interpreter) as prober:
        other = None if interpreter is None or interpreter.own else interpreter
        pieces = len(prober.units) + (_SLOWDOWN_SHARE if other is not None else 0)
        share = min(SHARE_SECONDS, max(end - time.monotonic(), 0.1) / pieces)
        slower = {} if other is None else python_slowdown(other, share * _SLOWDOWN_SHARE)
        samples = _best_attempts(prober, share, end, progress)
        machine = prober.machine
    samples |= {key: summary(values, "ratio") for key, values in slower.items()}
    return profile_of(name, samples, machine)


def _best_attempts(
    prober: Attempts, share: float, end: float, progress: Callable[[int, int], None] | None = None
) -> dict[str, dict[str, Any]]:
    """Every probe once, and the disturbed ones again while the later ones keep their share of the time."""
    found: dict[str, dict[str, Any]] = {}
    for number, probe in enumerate(prober.units):
        later = len(prober.units) - number - 1
        best = prober.attempt(probe, share)
        for _ in range(_ATTEMPTS_MAX - 1):
            if best["disturbed"] <= DISTURBED_MAX or time.monotonic() + share * (later + 1) > end:
                break
            best = min(best, prober.attempt(probe, share), key=lambda values: values["disturbed"])
        found[probe] = best
        if progress is not None:
            progress(number + 1, len(prober.units))
    return found


def profile_of(name: str, samples: dict[str, dict[str, Any]], machine: dict[str, Any]) -> Profile:
    """The profile that these samples make; what was not probed keeps its neutral value, or the default's."""
    median = {key: values["median"] for key, values in samples.items()}
    standard = Profile()

    def cost(probe: str, otherwise: int) -> int:
        return max(round(median[probe]), 0) if probe in median else otherwise

    def maybe(probe: str) -> int | None:
        return max(round(median[probe]), 0) if probe in median else None

    handover = next((probe for probe in HANDOVER if probe in median), HANDOVER[0])
    return Profile(
        name=name,
        thread_create_ns=cost("thread_create", standard.thread_create_ns),
        thread_start_ns=cost("thread_start", standard.thread_start_ns),
        lock_ns=cost("lock", standard.lock_ns),
        handover_ns=cost(handover, standard.handover_ns),
        handover_same_core_ns=maybe("handover_lock_same_core"),
        handover_idle_core_ns=maybe("handover_lock_idle_core"),
        context_switch_ns=cost("context_switch", standard.context_switch_ns),
        balance_ns=cost("balance", standard.balance_ns),
        queue_ns=cost("queue", standard.queue_ns),
        submit_ns=cost("submit", standard.submit_ns),
        timer_slack_ns=cost("sleep_overshoot", standard.timer_slack_ns),
        gil_switch_interval_ns=round(sys.getswitchinterval() * 1e9),
        gil_handover_ns=cost("gil_handover", 0),
        gil_release_ns=cost("gil_release", 0),
        gil_contended_ns=cost("gil_contended", 0),
        co_run=_co_run(samples),
        memory_bandwidth=_memory_bandwidth(median),
        core_speeds=_core_speeds(median),
        smt_threads=2 if "smt" in median else 1,
        smt_factor=round(min(1 / median["smt"], 1.0), 4) if "smt" in median else 1.0,
        free_threading_slowdown=median.get("python_slowdown", standard.free_threading_slowdown),
        machine=machine,
        samples=samples,
    )


def _co_run(samples: dict[str, dict[str, Any]]) -> list[float]:
    """How many times longer computing takes beside others: the mean of the kinds of work, never below 1.

    A kind whose interval is too wide says nothing, unless all are: then the narrowest counts.
    """
    found: dict[int, list[tuple[float, float]]] = {}
    for probe, values in samples.items():
        matched = re.fullmatch(r"co_run_[a-z]+_(\d+)", probe)
        if matched:
            low, high = values.get("interval", (0.0, 0.0))
            found.setdefault(int(matched[1]), []).append((high - low, values["median"]))
    factors: dict[int, float] = {}
    for busy, kinds in found.items():
        sharp = [factor for width, factor in kinds if width <= _WIDTH_MAX] or [min(kinds)[1]]
        factors[busy] = max(sum(sharp) / len(sharp), 1.0)
    return filled(factors) if factors else []


def _memory_bandwidth(median: dict[str, float]) -> dict[str, list[float]]:
    """B(k) / B(1) by working set: k threads that each take f times longer move k / f times as much."""
    found: dict[str, dict[int, float]] = {}
    for probe, factor in median.items():
        matched = re.fullmatch(r"memory_(\d+)_(\d+)", probe)
        if matched:
            busy = int(matched[2])
            found.setdefault(matched[1], {})[busy] = min(busy / factor, float(busy))
    return {size: filled(curve) for size, curve in sorted(found.items(), key=lambda item: int(item[0]))}


def _core_speeds(median: dict[str, float]) -> list[float]:
    """Relative to the fastest; empty when the kernel says that all are alike."""
    speeds = {int(probe[5:]): speed for probe, speed in median.items() if re.fullmatch(r"core_\d+", probe)}
    fastest = max(speeds.values(), default=1.0)
    return [round(speed / fastest, 3) for _, speed in sorted(speeds.items())]


def handover_now(seconds: float = 1.0, prober: Attempts | None = None) -> float:
    """The hand-over behind ``Profile.handover_ns``, measured again: its median in nanoseconds.

    Raises:
        CalibrationError: the probe got stuck.
    """
    if prober is None:
        with Prober() as own:
            return handover_now(seconds, own)
    probe = next(name for name in HANDOVER if name in prober.units)
    return float(prober.attempt(probe, seconds)["median"])


def moved(before_ns: float, after_ns: float) -> float:
    """The share by which the larger of two hand-overs exceeds the smaller one."""
    low, high = sorted((before_ns, after_ns))
    return high / low - 1 if low > 0 else float(high > 0)

"""The table of predicted and measured times: its numbers, its width, its notes."""

from __future__ import annotations

from typing import Any

import pytest

from weft.real_runs.measure import Sample
from weft.real_runs.suite_result import Stability
from weft.real_runs.validation import ValidationResult, ValidationRun
from weft.validate_text import render


def run(params: dict[str, Any], cores: int = 1, **more: Any) -> ValidationRun:
    values: dict[str, Any] = {"seconds": 0.1, "gil": True, **more}
    values.setdefault("seconds_interval", (values["seconds"],) * 2)
    return ValidationRun(
        params=params, cores=cores, speedup=1, interval=(1, 1), utilisation=1, time_in={}, bottleneck="", **values
    )


def result(*runs: ValidationRun, **more: Any) -> ValidationResult:
    machine = {"cpu": "A processor", "cores": 2, "python": "3.11.7", "implementation": "CPython", "gil": True}
    machine["load_average"] = [0.25, 0.1, 0.1]
    values: dict[str, Any] = {"error_median": 0.02, "error_max": 0.031, "sign_right": 1.0, **more}
    return ValidationResult(
        weft="0.1.0",
        target="train.py:train",
        seed=0,
        repeat=20,
        seconds=3.0,
        runs=list(runs),
        machine=machine,
        profile={"name": "reference-2core"},
        **values,
    )


MEASURED: dict[str, Any] = {"measured_seconds": 0.0981, "measured_interval": (0.0975, 0.0992), "error": 0.0194}


def test_the_whole_page() -> None:
    text = render(
        result(
            run({"workers": 1}, seconds_interval=(0.0995, 0.1005), **MEASURED),
            run({"workers": 2}, 4, note="not measured here: this machine has 2 cores to use"),
        )
    )
    assert text == (
        "train.py:train: predicted, then run 20 times in each of 1 configuration on this\n"
        "  machine\n"
        "\n"
        "parameters  cores  gil         predicted, ms          measured, ms   error\n"
        "workers=1       1   on  100.0 [99.50, 100.5]  98.10 [97.50, 99.20]  +1.9 %\n"
        "workers=2       4   on                 100.0                     -       -\n"
        "\n"
        "error: median 2.0 %, largest 3.1 %; direction right in 100 % of comparisons\n"
        "\n"
        "  workers=2 cores=4 gil=on: not measured here: this machine has 2 cores to use\n"
        "\n"
        "machine: A processor, 2 cores, CPython 3.11.7 with GIL, load 0.25\n"
        "profile: reference-2core\n"
    )


@pytest.mark.parametrize("seconds", [0.0000123, 0.0456, 1.5, 1234.5, 98765.4])
@pytest.mark.parametrize("params", [{}, {"n": 1}, {"workers": 16, "batch": 128, "inner_repetitions": 100_000}])
def test_never_wider_than_80_columns(seconds: float, params: dict[str, Any]) -> None:
    interval = (seconds * 0.999, seconds * 1.001)
    row = run(
        params,
        128,
        seconds=seconds,
        seconds_interval=interval,
        measured_seconds=seconds * 2,
        measured_interval=interval,
        error=-0.5,
        note="3 of 20 runs crashed: the program was killed by SIGSEGV after a rather long last line of its own " * 2,
    )
    text = render(result(row, limits=["a limit that goes on and on, well beyond the end of any line " * 2]))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "-50.0 %" in text


def test_long_parameters_have_a_line_of_their_own() -> None:
    text = render(result(run({"workers": 2, "batch_size": 64}, **MEASURED)))
    lines = text.splitlines()
    above = lines.index("workers=2 batch_size=64")
    assert lines[above + 1].split()[:2] == ["1", "on"]


def test_outside_the_envelope_a_bound_and_the_reason_are_given() -> None:
    more = {**MEASURED, "verdict": "bound only", "envelope_reason": "it is too fine", "bound_seconds": 0.05}
    text = render(result(run({"workers": 2}, **more), pinned=True))
    assert "at least 50.00" in text
    assert "100.0" not in text
    assert "+1.9" not in text
    assert "workers=2 cores=1 gil=on: bound only: it is too fine" in text
    assert "each thread pinned to a core" in " ".join(text.split())


def test_an_unstable_machine_is_told() -> None:
    still = Stability(before_ns=10_000, after_ns=11_000, moved=0.1, unstable=False)
    moved = Stability(before_ns=10_000, after_ns=15_000, moved=0.5, unstable=True)
    assert "unstable" not in render(result(run({}), stability=still))
    assert "unstable machine: its hand-over took 10.0 us before the real runs and 15.0 us" in render(
        result(run({}), stability=moved)
    )


def test_nothing_to_compare() -> None:
    text = render(result(run({}), error_median=None, error_max=None, sign_right=None))
    assert "nothing could be compared" in text


def test_what_was_left_out_is_told() -> None:
    samples = [Sample(block, "ok", seconds=0.1) for block in range(20)]
    row = run({}, disturbed=2, raw_seconds=0.105, samples=samples, measured_seconds=0.1, error=0.0)
    text = " ".join(render(result(row)).split())
    assert "2 of 20 runs were disturbed by other programs and left out; median of all 105.0 ms" in text

"""The first minute with weft: one shipped service through check, predict and validate, and a report at the end."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .checkers.finding import Result
    from .simcore.trace import Trace

WRONG = "weft.models.service:wrong"
RIGHT = "weft.models.service:right"
CORES = [1, 2, 4, 8]
_REPEAT_SIMULATED = 3
_REPEAT_REAL = 8
_REAL_RUN_S = 20.0


def run_tour(html: Path) -> Path:
    """Run the tour, printing as it goes; returns the report's path. Takes well under a minute on two cores."""
    from . import models
    from .real_runs.calibration import find_profile
    from .real_runs.machine import available_cores
    from .report import Report
    from .simcore.prediction import Configuration

    started = perf_counter()
    report = Report("weft tour: an inference service")
    with tempfile.TemporaryDirectory(prefix="weft-tour-") as scratch:
        _say(1, f"weft check {WRONG}", "a small inference service with a deadlock in it")
        wrong, traces = _check(WRONG, scratch)
        report.add_check(wrong, traces, "Will it deadlock? The shipped service")
        _say(2, f"weft check {RIGHT}", "the same service, mended")
        right, traces = _check(RIGHT, scratch)
        report.add_check(right, traces, "The mended service")
        size = _size(models)
        cores = len(available_cores())
        settings = " ".join(f"--set {name}={value}" for name, value in size.items())
        many = ",".join(str(count) for count in CORES)
        sweep = f"--set workers={many} {settings} --cores {many} --gil both"
        _say(3, f"weft predict {RIGHT} {sweep}", "one worker per core, with and without the GIL")
        simulated = [
            Configuration({"workers": count, **size}, count, mode) for mode in (True, False) for count in CORES
        ]
        profile = find_profile("default")
        prediction, files = _predict(simulated, profile, scratch)
        own = [count for count in CORES if count <= cores]
        workers = ",".join(str(count) for count in own)
        command = f"weft validate {RIGHT} --set workers={workers} {settings}"
        _say(4, command, f"the same program on this machine's {cores} cores")
        measured = [Configuration({"workers": count, **size}, cores, True) for count in own]
        validation = _validate(measured, profile)
        report.add_validation(validation, "Is the prediction true? Simulation against this machine", command)
        report.add_prediction(prediction, "How will it scale?", f"weft predict {RIGHT} {sweep}")
        for trace in files:
            report.add_timeline(trace, "Two workers on two simulated cores")
        path = report.write(html)
    click.echo(f"\ndone in {perf_counter() - started:.0f} s; the report: {path}")
    return path


def _say(number: int, command: str, what: str) -> None:
    click.echo(f"{'' if number == 1 else chr(10)}{number}. {what}\n   $ {command}\n")


def _size(models: Any) -> dict[str, Any]:
    """The service's measuring size, as its catalogue entry gives it."""
    entry = next(workload for workload in models.WORKLOADS if workload.name == "service")
    return {name: value for name, value in entry.large.items() if name != "workers"}


def _check(target: str, scratch: str) -> tuple[Result, list[Trace]]:
    from .cli_check import run_check
    from .options import Options
    from .simcore.trace import load
    from .text import render

    result, files, interrupted = run_check(target, [], {}, Options(traces=True), scratch, quiet=False)
    click.echo(render(result))
    if interrupted:
        raise click.Abort
    return result, [load(path) for path in files]


def _predict(configurations: list[Any], profile: Any, scratch: str) -> tuple[Any, list[Trace]]:
    from .cli_scaling import run_prediction
    from .predict_text import render
    from .simcore.trace import load

    prediction, files = run_prediction(
        RIGHT,
        [],
        configurations,
        machine=profile,
        repeat=_REPEAT_SIMULATED,
        seed=0,
        quiet=False,
        traces_in=scratch,
        timelines=[1],
    )
    click.echo(render(prediction), nl=False)
    return prediction, [load(path) for path in files]


def _validate(configurations: list[Any], profile: Any) -> Any:
    from .cli_scaling import run_prediction
    from .cli_validate import run_validation
    from .validate_text import render

    prediction, _ = run_prediction(
        RIGHT, [], configurations, machine=profile, repeat=_REPEAT_SIMULATED, seed=0, quiet=False
    )
    validation = run_validation(
        RIGHT, [], prediction, machine=profile, repeat=_REPEAT_REAL, timeout=_REAL_RUN_S, quiet=False
    )
    click.echo(render(validation), nl=False)
    return validation

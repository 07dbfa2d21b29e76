"""``weft validate --suite`` as a command: what is to be done from the options, progress, the report, the exit code."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .cli import FOUND, GAVE_UP, INTERRUPTED, stop, write_json, writing, written

if TYPE_CHECKING:
    from .real_runs.suite_plan import Plan, Progress
    from .real_runs.suite_result import SuiteResult
    from .simcore.profile import Profile

LONG_SECONDS = 3600.0
"""Above that it must be asked for with ``--yes``."""
_CALIBRATION_SECONDS = 25.0


def run_suite(
    *,
    families: Sequence[str],
    quick: bool,
    repeat: int,
    seed: int,
    machine: str | None,
    gil: bool | None,
    python: str | None,
    timeout: float,
    json_file: str | None,
    html: str | None,
    figures: str | None,
    quiet: bool,
    max_error: float | None,
    yes: bool,
) -> None:
    """Validate the suite and end the command."""
    import msgspec

    from .cli_validate import find_interpreter, measure_handover
    from .real_runs.machine import available_cores
    from .real_runs.suite import SUITE, SuiteError, chosen, thread_counts
    from .real_runs.suite_plan import Plan, estimated_seconds
    from .real_runs.suite_validation import validate_suite
    from .suite_predicting import SuitePredictor

    interpreter = find_interpreter(python, sorted({name for workload in SUITE for name in workload.needs}))
    if gil is None:
        gil = True if interpreter is None else interpreter.gil_enabled
    if interpreter is not None and interpreter.refusal(gil):
        stop(f"--python {python}: {interpreter.refusal(gil)}")
    if interpreter is None:
        _check_own(gil)
    if figures is not None:
        _check_figures()
    cores = len(available_cores())
    try:
        workloads = chosen(families, quick=quick)
        with written(json_file, html, figures):
            plan = Plan(
                workloads=workloads,
                counts=thread_counts(cores, quick),
                profile=_profile(machine, python, quiet),
                gil=gil,
                repeat=repeat,
                seed=seed,
                timeout_seconds=timeout,
                ablations=not quick,
                sweep=not quick and not families,
                what_ifs=not quick and not families,
                predict_repeat=3 if quick else 5,
                interpreter=interpreter,
                cores=cores,
                version=__version__,
                commands=["weft calibrate -o machine.json", _again()],
            )
            seconds = estimated_seconds(plan)
            if seconds > LONG_SECONDS and not yes:
                stop(
                    f"this would take about {seconds / 3600:.1f} hours; write --yes to go on, or --quick or --family F"
                )
            if not quiet:
                click.echo(f"about {_minutes(seconds)} for {_amount(plan)}", err=True)
            with progress_of(quiet) as progress, SuitePredictor(timeout) as predict:
                result = validate_suite(
                    plan, predict, handover=lambda: measure_handover(interpreter), record=_record, progress=progress
                )
            write_json(json_file, msgspec.to_builtins(result))
            if not quiet and json_file != "-":
                from .suite_text import render

                click.echo(render(result), nl=False)
            if result.rows:
                _draw(result, html, figures)
    except SuiteError as error:
        stop(str(error))
    raise click.exceptions.Exit(_exit_code(result, max_error))


def _exit_code(result: SuiteResult, max_error: float | None) -> int:
    if result.interrupted:
        return INTERRUPTED
    if not result.rows:
        return GAVE_UP
    held = result.summaries.get("hold-out") or result.summaries.get("all")
    largest = None if held is None else held.error_max_absolute
    return FOUND if max_error is not None and (largest is None or largest > max_error) else 0


def _check_figures() -> None:
    from .report_figures import FiguresError, check

    try:
        check()
    except FiguresError as error:
        stop(str(error))


def _check_own(gil: bool) -> None:
    from .real_runs.interpreter import this_interpreter

    refusal = this_interpreter().refusal(gil)
    if refusal:
        stop(f"--gil {'on' if gil else 'off'}: {refusal} (--python PATH)")


def _profile(machine: str | None, python: str | None, quiet: bool) -> Profile:
    """The profile that was named, or the one that lies here, or a new one."""
    from .cli_scaling import find_machine
    from .cli_validate import find_interpreter, measure_machine
    from .real_runs.profiles import OWN

    if machine is not None:
        return find_machine(machine)
    if python is None and Path(OWN).is_file():
        return find_machine(OWN)
    if not quiet:
        click.echo(f"no {OWN} here: calibrating first, at most {_CALIBRATION_SECONDS:g} s", err=True)
    return measure_machine(_CALIBRATION_SECONDS, "this machine", find_interpreter(python), quiet)


def _again() -> str:
    return shlex.join(["weft", *sys.argv[1:]])


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _amount(plan: Plan) -> str:
    programs = len(plan.workloads)
    return f"{programs} program{'' if programs == 1 else 's'}, {', '.join(map(str, plan.counts))} workers, {plan.repeat} blocks"


@contextmanager
def progress_of(quiet: bool) -> Generator[Progress]:
    """What is being done and how far it is, on standard error while it is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield _nothing
        return
    from rich.console import Console

    with Console(stderr=True).status("validating") as status:
        yield shown(status.update)


def _nothing(what: str, done: int, total: int) -> None:
    pass


def shown(update: Callable[[str], Any], now: Callable[[], float] = time.monotonic) -> Progress:
    """Progress as text: the count, and the time that this step still takes at the pace so far."""
    begun: dict[str, tuple[float, int]] = {}

    def progress(what: str, done: int, total: int) -> None:
        at = now()
        since, first = begun.setdefault(what, (at, done))
        left = ""
        if done > first and total > done:
            seconds = (at - since) / (done - first) * (total - done)
            left = f", {_minutes(seconds)} left in this step" if seconds >= 1 else ""
        update(f"{what}: {done} of {total}{left}" if total > 1 else what)

    return progress


def _record(target: str, params: dict[str, Any], path: Path) -> None:
    from .real_runs.recording import record

    record(target, params, path, version=__version__, quiet=True)


def _draw(result: SuiteResult, html: str | None, figures: str | None) -> None:
    from .simcore.trace import load

    traces = {name: load(file) for name, file in result.timelines.items()} if html or figures else {}
    if html is not None:
        from .report import Report

        report = Report("weft validate --suite").add_suite(result, traces)
        with writing(html):
            report.write(html)
    if figures is not None:
        from .report_figures import write

        with writing(figures):
            write(result, figures, traces)

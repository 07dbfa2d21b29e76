"""The commands about time: predict, validate, calibrate, record, and the tour."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .cli import (
    FOUND,
    GAVE_UP,
    HELP,
    INTERNAL,
    INTERRUPTED,
    chosen_target,
    numbers,
    output_options,
    parse_settings,
    stop,
    target_options,
    write_json,
    writing,
    written,
)
from .cli_check import names

if TYPE_CHECKING:
    from .real_runs.validation import ValidationResult
    from .simcore.prediction import Configuration, Prediction
    from .simcore.profile import Profile

_GIL = {"on": [True], "off": [False], "both": [True, False]}


def sweep_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What machine to simulate."""
    for decorate in (
        click.option("--machine", default="default", show_default=True, metavar="PROFILE", help="A machine profile."),
        click.option("--gil", type=click.Choice(list(_GIL)), default="on", show_default=True, help="The interpreter."),
        click.option("--cores", callback=numbers, metavar="N,N", help="Numbers of cores.  [default: this machine's]"),
    ):
        command = decorate(command)
    return command


def time_limit(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--timeout`` in seconds, with what it limits as its help."""
    return click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        default=60.0,
        show_default=True,
        metavar="S",
        help=what,
    )


def configurations_of(settings: tuple[str, ...], cores: list[int] | None, gil: str) -> list[Configuration]:
    """The sweep that the options describe, GIL modes first, then parameters, then cores."""
    from .simcore.prediction import Configuration

    counts = cores or _own_cores()
    combinations = parse_settings(settings)
    return [Configuration(params, count, mode) for mode in _GIL[gil] for params in combinations for count in counts]


def _own_cores() -> list[int]:
    from .real_runs.machine import available_cores

    number = len(available_cores())
    return [1] if number == 1 else [1, number]


def find_machine(name: str) -> Profile:
    from .real_runs.calibration import find_profile
    from .simcore.profile import ProfileError

    try:
        return find_profile(name)
    except ProfileError as error:
        stop(str(error))


@contextmanager
def counting(quiet: bool, what: str) -> Generator[Callable[[int, int], None] | None]:
    """``what: 3 of 20`` on standard error while it is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status(what) as status:

        def show(done: int, total: int) -> None:
            status.update(f"{what}: {done} of {total} runs")

        yield show


def run_prediction(
    target: str,
    argv: list[str],
    configurations: list[Configuration],
    *,
    machine: Profile,
    repeat: int,
    seed: int,
    quiet: bool,
    traces_in: str = "",
    timelines: list[int] | None = None,
    timeout: float = 60.0,
    inheritance: bool = False,
) -> tuple[Prediction, list[str]]:
    """A prediction, or the end of the command with its message."""
    from . import scaling
    from .process import ChildError

    with counting(quiet, "predicting") as show:
        try:
            return scaling.predict(
                target,
                argv,
                configurations,
                profile=machine,
                repeat=repeat,
                seed=seed,
                inheritance=inheritance,
                traces_in=traces_in,
                timelines=timelines,
                timeout_s=timeout,
                progress=None if show is None else lambda now: show(now["done"], now["total"]),
            )
        except ChildError as error:
            stop(str(error), error.code)


def run_validation(
    target: str,
    argv: list[str],
    prediction: Prediction,
    *,
    machine: Profile,
    repeat: int,
    timeout: float,
    quiet: bool,
) -> ValidationResult:
    """Real runs against a prediction, or the end of the command with its message."""
    from . import scaling
    from .real_runs.measure import MeasureError
    from .simcore.target import TargetError

    with counting(quiet, "measuring") as show:
        try:
            return scaling.validate(
                target, argv, prediction, profile=machine, repeat=repeat, timeout_seconds=timeout, progress=show
            )
        except (TargetError, MeasureError) as error:
            stop(str(error))


@click.command(context_settings=HELP)
@target_options
@output_options
@sweep_options
@click.option(
    "--repeat", type=click.IntRange(1), default=5, show_default=True, metavar="N", help="Simulated runs each."
)
@click.option("--inheritance", is_flag=True, help="A lock's owner has the priority of those that wait for it.")
@click.option("--perfetto", type=click.Path(dir_okay=False), metavar="FILE", help="Write the last run's timeline.")
@time_limit("Limit of one simulated run.")
def predict(
    target: str | None,
    args: tuple[str, ...],
    module: str | None,
    settings: tuple[str, ...],
    seed: int,
    json_file: str | None,
    html: str | None,
    quiet: bool,
    cores: list[int] | None,
    gil: str,
    machine: str,
    repeat: int,
    inheritance: bool,
    perfetto: str | None,
    timeout: float,
) -> None:
    """Simulate TARGET on virtual cores; say how it scales and what holds it back.

    \b
    Examples:
      weft predict weft.models.executor:run --cores 1,2,4
      weft predict pool.py:main --cores 1,2,4 --gil both --set workers=1,2,4
    """
    import msgspec

    from .predict_text import render

    text, argv = chosen_target(target, module, args)
    configurations = configurations_of(settings, cores, gil)
    profile = find_machine(machine)
    with written(json_file, html, perfetto), tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        wanted = [len(configurations) - 1] if perfetto or html else []
        prediction, traces = run_prediction(
            text,
            argv,
            configurations,
            machine=profile,
            repeat=repeat,
            seed=seed,
            quiet=quiet,
            traces_in=scratch if wanted else "",
            timelines=wanted,
            timeout=timeout,
            inheritance=inheritance,
        )
        write_json(json_file, msgspec.to_builtins(prediction))
        if not quiet and json_file != "-":
            click.echo(render(prediction), nl=False)
        write_pictures(f"weft predict {text}", prediction, None, traces, html, perfetto)
    raise click.exceptions.Exit(0 if prediction.runs else GAVE_UP)


def write_pictures(
    title: str,
    prediction: Prediction,
    validation: ValidationResult | None,
    traces: list[str],
    html: str | None,
    perfetto: str | None,
) -> None:
    """The report and the timeline file, where asked for."""
    from .simcore.trace import load

    loaded = [load(path) for path in traces]
    if html is not None:
        from .report import Report

        report = Report(title)
        if validation is not None and any(run.measured_seconds is not None for run in validation.runs):
            report.add_validation(validation)
        elif prediction.runs:
            report.add_prediction(prediction)
        for trace in loaded:
            report.add_timeline(trace)
        with writing(html):
            report.write(html)
    if perfetto is not None:
        from . import perfetto as timeline_file

        if not loaded:
            stop("there is no timeline to write: the last configuration did not complete", GAVE_UP)
        with writing(perfetto):
            timeline_file.write(perfetto, {"simulated": loaded[0]})


@click.command(context_settings=HELP)
@target_options
@output_options
@sweep_options
@click.option("--repeat", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="Real runs each.")
@time_limit("Limit of one real run.")
@click.option("--max-error", type=click.FloatRange(0), metavar="E", help="Exit 1 when an error is larger (0.1: 10 %).")
def validate(
    target: str | None,
    args: tuple[str, ...],
    module: str | None,
    settings: tuple[str, ...],
    seed: int,
    json_file: str | None,
    html: str | None,
    quiet: bool,
    cores: list[int] | None,
    gil: str,
    machine: str,
    repeat: int,
    timeout: float,
    max_error: float | None,
) -> None:
    """Predict, then run TARGET for real and report the error.

    The prediction is finished before the first real run. Configurations this machine cannot run (more cores, another
    interpreter) stay predictions.

    \b
    Examples:
      weft validate weft.models.executor:run --repeat 5
      weft validate weft.models.hashing:run --set workers=1,2 --json result.json
    """
    import msgspec

    from .validate_text import render

    text, argv = chosen_target(target, module, args)
    configurations = configurations_of(settings, cores or _own_cores()[-1:], gil)
    profile = find_machine(machine)
    with written(json_file, html), tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        wanted = [len(configurations) - 1] if html else []
        prediction, traces = run_prediction(
            text,
            argv,
            configurations,
            machine=profile,
            repeat=5,
            seed=seed,
            quiet=quiet,
            traces_in=scratch if wanted else "",
            timelines=wanted,
        )
        if not prediction.runs:
            stop(f"nothing to measure: {prediction.unfinished[0].reason}", GAVE_UP)
        result = run_validation(text, argv, prediction, machine=profile, repeat=repeat, timeout=timeout, quiet=quiet)
        write_json(json_file, msgspec.to_builtins(result))
        if not quiet and json_file != "-":
            click.echo(render(result), nl=False)
        write_pictures(f"weft validate {text}", prediction, result, traces, html, None)
    too_large = max_error is not None and (result.error_max is None or result.error_max > max_error)
    raise click.exceptions.Exit(FOUND if too_large else 0)


@click.command(context_settings=HELP)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), default="machine.json", show_default=True, metavar="FILE"
)
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, metavar="S", help="At most."
)
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
def calibrate(output: str, seconds: float, quiet: bool) -> None:
    """Measure what locks, threads and switches cost on this machine; write a machine profile.

    \b
    Examples:
      weft calibrate
      weft calibrate -o laptop.json && weft predict pool.py:main --machine laptop.json
    """
    from .real_runs.calibration import CalibrationError
    from .real_runs.calibration import calibrate as measure_machine

    with written(output):
        try:
            profile = measure_machine(seconds, Path(output).stem)
        except CalibrationError as error:
            stop(str(error))
        with writing(output):
            profile.save(output)
    if not quiet:
        click.echo(f"{'term':24} {'median':>12} {'95 % interval':>26} {'n':>6}")
        for name, sample in profile.samples.items():
            low, high = sample["interval"]
            click.echo(f"{name:24} {sample['median']:>9,.0f} ns {low:>11,.0f} .. {high:>9,.0f} ns {sample['n']:>6}")
        click.echo(f"written to {output}; use it with --machine {output}")


@click.command(context_settings=HELP)
@target_options
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), default="trace.weft", show_default=True, metavar="FILE"
)
@time_limit("Stop the program after S seconds.")
@click.option(
    "--perfetto", type=click.Path(dir_okay=False), metavar="FILE", help="Write the timeline for Perfetto too."
)
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write a report with the timeline.")
@click.option("--accesses", is_flag=True, help="Record accesses to shared variables too: slower, and shows races.")
@click.option(
    "--instrument",
    multiple=True,
    callback=names,
    metavar="PATTERN",
    help="With --accesses: those of these modules, too; a list with commas.",
)
@click.option("--quiet", "-q", is_flag=True, help="Throw the program's own output away.")
def record(
    target: str | None,
    args: tuple[str, ...],
    module: str | None,
    settings: tuple[str, ...],
    seed: int,
    output: str,
    timeout: float,
    perfetto: str | None,
    html: str | None,
    accesses: bool,
    instrument: tuple[str, ...],
    quiet: bool,
) -> None:
    """Run TARGET for real, on real threads, and record what it does with locks, queues and threads.

    A program that deadlocks is stopped, and who waits for what is printed.

    \b
    Examples:
      weft record service.py -o service.weft
      weft record service.py:main --set workers=2 --perfetto run.json
    """
    from .process import internal_error
    from .real_runs.recording import RecorderFault, RecordError
    from .real_runs.recording import record as record_run
    from .simcore.target import TargetError

    text, argv = chosen_target(target, module, args)
    combinations = parse_settings(settings)
    if len(combinations) > 1:
        stop("record runs the program once; give one value for each --set")
    if instrument and not accesses:
        stop("--instrument chooses whose accesses are recorded; write --accesses, too")
    with written(output, perfetto, html):
        try:
            recording = record_run(
                text,
                combinations[0],
                output,
                timeout,
                argv,
                version=__version__,
                quiet=quiet,
                accesses=accesses,
                instrument=instrument,
            )
        except RecorderFault as error:
            stop(internal_error(str(error)), INTERNAL)
        except (TargetError, RecordError) as error:
            stop(str(error))
    click.echo(recording.message, err=True)
    for note in recording.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{len(recording.trace)} events of {len(recording.trace.tables.threads)} threads in {output}", err=True)
    if perfetto is not None:
        from . import perfetto as timeline_file

        with writing(perfetto):
            timeline_file.write(perfetto, {"real": recording.trace})
    if html is not None:
        from .report import Report

        report = Report(f"weft record {text}").add_timeline(recording.trace)
        with writing(html):
            report.write(html)
    if recording.status == "interrupted":
        raise click.exceptions.Exit(INTERRUPTED)
    raise click.exceptions.Exit(0 if recording.status == "finished" else FOUND)


@click.command(context_settings=HELP)
@click.option("--html", type=click.Path(dir_okay=False), default="weft-tour.html", show_default=True, metavar="FILE")
@click.option("--open/--no-open", "show", default=True, help="Open the report in a browser (in a terminal only).")
def tour(html: str, show: bool) -> None:
    """The first minute: check, predict and validate a shipped inference service.

    \b
    Examples:
      weft tour
      weft tour --html /tmp/tour.html --no-open
    """
    from .tour import run_tour

    with written(html):
        path = run_tour(Path(html))
    if show and sys.stdout.isatty():
        click.launch(str(path))


def register(group: click.Group) -> None:
    """Add the commands to the ``weft`` group."""
    for command in (predict, validate, calibrate, record, tour):
        group.add_command(command)

"""The commands record and tour, and what the commands about time share: predict, validate."""

from __future__ import annotations

import sys
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
    parse_settings,
    stop,
    target_options,
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
        click.option(
            "--machine", default="default", metavar="PROFILE", help="Its profile.  [default: machine.json, if here]"
        ),
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

    counts = cores or own_cores()
    combinations = parse_settings(settings)
    return [Configuration(params, count, mode) for mode in _GIL[gil] for params in combinations for count in counts]


def own_cores() -> list[int]:
    """One core, and all that this process may use."""
    from .real_runs.machine import available_cores

    number = len(available_cores())
    return [1] if number == 1 else [1, number]


def given(option: str) -> bool:
    """Was an option written on the command line?"""
    return click.get_current_context().get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE


def own_machine(name: str) -> str:
    """The profile to use when none is named: what ``weft calibrate`` left in this folder, if it did."""
    from .real_runs.profiles import OWN

    return OWN if not given("machine") and Path(OWN).is_file() else name


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


def write_pictures(
    title: str,
    prediction: Prediction,
    validation: ValidationResult | None,
    traces: list[str],
    html: str | None,
    perfetto: str | None,
    explained: dict[str, Any] | None = None,
) -> None:
    """The report and the timeline file, where asked for; ``explained`` is the prediction's JSON with more in it."""
    from .simcore.trace import load

    loaded = [load(path) for path in traces]
    if html is not None:
        from .report import Report

        report = Report(title)
        if validation is not None and any(run.measured_seconds is not None for run in validation.runs):
            report.add_validation(validation)
        elif prediction.runs:
            report.add_prediction(explained or prediction)
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
    from .cli_predict import predict

    for command in (predict, record, tour):
        group.add_command(command)

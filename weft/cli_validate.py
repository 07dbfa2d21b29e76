"""The commands that meet the real machine: validate and calibrate.

Options in, exit codes out; what is measured, compared or written is not known here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .cli import (
    FOUND,
    GAVE_UP,
    HELP,
    chosen_target,
    output_options,
    stop,
    target_options,
    write_json,
    writing,
    written,
)
from .cli_scaling import (
    configurations_of,
    counting,
    find_machine,
    given,
    own_cores,
    own_machine,
    run_prediction,
    sweep_options,
    time_limit,
    write_pictures,
)

if TYPE_CHECKING:
    from .real_runs.envelope import Belief
    from .real_runs.interpreter import Interpreter
    from .real_runs.validation import ValidationResult
    from .simcore.prediction import Prediction
    from .simcore.profile import Profile

_REPEAT, _REPEAT_QUICK = 20, 12
_HANDOVER_SECONDS = 0.5


def run_validation(
    target: str,
    argv: list[str],
    prediction: Prediction,
    *,
    machine: Profile,
    repeat: int,
    timeout: float,
    quiet: bool,
    interpreter: Interpreter | None = None,
    pinned: bool = False,
    beliefs: Mapping[int, Belief] | None = None,
    handover: Callable[[], float] | None = None,
) -> ValidationResult:
    """Real runs against a prediction, or the end of the command with its message."""
    from . import __version__
    from .real_runs.measure import MeasureError
    from .real_runs.validation import validate as hold
    from .simcore.target import TargetError

    with counting(quiet, "measuring") as show:
        try:
            return hold(
                target,
                prediction,
                repeat=repeat,
                seed=prediction.seed,
                timeout_seconds=timeout,
                argv=argv,
                profile=machine,
                version=__version__,
                interpreter=interpreter,
                pinned=pinned,
                beliefs=beliefs,
                handover=handover,
                progress=show,
            )
        except (TargetError, MeasureError) as error:
            stop(str(error))


def find_interpreter(path: str | None, modules: Sequence[str] = ()) -> Interpreter | None:
    """The Python at ``path``, or the end of the command; None for this one."""
    from .real_runs.interpreter import InterpreterError, inspect

    if path is None:
        return None
    try:
        return inspect(path, modules)
    except InterpreterError as error:
        stop(str(error))


@click.command(context_settings=HELP)
@target_options
@output_options
@sweep_options
@click.option("--repeat", type=click.IntRange(1), metavar="N", help="Real runs each.  [default: 20; quick: 12]")
@time_limit("Limit of one real run.")
@click.option("--max-error", type=click.FloatRange(0), metavar="E", help="Exit 1 when an error is larger (0.1: 10 %).")
@click.option("--pinned", is_flag=True, help="Put the i-th thread on the i-th core.")
@click.option("--python", metavar="PATH", help="Run the real side on another interpreter.")
@click.option("--suite", is_flag=True, help="Validate weft itself on its own programs, instead of a TARGET.")
@click.option("--quick", is_flag=True, help="With --suite: fewer programs, configurations and runs.")
@click.option(
    "--family", "families", multiple=True, metavar="F", help="With --suite: this family only; may be repeated."
)
@click.option(
    "--figures", type=click.Path(file_okay=False), metavar="DIR", help="With --suite: figures as SVG and PNG."
)
@click.option("--yes", is_flag=True, help="With --suite: go on even if it takes more than an hour.")
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
    repeat: int | None,
    timeout: float,
    max_error: float | None,
    pinned: bool,
    python: str | None,
    suite: bool,
    quick: bool,
    families: tuple[str, ...],
    figures: str | None,
    yes: bool,
) -> None:
    """Predict, then run TARGET for real and report the error.

    The prediction is finished before the first real run. Configurations this machine cannot run (more cores, another
    interpreter) stay predictions. Without --machine, machine.json is used if `weft calibrate` left it here.

    \b
    Examples:
      weft validate weft.models.executor:run --repeat 5
      weft validate weft.models.hashing:run --set workers=1,2 --json result.json
      weft calibrate && weft validate --suite --html report.html
      weft validate --suite --quick --family pipeline
    """
    if suite:
        from .suite_command import run_suite

        if target is not None or module is not None:
            stop("--suite runs weft's own programs; leave the TARGET out, or leave --suite out")
        for option, text in (("settings", "--set"), ("cores", "--cores"), ("pinned", "--pinned")):
            if given(option):
                stop(f"{text} has no meaning with --suite: its programs, parameters and cores are fixed")
        if gil == "both":
            stop("--suite runs in one mode of the GIL at a time; write --gil on or --gil off")
        run_suite(
            families=families,
            quick=quick,
            repeat=repeat or (_REPEAT_QUICK if quick else _REPEAT),
            seed=seed,
            machine=machine if given("machine") else None,
            gil=(gil == "on") if given("gil") else None,
            python=python,
            timeout=timeout,
            json_file=json_file,
            html=html,
            figures=figures,
            quiet=quiet,
            max_error=max_error,
            yes=yes,
        )
        return
    for option in ("quick", "families", "figures", "yes"):
        if given(option):
            stop(f"--{'family' if option == 'families' else option} chooses from the suite; write --suite, too")
    _validate_target(
        target,
        args,
        module,
        settings,
        seed=seed,
        json_file=json_file,
        html=html,
        quiet=quiet,
        cores=cores,
        gil=gil,
        machine=own_machine(machine),
        repeat=repeat or _REPEAT,
        timeout=timeout,
        max_error=max_error,
        pinned=pinned,
        python=python,
    )


def _validate_target(
    target: str | None,
    args: tuple[str, ...],
    module: str | None,
    settings: tuple[str, ...],
    *,
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
    pinned: bool,
    python: str | None,
) -> None:
    import msgspec

    from .beliefs import beliefs
    from .validate_text import render

    text, argv = chosen_target(target, module, args)
    interpreter = find_interpreter(python)
    if interpreter is not None and not given("gil"):
        gil = "on" if interpreter.gil_enabled else "off"
    configurations = configurations_of(settings, cores or own_cores()[-1:], gil)
    profile = find_machine(machine)
    with written(json_file, html), tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        prediction, traces = run_prediction(
            text,
            argv,
            configurations,
            machine=profile,
            repeat=5,
            seed=seed,
            quiet=quiet,
            traces_in=scratch,
            timelines=list(range(len(configurations))),
        )
        if not prediction.runs:
            stop(f"nothing to measure: {prediction.unfinished[0].reason}", GAVE_UP)
        result = run_validation(
            text,
            argv,
            prediction,
            machine=profile,
            repeat=repeat,
            timeout=timeout,
            quiet=quiet,
            interpreter=interpreter,
            pinned=pinned,
            beliefs=beliefs(prediction, configurations, traces),
            handover=lambda: measure_handover(interpreter),
        )
        write_json(json_file, msgspec.to_builtins(result))
        if not quiet and json_file != "-":
            click.echo(render(result), nl=False)
        write_pictures(f"weft validate {text}", prediction, result, traces[-1:], html, None)
    too_large = max_error is not None and (result.error_max is None or result.error_max > max_error)
    raise click.exceptions.Exit(FOUND if too_large else 0)


@click.command(context_settings=HELP)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), default="machine.json", show_default=True, metavar="FILE"
)
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), default=25.0, show_default=True, metavar="S", help="At most."
)
@click.option("--python", metavar="PATH", help="Measure the costs of another interpreter.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
def calibrate(output: str, seconds: float, python: str | None, quiet: bool) -> None:
    """Measure what locks, threads, switches and shared memory cost on this machine; write a machine profile.

    \b
    Examples:
      weft calibrate
      weft calibrate -o pc.json && weft predict pool.py:main --machine pc.json
      weft calibrate --python ~/python3.13t/bin/python3 -o free-threaded.json
    """
    with written(output):
        profile = measure_machine(seconds, Path(output).stem, find_interpreter(python), quiet)
        with writing(output):
            profile.save(output)
    if not quiet:
        click.echo(calibration_table(profile))
        click.echo(f"written to {output}; use it with --machine {output}")


def measure_machine(seconds: float, name: str, interpreter: Interpreter | None, quiet: bool) -> Profile:
    """A calibration with its progress, or the end of the command."""
    from .real_runs.calibration import CalibrationError, calibrate
    from .real_runs.interpreter import InterpreterError

    with counting(quiet, "calibrating") as show:
        try:
            return calibrate(seconds, name, interpreter=interpreter, progress=show)
        except (CalibrationError, InterpreterError) as error:
            stop(str(error))


def measure_handover(interpreter: Interpreter | None) -> float:
    """The machine's hand-over now, in nanoseconds, on the interpreter of the real side."""
    from .real_runs.calibration import Prober, handover_now

    with Prober(interpreter) as prober:
        return handover_now(_HANDOVER_SECONDS, prober)


def calibration_table(profile: Profile) -> str:
    """Every term with its median, interval and number of samples."""
    lines = [f"{'term':30} {'median':>14} {'95 % interval':>26} {'n':>6}"]
    for name, sample in profile.samples.items():
        low, high = (_measured(value, sample) for value in sample["interval"])
        lines.append(f"{name:30} {_measured(sample['median'], sample):>14} {f'{low} .. {high}':>26} {sample['n']:>6}")
    machine = profile.machine
    load = ", ".join(str(value) for value in machine.get("load_average", ()))
    lines.append(
        f"{machine.get('cpu', 'unknown processor')}, {machine.get('cores', '?')} cores, {machine.get('kernel', '')}, "
        f"{machine.get('implementation', 'Python')} {machine.get('python', '')}"
    )
    return "\n".join([*lines, f"load {load}; {machine.get('date', '')}; valid for {profile.valid_days} days"])


def _measured(value: float, sample: Mapping[str, Any]) -> str:
    return f"{value:,.0f} ns" if sample.get("unit", "ns") == "ns" else f"{value:.3f}"


def register(group: click.Group) -> None:
    """Add the commands to the ``weft`` group."""
    for command in (validate, calibrate):
        group.add_command(command)

"""The command predict: options in, exit codes out; simulating, explaining and printing are done elsewhere."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from .cli import GAVE_UP, HELP, chosen_target, output_options, stop, target_options, write_json, written
from .cli_scaling import (
    configurations_of,
    counting,
    find_machine,
    own_machine,
    sweep_options,
    time_limit,
    write_pictures,
)

if TYPE_CHECKING:
    from .simcore.prediction import Configuration
    from .sweeping import Sweep, Swept

ENDS_AT_ONCE_S = 100e-6
"""A program that takes less does nothing: starting two threads costs more, and so does the noise of measuring it."""


def speeds(ctx: click.Context, param: click.Parameter, value: str | None) -> list[float] | None:
    """A callback for ``--core-speeds 1,1,0.5``: positive numbers."""
    if value is None:
        return None
    found: list[float] = []
    for part in value.split(","):
        try:
            speed = float(part)
        except ValueError:
            raise click.BadParameter(f"{part!r} is not a number; write e.g. 1,1,0.5", ctx, param) from None
        if not math.isfinite(speed) or speed <= 0:
            raise click.BadParameter(f"{part} is no speed; it must be above 0, and 1 is a core as measured", ctx, param)
        found.append(speed)
    return found


@click.command(context_settings=HELP)
@target_options
@output_options
@sweep_options
@click.option(
    "--repeat", type=click.IntRange(1), default=5, show_default=True, metavar="N", help="Measured runs of each program."
)
@click.option(
    "--what-if",
    "what_if",
    metavar="CHANGE,CHANGE",
    help="Changes to try: lock:NAME, cores=8, gil=off, scale:NAME=0.5, PARAMETER=VALUE.",
)
@click.option("--scale", "scales", multiple=True, metavar="NAME=FACTOR", help="Scale a function's time, everywhere.")
@click.option("--core-speeds", callback=speeds, metavar="S,S", help="Relative speeds of the cores; the last one holds.")
@click.option("--inheritance", is_flag=True, help="A lock's owner has the priority of those that wait for it.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Processes to use.")
@click.option("--cluster", default="", metavar="ADDRESS", help="A Dask scheduler to share the sweep out with.")
@click.option("--yes", is_flag=True, help="Make a sweep that takes longer than 10 minutes.")
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
    what_if: str | None,
    scales: tuple[str, ...],
    core_speeds: list[float] | None,
    inheritance: bool,
    workers: int,
    cluster: str,
    yes: bool,
    perfetto: str | None,
    timeout: float,
) -> None:
    """Simulate TARGET on virtual cores; say how it scales and what holds it back.

    Without --machine, machine.json is used if `weft calibrate` left it here.

    \b
    Examples:
      weft predict weft.models.executor:run --cores 1,2,4
      weft predict pool.py:main --cores 1,2,4 --gil both --set workers=1,2,4
      weft predict train.py:main --what-if lock:optimizer.lock,cores=8,gil=off
    """
    from .explanation import combined, not_looked_at
    from .predict_text import render
    from .real_runs.profiles import doubts
    from .sweeping import Sweep

    text, argv = chosen_target(target, module, args)
    configurations = scaled(configurations_of(settings, cores, gil), scales)
    profile = find_machine(own_machine(machine))
    if core_speeds:
        profile = replace(profile, core_speeds=core_speeds)
    check_changes(what_if)
    with written(json_file, html, perfetto), tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        wanted = (len(configurations) - 1,) if perfetto or html else ()
        sweep = Sweep(
            text,
            argv,
            configurations,
            profile,
            repeat=repeat,
            seed=seed,
            inheritance=inheritance,
            timeout_s=timeout,
            traces_in=scratch if wanted else "",
            timelines=wanted,
            what_if=what_if or "",
        )
        swept = run_sweep(sweep, workers=workers, cluster=cluster, yes=yes, quiet=quiet)
        swept = with_limits(swept, [*not_looked_at(swept.prediction, swept.explanation), *doubts(profile)])
        result = combined(swept.prediction, swept.explanation)
        write_json(json_file, result)
        if not quiet and json_file != "-":
            click.echo(render(swept.prediction, swept.explanation), nl=False)
        write_pictures(f"weft predict {text}", swept.prediction, None, swept.traces, html, perfetto, result)
    raise click.exceptions.Exit(0 if swept.prediction.runs else GAVE_UP)


def scaled(configurations: list[Configuration], scales: tuple[str, ...]) -> list[Configuration]:
    """The configurations with the factors of ``--scale`` options."""
    from .what_if import WhatIfError, parse_scale

    factors: dict[str, float] = {}
    for text in scales:
        try:
            name, factor = parse_scale(text, f"--scale {text!r}")
        except WhatIfError as error:
            stop(str(error))
        if name in factors:
            stop(f"--scale {name} is given twice; give one factor")
        factors[name] = factor
    return [replace(configuration, scale=factors) for configuration in configurations] if factors else configurations


def check_changes(what_if: str | None) -> None:
    """End with one message before any simulation when the changes cannot be read."""
    from .what_if import WhatIfError, parse_changes

    if what_if is not None:
        try:
            parse_changes(what_if)
        except WhatIfError as error:
            stop(str(error))


def with_limits(swept: Swept, said: list[str]) -> Swept:
    """The sweep with more that must be known of it."""
    from msgspec import structs

    limits = [*swept.prediction.limits, *said]
    return replace(swept, prediction=structs.replace(swept.prediction, limits=limits))


def run_sweep(sweep: Sweep, *, workers: int, cluster: str, yes: bool, quiet: bool) -> Swept:
    """A sweep, or the end of the command with its message."""
    from . import sweeping
    from .process import ChildError
    from .sweep_estimate import SweepError

    with counting(quiet, "predicting") as show:
        try:
            swept = sweeping.run(sweep, workers=workers, cluster=cluster, yes=yes, progress=show)
        except SweepError as error:
            stop(str(error))
        except ChildError as error:
            stop(str(error), error.code)
    runs = swept.prediction.runs
    if runs and max(run.seconds for run in runs) < ENDS_AT_ONCE_S and not swept.prediction.unfinished:
        stop(
            f"{sweep.target} ends at once (after {max(run.seconds for run in runs) * 1e6:.0f} us): there is "
            "nothing to predict; give it work to do (--set), or name the function that does it"
        )
    return swept

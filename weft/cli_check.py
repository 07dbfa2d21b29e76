"""``weft check``: options and configuration in, a checked result out in every form that was asked for.

The exploring happens in a child process; here is what surrounds it: the sweep, the suppressions, the files written.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .cli import (
    FOUND,
    HELP,
    INTERRUPTED,
    chosen_target,
    output_options,
    parse_settings,
    progress_line,
    stop,
    target_options,
    write_json,
    writing,
    written,
)

if TYPE_CHECKING:
    from .checkers.finding import Result
    from .configuration import Configuration
    from .options import Options
    from .suppressions import Suppressions


ROWS = "rows.jsonl"


def names(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """A callback for ``--instrument a,b --instrument c``: the patterns one by one."""
    found = tuple(part.strip() for text in value for part in text.split(","))
    if "" in found:
        raise click.BadParameter("there is an empty name between the commas; write e.g. redis,functools", ctx, param)
    return found


@click.command(context_settings=HELP)
@target_options
@output_options
@click.option("--sarif", type=click.Path(dir_okay=False), metavar="FILE", help="Write the result as SARIF 2.1.0.")
@click.option(
    "--strategy",
    type=click.Choice(["dpor", "random", "pct", "pos", "once"]),
    default="dpor",
    show_default=True,
    help="Who moves next.",
)
@click.option("--max-executions", type=click.IntRange(1), metavar="N", help="Stop after N executions.")
@click.option(
    "--max-seconds",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Stop after S seconds.",
)
@click.option(
    "--max-steps",
    type=click.IntRange(1),
    default=20_000,
    show_default=True,
    metavar="N",
    help="Cut an execution after N steps.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="S",
    help="How long one thread may run without a lock, queue, sleep …",
)
@click.option("--keep-going/--stop-early", default=False, help="Explore on after a finding; or not, the default.")
@click.option(
    "--races/--no-races", default=True, help="Watch the program's shared variables, the default; or locks only."
)
@click.option("--strict-races", is_flag=True, help="Unordered accesses without a consequence are findings, too.")
@click.option("--gil", type=click.Choice(["on", "off"]), help="off: as for an interpreter without: --strict-races.")
@click.option(
    "--instrument",
    multiple=True,
    callback=names,
    metavar="PATTERN",
    help="Watch the variables of these modules, too; a list with commas.",
)
@click.option("--precise", is_flag=True, help="Watch exec'd and async code, too, each instruction (Python 3.12+).")
@click.option(
    "--gpu",
    type=click.Choice(["none", "virtual"]),
    default="none",
    show_default=True,
    help="virtual: simulate torch's CUDA devices, and check streams.",
)
@click.option(
    "--gpus",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="N",
    help="How many devices --gpu virtual has.",
)
@click.option(
    "--rows",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write what the virtual devices were asked to do; weft analyze reads it.",
)
@click.option(
    "--config", type=click.Path(dir_okay=False), metavar="FILE", help="Read [tool.weft] here, not in pyproject.toml."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github"]),
    default="text",
    show_default=True,
    help="How findings are printed.",
)
@click.pass_context
def check(
    ctx: click.Context,
    target: str | None,
    args: tuple[str, ...],
    module: str | None,
    settings: tuple[str, ...],
    json_file: str | None,
    html: str | None,
    sarif: str | None,
    quiet: bool,
    config: str | None,
    form: str,
    gil: str | None,
    rows: str | None,
    **options: Any,
) -> None:
    """Explore the schedules of TARGET; report deadlocks, races, failures.

    \b
    Examples:
      weft check examples/dining_deadlocking.py
      weft check service.py:main --set workers=2 --json result.json

    TARGET is path.py, path.py:function, package.module:function or -m package.
    Options may also stand in [tool.weft] of pyproject.toml; those given here win.

    Exit codes: 0 nothing found, 1 findings, 2 wrong usage, 4 gave up, 130 interrupted.
    """
    from .suppressions import Suppressions

    text, argv = chosen_target(target, module, args)
    combinations = parse_settings(settings)
    configuration = read_configuration(config)
    chosen = chosen_options(ctx, configuration, gil, {**options, "traces": html is not None, "rows": rows is not None})
    if rows is not None and (chosen.gpu == "none" or len(combinations) > 1):
        stop("--rows is for one run with --gpu virtual; give that, and one value for each --set")
    suppressions = Suppressions(configuration.ignore, configuration.file)
    with written(json_file, html, sarif, rows), tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        results: list[Result] = []
        files: list[list[str]] = []
        interrupted = False
        for number, parameters in enumerate(combinations):
            place = Path(scratch) / str(number)
            result, traces, interrupted = _checked(text, argv, parameters, chosen, place, quiet, suppressions)
            results.append(result)
            files.append(traces)
            if interrupted:
                break
            if rows is not None:
                with writing(rows):
                    shutil.copyfile(max(place.glob(f"*/{ROWS}")), rows)  # of the second check, if there was one
        merged = merge(results, combinations)
        merged.unused_suppressions = results[-1].unused_suppressions = suppressions.unused(races=chosen.races)
        code = INTERRUPTED if interrupted else FOUND if merged.findings else 0
        _write(merged, json_file, sarif, form, quiet, code)
        if html is not None:
            write_report(html, f"weft check {text}", results, files)
    raise click.exceptions.Exit(code)


def read_configuration(file: str | None) -> Configuration:
    """``[tool.weft]``, or the end of the command with one line."""
    from .configuration import ConfigurationError, load

    try:
        return load(file)
    except ConfigurationError as error:
        stop(str(error))


def chosen_options(ctx: click.Context, configuration: Configuration, gil: str | None, given: dict[str, Any]) -> Options:
    """What the command line says, else what the configuration says, else the default of the command line."""
    from .options import Options

    said = {name for name in given if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}
    values = {name: value for name, value in configuration.values.items() if name != "ignore"}
    options = {**given, **{name: value for name, value in values.items() if name not in said}}
    if "strict_races" not in said:
        if gil is not None:
            options["strict_races"] = gil == "off"
        elif "strict_races" not in values:
            options["strict_races"] = not _has_gil()
    elif gil == "on":
        stop("--strict-races and --gil on contradict each other; give one of them")
    options["instrument"] = tuple(options["instrument"])
    if not options["races"] and (options["strict_races"] and ("strict_races" in said or gil == "off")):
        stop("without watching variables (--no-races, or races = false) there is nothing to be strict about")
    if options["precise"]:
        from .simcore.opcodes import NOTHING_TO_SEE, REFUSAL, supported

        if not supported() or not options["races"]:
            stop(NOTHING_TO_SEE if supported() else REFUSAL)
    return Options(**options)


def _has_gil() -> bool:
    """Does this very interpreter have a GIL? Python 3.13 and later can tell; before, all have."""
    asked = getattr(sys, "_is_gil_enabled", None)
    return asked is None or bool(asked())


def _checked(
    target: str,
    argv: list[str],
    parameters: dict[str, Any],
    options: Options,
    place: Path,
    quiet: bool,
    suppressions: Suppressions,
) -> tuple[Result, list[str], bool]:
    """One check with the suppressed findings set aside; (result, trace files of the others, interrupted).

    An exploration may stop early because of a finding that is suppressed; then it is done again to the end, since
    what a project has decided to live with must not hide the rest.
    """
    from dataclasses import replace

    def once(asked: Options, folder: Path) -> tuple[Result, list[int], list[str], bool]:
        folder.mkdir(parents=True)
        result, traces, interrupted = run_check(target, argv, parameters, asked, str(folder), quiet)
        return result, suppressions.apply(result), traces, interrupted

    result, kept, traces, interrupted = once(options, place / "first")
    stopped_early = result.suppressed and not kept and not result.exhaustive
    if stopped_early and not options.keep_going and not interrupted:
        result, kept, traces, interrupted = once(replace(options, keep_going=True), place / "second")
    if kept or result.suppressed:
        traces = [traces[position] for position in kept if position < len(traces)]
    return result, traces, interrupted


def run_check(
    target: str, argv: list[str], parameters: dict[str, Any], options: Options, traces_in: str, quiet: bool
) -> tuple[Result, list[str], bool]:
    """One check in a child process; (result, trace files, interrupted)."""
    import msgspec

    from .checkers.finding import Result
    from .process import ChildError, run_job

    job = {
        "command": "check",
        "target": target,
        "argv": argv,
        "parameters": parameters,
        "options": asdict(options),
        "quiet": True,
        "traces_in": traces_in if options.traces else "",
        "rows_file": str(Path(traces_in) / ROWS) if options.rows else "",
    }
    with progress_line(quiet) as progress:
        try:
            answer = run_job(
                job, limit_s=options.max_seconds, stall_s=options.timeout, seed=options.seed, progress=progress
            )
        except ChildError as error:
            stop(str(error), error.code)
    return msgspec.convert(answer["result"], Result), answer["traces"], answer["interrupted"]


def merge(results: list[Result], combinations: list[dict[str, Any]]) -> Result:
    """The results of a sweep as one; a single result is itself."""
    if len(combinations) == 1:
        return results[0]
    from msgspec.structs import replace

    from .sources import merged

    findings = {finding.fingerprint: finding for result in reversed(results) for finding in result.findings}
    suppressed = {finding.fingerprint: finding for result in reversed(results) for finding in result.suppressed}
    exhaustive = all(result.exhaustive for result in results) and len(results) == len(combinations)
    swept: dict[str, Any] = {}
    for name in combinations[0]:
        values = list(dict.fromkeys(combination[name] for combination in combinations))
        swept[name] = values if len(values) > 1 else values[0]
    return replace(
        results[0],
        parameters=swept,
        findings=list(findings.values()),
        suppressed=list(suppressed.values()),
        exhaustive=exhaustive,
        verdict="findings" if findings else "clean" if exhaustive else "incomplete",
        executions=sum(result.executions for result in results),
        steps=sum(result.steps for result in results),
        seconds=round(sum(result.seconds for result in results), 3),
        limits=_once(result.limits for result in results),
        notes=_once(result.notes for result in results),
        files=merged(result.files for result in results),
    )


def _once(lists: Any) -> list[str]:
    return list(dict.fromkeys(text for texts in lists for text in texts))


def _write(result: Result, json_file: str | None, sarif: str | None, form: str, quiet: bool, code: int) -> None:
    import msgspec

    write_json(json_file, msgspec.to_builtins(result))
    if sarif is not None:
        from .sarif import sarif as log

        write_json(sarif, log(result, exit_code=code, interrupted=code == INTERRUPTED))
    if not quiet and json_file != "-":
        if form == "github":
            from .github import render_github as render
        else:
            from .text import render
        click.echo(render(result))


def write_report(html: str, title: str, results: Sequence[Result], files: Sequence[list[str]]) -> None:
    """The HTML report of checks, with the traces behind their findings."""
    from .report import Report
    from .simcore.trace import load

    report = Report(title)
    for result, traces in zip(results, files, strict=True):
        report.add_check(result, [load(path) for path in traces])
    with writing(html):
        report.write(html)


def register(group: click.Group) -> None:
    """Add the command to the ``weft`` group."""
    group.add_command(check)

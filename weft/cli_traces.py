"""The commands about one run: ``locks`` predicts deadlocks from its lock order, ``analyze`` asks every trace checker.

A run is a trace file, or for ``locks`` also a target that is run once in the explored world.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from .cli import (
    FOUND,
    HELP,
    chosen_target,
    output_options,
    parse_settings,
    stop,
    target_options,
    write_json,
    writing,
    written,
)

if TYPE_CHECKING:
    from .checkers.finding import Finding, Result
    from .configuration import Configuration
    from .lock_graph import LockGraph
    from .options import Options
    from .simcore.trace import Trace

SUFFIXES = (".weft", ".jsonl", ".std")


def is_trace(target: str) -> bool:
    """A trace file by its name; any other file but Python source is read as a trace too."""
    path = Path(target)
    return path.suffix in SUFFIXES or (path.suffix != ".py" and path.is_file())


def read_trace(file: str) -> Trace:
    """Read a trace by what it holds: a ``.weft`` zip, JSON lines, or STD text. Ends the command when it is none."""
    from .simcore import std_format
    from .simcore.trace import TraceError, load

    path = Path(file)
    try:
        if path.suffix == ".std" or _looks_like_std(path):
            return std_format.load(path)
        trace = load(path)
    except TraceError as error:
        stop(str(error))
    if not len(trace):
        stop(f"{file} holds no event" + (f" ({trace.note})" if trace.note else ""))
    return trace


def _looks_like_std(path: Path) -> bool:
    if path.suffix in SUFFIXES:
        return False
    try:
        with path.open("rb") as file:
            start = file.read(200).lstrip()
    except OSError:
        return False
    return b"|" in start.split(b"\n")[0] and start[:1] not in (b"{", b"P")


def findings_of(trace: Trace) -> tuple[list[Finding], list[str]]:
    """What all checkers find, each once, and their notes; a deadlock that was reached is not predicted as well."""
    from .checkers.all_checkers import TRACE_CHECKERS
    from .checkers.lock_order.report import same_waits
    from .checkers.race import findings as races

    found: dict[str, Finding] = {}
    raced, notes = races.find(trace)
    for finding in [*(each for checker in TRACE_CHECKERS for each in checker(trace)), *raced]:
        reached = finding.rule == "D002" and any(same_waits(each, finding) for each in found.values())
        if not reached:
            found.setdefault(finding.fingerprint, finding)
    return list(found.values()), notes


def _file_option(name: str, what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(name, type=click.Path(dir_okay=False), metavar="FILE", help=what)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the result goes, and what of it counts."""
    for decorate in (
        click.option(
            "--format",
            "form",
            type=click.Choice(["text", "github"]),
            default="text",
            show_default=True,
            help="How findings are printed.",
        ),
        _file_option("--config", "Read [tool.weft] here, not in pyproject.toml."),
        _file_option("--sarif", "Write the result as SARIF 2.1.0."),
    ):
        command = decorate(command)
    return output_options(command)


def _set_aside(result: Result, configuration: Configuration) -> None:
    """Suppress what the project has decided to live with.

    Which suppressions did nothing is not said: one run is too little to call them superfluous.
    """
    from .suppressions import Suppressions

    Suppressions(configuration.ignore, configuration.file).apply(result)


def _write(result: Result, trace: Trace | None, sarif: str | None, html: str | None, title: str) -> None:
    """The files that do not depend on the command. The report shows the one run behind all findings."""
    if sarif is not None:
        from .sarif import sarif as log

        write_json(sarif, log(result, exit_code=FOUND if result.findings else 0))
    if html is not None:
        from .report import Report

        report = Report(title).add_check(result, command=title)
        if trace is not None:
            report.add_timeline(trace)
        with writing(html):
            report.write(html)


@click.command(context_settings=HELP)
@target_options
@_common
@_file_option("--dot", "Write the lock graph for Graphviz.")
@_file_option("--mermaid", "Write the lock graph as a Mermaid flowchart.")
@_file_option("--svg", "Write the lock graph as a picture.")
@click.option("--explain", is_flag=True, help="Name the cycles that were rejected.")
@click.option(
    "--length-max",
    type=click.IntRange(2, 8),
    metavar="N",
    help="Threads in a cycle.  [default: 4, and more while that is quick]",
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
@click.pass_context
def locks(
    ctx: click.Context,
    target: str | None,
    args: tuple[str, ...],
    module: str | None,
    settings: tuple[str, ...],
    json_file: str | None,
    html: str | None,
    sarif: str | None,
    config: str | None,
    form: str,
    quiet: bool,
    dot: str | None,
    mermaid: str | None,
    svg: str | None,
    explain: bool,
    length_max: int | None,
    **options: Any,
) -> None:
    """Predict deadlocks from the lock order of one good run.

    TARGET is run once; or give a trace file (.weft, .jsonl, STD). What a run of a target predicts is then steered for:
    a prediction that was reached is confirmed, and can be replayed.

    \b
    Examples:
      weft locks service.py:main --set workers=2
      weft locks service.weft --svg locks.svg

    Exit codes: 0 nothing predicted, 1 findings, 2 wrong usage or bad file, 4 gave up.
    """
    import msgspec

    from . import lock_graph
    from .cli_check import read_configuration
    from .text_runs import locks_text

    text, argv = chosen_target(target, module, args)
    combinations = parse_settings(settings)
    if len(combinations) > 1:
        stop("locks runs the program once; give one value for each --set")
    configuration = read_configuration(config)
    with written(json_file, html, sarif, dot, mermaid, svg), tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        if module is None and is_trace(text):
            result, graph, trace = _locks_of_trace(text, length_max)
        else:
            chosen = _options(ctx, configuration, options)
            traces_in = scratch if html is not None else ""
            result, graph, trace = _locks_of_target(text, argv, combinations[0], chosen, length_max, traces_in)
        _set_aside(result, configuration)
        for file, draw in ((dot, lock_graph.dot), (mermaid, lock_graph.mermaid), (svg, lock_graph.svg)):
            if file is not None:
                with writing(file):
                    Path(file).write_text(draw(graph), encoding="utf-8")
        write_json(json_file, {**msgspec.to_builtins(result), "graph": msgspec.to_builtins(graph)})
        _write(result, trace, sarif, html, f"weft locks {text}")
    if not quiet and json_file != "-":
        click.echo(locks_text(result, graph, explain) if form == "text" else _github(result))
    raise click.exceptions.Exit(FOUND if result.findings else 0)


def _options(ctx: click.Context, configuration: Configuration, given: dict[str, Any]) -> Options:
    """One run with what the command line says, else with what of the configuration has a meaning for one run."""
    from .options import Options

    said = {name for name in given if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}
    values = {name: value for name, value in configuration.values.items() if name in _CONFIGURED and name not in said}
    chosen: dict[str, Any] = {**given, **values, "instrument": tuple(values.get("instrument", ()))}
    return Options(strategy="once", **chosen)


_CONFIGURED = ("instrument", "max_seconds", "max_steps", "races", "seed", "timeout")


def _locks_of_trace(file: str, length_max: int | None) -> tuple[Result, LockGraph, Trace]:
    from .checkers.lock_order import find
    from .lock_graph import graph_of
    from .locking import result_of
    from .sources import trace_files

    started = perf_counter()
    trace = read_trace(file)
    order = find(trace, length_max=length_max)
    limits = ([trace.note] if trace.note else []) + order.limits
    result = result_of("locks", file, order.findings, limits, order)
    result.files = trace_files(trace)
    result.seconds = round(perf_counter() - started, 3)
    return result, graph_of(order), trace


def _locks_of_target(
    target: str,
    argv: list[str],
    parameters: dict[str, Any],
    options: Options,
    length_max: int | None,
    traces_in: str,
) -> tuple[Result, LockGraph, Trace | None]:
    import msgspec

    from .checkers.finding import Result
    from .lock_graph import LockGraph
    from .process import ChildError, run_job
    from .simcore.trace import load

    job = {
        "command": "locks",
        "target": target,
        "argv": argv,
        "parameters": parameters,
        "options": asdict(options),
        "length_max": length_max,
        "quiet": True,
        "traces_in": traces_in,
    }
    try:
        answer = run_job(job, limit_s=options.max_seconds, stall_s=options.timeout, seed=options.seed)
    except ChildError as error:
        stop(str(error), error.code)
    traces = [load(path) for path in answer["traces"]]
    result, graph = msgspec.convert(answer["result"], Result), msgspec.convert(answer["graph"], LockGraph)
    return result, graph, traces[0] if traces else None


def _github(result: Result) -> str:
    from .github import render_github

    return render_github(result)


@click.command(context_settings=HELP)
@click.argument("trace", type=click.Path())
@_common
@_file_option("--std", "Write the trace in the STD format of RAPID.")
def analyze(
    trace: str,
    json_file: str | None,
    html: str | None,
    sarif: str | None,
    config: str | None,
    form: str,
    quiet: bool,
    std: str | None,
) -> None:
    """Run the trace checkers on a recorded or imported TRACE (.weft, .jsonl, STD).

    TRACE may also be what weft check --gpu virtual --rows has written, or a
    folder of NCCL Flight Recorder dumps, one for each rank of a job that hangs.

    \b
    Examples:
      weft record service.py -o service.weft; weft analyze service.weft
      weft analyze benchmark.std --json -
      weft analyze /tmp/nccl_traces

    Exit codes: 0 nothing found, 1 findings, 2 bad file.
    """
    import msgspec

    from .cli_check import read_configuration
    from .locking import result_of
    from .simcore import std_format
    from .simcore.gpu.rows import looks_like_rows
    from .sources import trace_files
    from .text_runs import analyze_text

    started = perf_counter()
    configuration = read_configuration(config)
    with written(json_file, html, sarif, std):
        dumps = Path(trace).is_dir()
        read = None if dumps or looks_like_rows(Path(trace)) else read_trace(trace)
        if read is None:
            result = _analyzed_dumps(trace) if dumps else _analyzed_rows(trace)
            if std is not None:
                stop(
                    f"{trace} holds no trace of threads, and the STD format has no words for anything else; leave --std out"
                )
        else:
            limits = [read.note] if read.note else []
            limits.append("other schedules than those this trace can be reordered to")
            findings, notes = findings_of(read)
            result = result_of("analyze", trace, findings, limits)
            result.notes = notes
            result.steps = len(read)
            result.files = trace_files(read)
        _set_aside(result, configuration)
        result.seconds = round(perf_counter() - started, 3)
        if std is not None and read is not None:
            with writing(std):
                std_format.save(read, std)
        write_json(json_file, msgspec.to_builtins(result))
        _write(result, read, sarif, html, f"weft analyze {trace}")
    if not quiet and json_file != "-":
        click.echo(analyze_text(result) if form == "text" else _github(result))
    raise click.exceptions.Exit(FOUND if result.findings else 0)


def _analyzed_rows(file: str) -> Result:
    """Streams and host threads of one run on devices."""
    from .checkers.gpu.findings import find
    from .locking import result_of
    from .simcore.gpu.rows import RowsError, load

    try:
        _, rows = load(Path(file))
    except RowsError as error:
        stop(str(error))
    if not rows:
        stop(f"{file} holds no row: the program has asked nothing of a device")
    result = result_of("analyze", file, find(rows), ["other orders of the host threads than this one"])
    result.steps = len(rows)
    return result


def _analyzed_dumps(folder: str) -> Result:
    """The collectives of a distributed job."""
    from .checkers.gpu.collectives import find
    from .locking import result_of
    from .real_runs.flight_recorder import DumpError, read_folder

    try:
        dumps = read_folder(Path(folder))
    except DumpError as error:
        stop(str(error))
    result = result_of("analyze", folder, find(dumps.logs), ["what the ranks did before their recorders began"])
    result.notes = dumps.notes
    result.steps = sum(len(log.entries) for log in dumps.logs)
    return result


def register(group: click.Group) -> None:
    """Add the commands to the ``weft`` group."""
    for command in (locks, analyze):
        group.add_command(command)

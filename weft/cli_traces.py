"""The commands about one run: ``locks`` predicts deadlocks from its lock order, ``analyze`` asks every trace checker.

A run is a trace file, or for ``locks`` also a target that is run once in the explored world.
"""

from __future__ import annotations

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
    parse_settings,
    stop,
    target_options,
    write_json,
    writing,
    written,
)

if TYPE_CHECKING:
    from .checkers.finding import Finding, Result
    from .lock_graph import LockGraph
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
    """Where the result goes."""
    for decorate in (
        click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors."),
        click.option(
            "--format",
            "form",
            type=click.Choice(["text", "github"]),
            default="text",
            show_default=True,
            help="How findings are printed.",
        ),
        click.option(
            "--json",
            "json_file",
            type=click.Path(dir_okay=False, allow_dash=True),
            metavar="FILE|-",
            help="Write the result as JSON.",
        ),
    ):
        command = decorate(command)
    return command


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
    default=4,
    show_default=True,
    metavar="N",
    help="Threads in a cycle; more take longer.",
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
def locks(
    target: str | None,
    args: tuple[str, ...],
    module: str | None,
    settings: tuple[str, ...],
    seed: int,
    json_file: str | None,
    form: str,
    quiet: bool,
    dot: str | None,
    mermaid: str | None,
    svg: str | None,
    explain: bool,
    length_max: int,
    max_steps: int,
    timeout: float,
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

    text, argv = chosen_target(target, module, args)
    combinations = parse_settings(settings)
    if len(combinations) > 1:
        stop("locks runs the program once; give one value for each --set")
    with written(json_file, dot, mermaid, svg):
        if module is None and is_trace(text):
            result, graph = _locks_of_trace(text, length_max)
        else:
            result, graph = _locks_of_target(
                text, argv, combinations[0], seed=seed, length_max=length_max, max_steps=max_steps, timeout=timeout
            )
        for file, draw in ((dot, lock_graph.dot), (mermaid, lock_graph.mermaid), (svg, lock_graph.svg)):
            if file is not None:
                with writing(file):
                    Path(file).write_text(draw(graph), encoding="utf-8")
        write_json(json_file, {**msgspec.to_builtins(result), "graph": msgspec.to_builtins(graph)})
    if not quiet and json_file != "-":
        click.echo(_locks_text(result, graph, explain) if form == "text" else _github(result))
    raise click.exceptions.Exit(FOUND if result.findings else 0)


def _locks_of_trace(file: str, length_max: int) -> tuple[Result, LockGraph]:
    from .checkers.lock_order import find
    from .lock_graph import graph_of
    from .locking import result_of

    started = perf_counter()
    trace = read_trace(file)
    order = find(trace, length_max=length_max)
    limits = ([trace.note] if trace.note else []) + order.limits
    result = result_of("locks", file, order.findings, limits, order)
    result.seconds = round(perf_counter() - started, 3)
    return result, graph_of(order)


def _locks_of_target(
    target: str,
    argv: list[str],
    parameters: dict[str, Any],
    *,
    seed: int,
    length_max: int,
    max_steps: int,
    timeout: float,
) -> tuple[Result, LockGraph]:
    import msgspec

    from .checkers.finding import Result
    from .checking import Options
    from .lock_graph import LockGraph
    from .process import ChildError, run_job

    options = Options(strategy="once", seed=seed, max_steps=max_steps, timeout=timeout)
    job = {
        "command": "locks",
        "target": target,
        "argv": argv,
        "parameters": parameters,
        "options": asdict(options),
        "length_max": length_max,
        "quiet": True,
    }
    try:
        answer = run_job(job, limit_s=options.max_seconds, stall_s=timeout, seed=seed)
    except ChildError as error:
        stop(str(error), error.code)
    return msgspec.convert(answer["result"], Result), msgspec.convert(answer["graph"], LockGraph)


def _github(result: Result) -> str:
    from .github import render_github

    return render_github(result)


def _locks_text(result: Result, graph: LockGraph, explain: bool) -> str:
    from .checkers.lock_order.prediction import REASONS
    from .lock_graph import counted, lines_of
    from .text import render_finding
    from .wording import wrapped

    blocks = [render_finding(finding) for finding in result.findings]
    count = f"{len(graph.locks)} lock{'s' if len(graph.locks) != 1 else ''}"
    summary = [f"  {count}, {len(graph.edges)} taken while another was held" + (":" if graph.edges else "")]
    for line in lines_of(graph):
        summary += wrapped(line, "    ", "      ")
    rejected = counted(graph.rejected, REASONS)
    if rejected:
        summary += wrapped(rejected + ("" if explain else " (--explain names them)"), "  ", "    ")
    if explain:
        for cycle in graph.rejected:
            ring = " → ".join((*cycle.locks, cycle.locks[0]))
            summary += wrapped(f"{ring}: {REASONS[cycle.reason]}", "    ", "      ")
    blocks.append("\n".join([*summary, *_ending(result, "nothing predicted from this run")]))
    return "\n\n".join(blocks)


def _ending(result: Result, nothing: str) -> list[str]:
    """What was not seen, how much was looked at, and alone on the last line the verdict."""
    from .wording import wrapped

    lines: list[str] = []
    for limit in result.limits:
        lines += wrapped(f"not seen: {limit}", "  ", "            ")
    runs = f"{result.executions} execution{'s' if result.executions != 1 else ''}"
    unit = "events" if result.engine == "trace" else "steps"
    lines.append(f"  ran: {runs}, {result.steps:,} {unit}, {result.seconds:.2f} s, {result.engine}")
    if not result.findings:
        return [*lines, nothing]
    rules = ", ".join(dict.fromkeys(finding.rule for finding in result.findings))
    number = len(result.findings)
    return [*lines, f"{number} finding{'s' if number != 1 else ''}: {rules}"]


@click.command(context_settings=HELP)
@click.argument("trace", type=click.Path(dir_okay=False))
@_common
@_file_option("--std", "Write the trace in the STD format of RAPID.")
def analyze(trace: str, json_file: str | None, form: str, quiet: bool, std: str | None) -> None:
    """Run the trace checkers on a recorded or imported TRACE (.weft, .jsonl, STD).

    \b
    Examples:
      weft record service.py -o service.weft; weft analyze service.weft
      weft analyze benchmark.std --json -

    Exit codes: 0 nothing found, 1 findings, 2 bad file.
    """
    import msgspec

    from .locking import result_of
    from .simcore import std_format
    from .text import note_lines, render_finding

    started = perf_counter()
    with written(json_file, std):
        read = read_trace(trace)
        limits = [read.note] if read.note else []
        limits.append("other schedules than those this trace can be reordered to")
        findings, notes = findings_of(read)
        result = result_of("analyze", trace, findings, limits)
        result.notes = notes
        result.steps = len(read)
        result.seconds = round(perf_counter() - started, 3)
        if std is not None:
            with writing(std):
                std_format.save(read, std)
        write_json(json_file, msgspec.to_builtins(result))
    if not quiet and json_file != "-":
        if form == "github":
            click.echo(_github(result))
        else:
            blocks = [render_finding(finding) for finding in result.findings]
            if notes:
                blocks.append("\n".join(note_lines(notes)))
            blocks.append("\n".join(_ending(result, "nothing found in this trace")))
            click.echo("\n\n".join(blocks))
    raise click.exceptions.Exit(FOUND if result.findings else 0)


def register(group: click.Group) -> None:
    """Add the commands to the ``weft`` group."""
    for command in (locks, analyze):
        group.add_command(command)

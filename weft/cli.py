"""The command line: options in, exit codes out. Each command leaves the doing to others."""

from __future__ import annotations

import ast
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from . import __version__

if TYPE_CHECKING:
    from .checkers.finding import Result

FOUND, USAGE, INTERNAL, GAVE_UP, INTERRUPTED = 1, 2, 3, 4, 130

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


def numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> list[int] | None:
    """A callback for options such as ``--cores 1,2,4``: whole numbers, each 1 or more."""
    if value is None:
        return None
    found: list[int] = []
    for part in value.split(","):
        try:
            number = int(part)
        except ValueError:
            raise click.BadParameter(f"{part!r} is not a whole number; write e.g. 1,2,4", ctx, param) from None
        if number < 1:
            raise click.BadParameter(f"{number} is too small; it must be 1 or more", ctx, param)
        found.append(number)
    return found


def stop(message: str, code: int = USAGE) -> NoReturn:
    """End with one message on standard error and the documented exit code."""
    click.echo(f"weft: {message}", err=True)
    raise click.exceptions.Exit(code)


def parse_settings(settings: Sequence[str]) -> list[dict[str, Any]]:
    """``--set name=1,2`` options as the list of parameter combinations, in the order given."""
    names: list[str] = []
    choices: list[list[Any]] = []
    for setting in settings:
        name, equals, values = setting.partition("=")
        if not equals or not name.isidentifier() or not values:
            stop(f"--set {setting!r} must be NAME=VALUE or NAME=VALUE,VALUE,…")
        if name in names:
            stop(f"--set {name} is given twice; write --set {name}=VALUE,VALUE")
        names.append(name)
        choices.append([_value(part) for part in values.split(",")])
    return [dict(zip(names, combination, strict=True)) for combination in itertools.product(*choices)]


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """TARGET, ``-m`` and ``-- ARGS``, and the parameters, common to every command that runs a program."""
    for decorate in (
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of every random choice."
        ),
        click.option("--set", "settings", multiple=True, metavar="NAME=V,V", help="Parameters of the function, swept."),
        click.option("-m", "module", metavar="PACKAGE", help="Run a package as python -m would."),
        click.argument("args", nargs=-1, type=click.UNPROCESSED),
        click.argument("target", required=False),
    ):
        command = decorate(command)
    return command


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where results go besides standard output."""
    for decorate in (
        click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors."),
        click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write a self-contained report."),
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


def chosen_target(target: str | None, module: str | None, args: tuple[str, ...]) -> tuple[str, list[str]]:
    """The target text and its own arguments; refuses none or two."""
    if module is not None:
        own = ([target] if target is not None else []) + list(args)
        return f"-m {module}", own
    if target is None:
        stop("no target; write path.py, path.py:function, package.module:function or -m package")
    return target, list(args)


@contextmanager
def written(*files: str | None) -> Generator[None]:
    """Check early that these files can be written, so that no minute of work is lost at the end."""
    for file in files:
        if file not in (None, "-"):
            parent = Path(str(file)).resolve().parent
            if not parent.is_dir():
                stop(f"cannot write {file}: there is no folder {parent}")
    yield


@contextmanager
def writing(file: str) -> Generator[None]:
    """Turn the refusal of the file system to take ``file`` into the end of the command."""
    try:
        yield
    except OSError as error:
        stop(f"cannot write {file}: {error.strerror}")


def write_json(json_file: str | None, value: Any) -> None:
    if json_file is None:
        return
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    if json_file == "-":
        click.echo(text, nl=False)
        return
    with writing(json_file):
        Path(json_file).write_text(text, encoding="utf-8")


@contextmanager
def progress_line(quiet: bool) -> Generator[Callable[[dict[str, Any]], None] | None]:
    """A line on standard error while it is a terminal; nothing otherwise."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("exploring") as status:

        def show(now: dict[str, Any]) -> None:
            rate = now["executions"] / max(now["seconds"], 1e-9)
            status.update(f"exploring: {now['executions']:,} executions, {rate:,.0f}/s")

        yield show


@click.group(context_settings=HELP)
@click.version_option(__version__, prog_name="weft")
def cli() -> None:
    """Will it deadlock, will it race, how will it scale?

    weft runs unmodified threaded Python in simulation, reports what can go wrong, predicts how it scales, and checks
    its answers against the real machine.
    """


@cli.command(context_settings=HELP)
@target_options
@output_options
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
@click.option("--keep-going", is_flag=True, help="Explore on after a finding.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github"]),
    default="text",
    show_default=True,
    help="How findings are printed.",
)
def check(
    target: str | None,
    args: tuple[str, ...],
    module: str | None,
    settings: tuple[str, ...],
    seed: int,
    json_file: str | None,
    html: str | None,
    quiet: bool,
    strategy: str,
    form: str,
    **limits: Any,
) -> None:
    """Explore the schedules of TARGET; report deadlocks, failures, livelocks.

    \b
    Examples:
      weft check examples/dining_deadlocking.py
      weft check service.py:main --set workers=2 --json result.json

    TARGET is path.py, path.py:function, package.module:function or -m package.
    Exit codes: 0 nothing found, 1 findings, 2 wrong usage, 4 gave up, 130 interrupted.
    """
    from . import text as text_form
    from .checking import Options

    text, argv = chosen_target(target, module, args)
    combinations = parse_settings(settings)
    options = Options(strategy=strategy, seed=seed, traces=html is not None, **limits)
    with written(json_file, html), tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        results: list[Result] = []
        files: list[list[str]] = []
        interrupted = False
        for number, parameters in enumerate(combinations):
            place = Path(scratch) / str(number)
            place.mkdir()
            result, traces, stopped = run_check(text, argv, parameters, options, str(place), quiet)
            results.append(result)
            files.append(traces)
            interrupted |= stopped
            if stopped:
                break
        merged = merge(results, combinations)
        import msgspec

        write_json(json_file, msgspec.to_builtins(merged))
        if not quiet and json_file != "-":
            click.echo(text_form.render_github(merged) if form == "github" else text_form.render(merged))
        if html is not None:
            write_report(html, f"weft check {text}", results, files)
    if interrupted:
        raise click.exceptions.Exit(INTERRUPTED)
    raise click.exceptions.Exit(FOUND if merged.findings else 0)


def run_check(
    target: str, argv: list[str], parameters: dict[str, Any], options: Any, traces_in: str, quiet: bool
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
    first = results[0]
    findings = {finding.fingerprint: finding for result in reversed(results) for finding in result.findings}
    exhaustive = all(result.exhaustive for result in results) and len(results) == len(combinations)
    swept: dict[str, Any] = {}
    for name in combinations[0]:
        values = list(dict.fromkeys(combination[name] for combination in combinations))
        swept[name] = values if len(values) > 1 else values[0]
    first.parameters = swept
    first.findings = list(findings.values())
    first.exhaustive = exhaustive
    first.verdict = "findings" if findings else "clean" if exhaustive else "incomplete"
    first.executions = sum(result.executions for result in results)
    first.steps = sum(result.steps for result in results)
    first.seconds = round(sum(result.seconds for result in results), 3)
    first.limits = list(dict.fromkeys(limit for result in results for limit in result.limits))
    return first


def write_report(html: str, title: str, results: list[Result], files: list[list[str]]) -> None:
    """The HTML report of checks, with the traces behind their findings."""
    from .report import Report
    from .simcore.trace import load

    report = Report(title)
    for result, traces in zip(results, files, strict=True):
        report.add_check(result, [load(path) for path in traces])
    with writing(html):
        report.write(html)


@cli.command(context_settings=HELP)
@click.argument("failure", type=click.Path(dir_okay=False))
@output_options
@click.option("--pdb", is_flag=True, help="Open the debugger where the thread failed.")
def replay(failure: str, json_file: str | None, html: str | None, quiet: bool, pdb: bool) -> None:
    """Run one recorded schedule again, exactly.

    \b
    Examples:
      weft replay .weft/failures/ab12cd34ef56.json
      weft replay .weft/failures/ab12cd34ef56.json --pdb

    Exit codes: 1 the failure was reproduced, 0 the program no longer fails,
    2 the program no longer follows the schedule.
    """
    import msgspec

    from . import text as text_form
    from .checkers.finding import Result
    from .checking import FailureFileError, read_failure
    from .process import ChildError, run_job

    try:
        content = read_failure(Path(failure))
    except FailureFileError as error:
        stop(str(error))
    options = content["options"]
    with written(json_file, html), tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        job = {
            "command": "replay",
            "target": content["target"],
            "argv": content.get("argv", []),
            "failure": str(Path(failure).resolve()),
            "quiet": False,
            "pdb": pdb,
            "traces_in": scratch if html is not None else "",
        }
        try:
            answer = run_job(
                job,
                limit_s=86_400.0 if pdb else options["max_seconds"],
                stall_s=options["timeout"],
                seed=options["seed"],
            )
        except ChildError as error:
            stop(str(error), error.code)
        result = msgspec.convert(answer["result"], Result)
        for finding in result.findings:
            finding.replay = failure
        if not quiet and json_file != "-":
            if result.findings:
                click.echo("\n\n".join(text_form.render_finding(finding) for finding in result.findings))
                click.echo(f"\nreproduced: {result.steps} steps as recorded")
            else:
                click.echo(f"not reproduced: the {len(content['schedule'])} recorded steps ran and nothing failed")
        write_json(json_file, msgspec.to_builtins(result))
        if html is not None:
            write_report(html, f"weft replay {failure}", [result], [answer["traces"]])
    raise click.exceptions.Exit(FOUND if result.findings else 0)


@cli.command(context_settings=HELP)
@click.argument("rule", required=False)
def explain(rule: str | None) -> None:
    """Say what a rule means, with an example and its cure.

    \b
    Examples:
      weft explain D001
      weft explain            (lists every rule)
    """
    from .checkers.rules import RULES
    from .checkers.rules import explain as explain_rule

    if rule is None:
        for item in RULES.values():
            note = "" if item.since != "planned" else "  (planned)"
            click.echo(f"{item.id}  {item.kind}{note}")
        return
    found = RULES.get(rule.upper())
    if found is None:
        import difflib

        near = difflib.get_close_matches(rule.upper(), RULES, 1)
        stop(f"no rule {rule!r}" + (f"; did you mean {near[0]}?" if near else "; `weft explain` lists them"))
    click.echo(explain_rule(found))


def main() -> None:
    """Entry point of the ``weft`` command; no exception of ours reaches the user as a traceback."""
    from . import cli_scaling

    cli_scaling.register(cli)
    try:
        code = int(cli(standalone_mode=False, prog_name="weft") or 0)
    except click.UsageError as error:
        error.show()
        code = USAGE
    except click.ClickException as error:
        error.show()
        code = USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("weft: interrupted", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        code = 0
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except Exception:
        import traceback

        from .process import internal_error

        click.echo(f"weft: {internal_error(traceback.format_exc())}", err=True)
        code = INTERNAL
    sys.exit(code)

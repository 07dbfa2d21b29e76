"""The command line: options in, exit codes out. Each command leaves the doing to others.

Here is what commands share, the way in, and the two short commands; the others register themselves.
"""

from __future__ import annotations

import ast
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from . import __version__

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


class _Commands(click.Group):
    """Ctrl-C ends a command with one line, without the empty one that click would put before it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            raise click.Abort from stopped


@click.group(cls=_Commands, context_settings=HELP)
@click.version_option(__version__, prog_name="weft")
def cli() -> None:
    """Will it deadlock, will it race, how will it scale?

    weft runs unmodified threaded Python in simulation, reports what can go wrong, predicts how it scales, and checks
    its answers against the real machine.
    """


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
    from .cli_check import write_report
    from .failure_file import FailureFileError, read_failure
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
@click.option("--example", "only", flag_value="example", help="Print just the program that has the bug.")
@click.option("--cured", "only", flag_value="cured", help="Print just the program without it.")
def explain(rule: str | None, only: str | None) -> None:
    """Say what a rule means, with a program that has the bug and its cure.

    \b
    Examples:
      weft explain D001
      weft explain R002 --example > r002.py && weft check r002.py
      weft explain            (lists every rule)
    """
    from . import explained
    from .checkers.rules import RULES
    from .configuration import unknown_rule

    if rule is None:
        if only is not None:
            stop(f"--{only} of which rule? write e.g. weft explain R002 --{only}")
        for item in RULES.values():
            note = "" if item.since != "planned" else "  (planned)"
            click.echo(f"{item.id}  {item.kind}{note}")
        return
    found = RULES.get(rule.upper())
    if found is None:
        stop(unknown_rule(rule))
    if only is None:
        click.echo(explained.explain(found))
    elif found.since == "planned":
        stop(f"{found.id} is reserved: this version does not look for it, so there is no program to show")
    elif not found.program:
        stop(f"{found.id} takes several processes, so there is no program to show")
    else:
        click.echo(explained.example(found.id) if only == "example" else explained.cured(found.id), nl=False)


def main() -> None:
    """Entry point of the ``weft`` command; no exception of ours reaches the user as a traceback."""
    from . import cli_check, cli_scaling, cli_traces, cli_validate

    cli_check.register(cli)
    cli_scaling.register(cli)
    cli_validate.register(cli)
    cli_traces.register(cli)
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

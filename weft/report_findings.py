"""A check result as the report shows it: headline, findings with graph, sentences and interleaving, commands.

It reads results, never traces, and decides only what is shown where.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from .checkers.finding import Finding, Result, Step, Suppressed
from .report_svg import Markup
from .report_waits import draw, find_cycle
from .wording import counted

FINDINGS_MAX = 40
"""Findings drawn in full; nobody reads more, and the page stays under its size."""


@dataclass(frozen=True, slots=True)
class Headline:
    """One line of the verdict. ``tone`` is bad, warn, good or info; ``badge`` says the same in a word."""

    tone: str
    badge: str
    name: str
    text: str
    detail: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Cell:
    """What one thread does in one row of the interleaving."""

    what: str
    at: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Row:
    """One step; ``column`` is the thread's. A row with step 0 stands for steps that are left out."""

    step: int
    column: int
    cell: Cell | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One finding, ready for the template."""

    finding: Finding
    anchor: str
    graph: Markup | None
    in_cycle: frozenset[str]
    columns: list[str]
    rows: list[Row]
    replay: str


def shown(finding: Finding, anchor: str) -> Shown:
    threads = list(dict.fromkeys(step.thread for step in finding.steps))
    return Shown(
        finding=finding,
        anchor=anchor,
        graph=draw(finding.threads, anchor),
        in_cycle=frozenset(name for name, _ in find_cycle(finding.threads)),
        columns=threads,
        rows=_rows(finding.steps, threads),
        replay=f"weft replay {shlex.quote(finding.replay)}" if finding.replay else "",
    )


def _rows(steps: list[Step], threads: list[str]) -> list[Row]:
    rows: list[Row] = []
    before = 0
    for step in steps:
        if before and step.step > before + 1:
            rows.append(Row(0, 0, None))
        before = step.step
        what = " ".join(part for part in (step.operation, step.object) if part)
        rows.append(Row(step.step, threads.index(step.thread), Cell(what, step.at, step.outcome)))
    return rows


def set_aside(finding: Suppressed) -> tuple[str, str, str]:
    """A suppressed finding in a line: rule, kind and sentence, by what and why it does not count."""
    cause = finding.suppression
    by = f"{cause.text} at {cause.at}" if cause.at else cause.text
    return finding.rule, f"{finding.kind}: {finding.message}", f"{by}: {cause.reason}" if cause.reason else by


def spent(result: Result) -> str:
    """How much was run: ``7 executions, 166 steps, 0.36 s, dpor``."""
    counts = f"{counted(result.executions, 'execution')}, {counted(result.steps, 'step')}"
    return f"{counts}, {result.seconds:.2f} s, {result.engine}"


def headline(result: Result, name: str, anchor: str) -> Headline:
    coverage = "every schedule was run" if result.exhaustive else "not every schedule was run"
    detail = f"{coverage}: {spent(result)}"
    if result.findings:
        kinds = ", ".join(dict.fromkeys(f"{finding.rule} {finding.kind}" for finding in result.findings))
        count = len(result.findings)
        return Headline("bad", counted(count, "finding"), name, kinds + _aside([result]), detail, anchor)
    if result.verdict == "clean":
        return Headline("good", "clean", name, f"no problem in any schedule{_aside([result])}", detail, anchor)
    text = f"nothing found, but not every schedule was run{_aside([result])}"
    return Headline("warn", "incomplete", name, text, detail, anchor)


def _aside(results: list[Result]) -> str:
    """What a verdict must not keep silent about."""
    number = sum(len(result.suppressed) for result in results)
    return f", {number} suppressed" if number else ""


def verdict(results: list[Result]) -> tuple[str, str]:
    """The one sentence over everything, and its tone."""
    findings = [finding for result in results for finding in result.findings]
    if len(findings) == 1:
        kind = findings[0].kind.replace("-", " ")
        return f"{kind[:1].upper()}{kind[1:]}: {findings[0].message.split(': ')[0]}", "bad"
    if findings:
        kinds: dict[str, int] = {}
        for finding in findings:
            kinds[finding.kind] = kinds.get(finding.kind, 0) + 1
        words = ", ".join(counted(number, kind.replace("-", " ")) for kind, number in kinds.items())
        return f"{len(findings)} problems found: {words}", "bad"
    if all(result.verdict == "clean" for result in results):
        return f"No problem in any schedule{_aside(results)}", "good"
    return f"Nothing found, but not every schedule was run{_aside(results)}", "warn"


def command_of(result: Result) -> str:
    """The command that makes the result again."""
    if result.command != "check":
        return ""
    return command_line("check", result.target, result.parameters, result.seed, engine=result.engine, gpus=result.gpus)


def command_line(
    command: str,
    target: str,
    parameters: Mapping[str, Any],
    seed: int | None,
    *,
    engine: str = "dpor",
    gpus: int = 0,
) -> str:
    words = ["weft", command, target]
    for name, value in parameters.items():
        values = cast(list[Any], value) if isinstance(value, list) else [value]
        words += ["--set", f"{name}={','.join(str(item) for item in values)}"]
    if engine != "dpor":
        words += ["--strategy", engine]
    if gpus:
        words += ["--gpu", "virtual", *(["--gpus", str(gpus)] if gpus > 1 else [])]
    if seed is not None:
        words += ["--seed", str(seed)]
    return shlex.join(words)

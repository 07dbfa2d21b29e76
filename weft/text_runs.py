"""How a result about one run reads in a terminal: that of ``weft locks`` with its lock graph, and that of ``weft analyze``.

It words what was found and counted; nothing is decided here.
"""

from __future__ import annotations

from .checkers.finding import Result
from .checkers.lock_order.prediction import REASONS
from .lock_graph import LockGraph, lines_of
from .lock_graph import counted as counted_cycles
from .text import note_lines, render_finding, suppression_lines
from .wording import counted, wrapped


def locks_text(result: Result, graph: LockGraph, explain: bool) -> str:
    """The findings, then the lock graph as lines; ``explain`` names the cycles that are no deadlock."""
    count = counted(len(graph.locks), "lock")
    summary = [f"  {count}, {len(graph.edges)} taken while another was held" + (":" if graph.edges else "")]
    for line in lines_of(graph):
        summary += wrapped(line, "    ", "      ")
    rejected = counted_cycles(graph.rejected, REASONS)
    if rejected:
        summary += wrapped(rejected + ("" if explain else " (--explain names them)"), "  ", "    ")
    if explain:
        for cycle in graph.rejected:
            ring = " → ".join((*cycle.locks, cycle.locks[0]))
            summary += wrapped(f"{ring}: {REASONS[cycle.reason]}", "    ", "      ")
    return "\n\n".join([*_blocks(result), "\n".join([*summary, *_ending(result, "predicted from this run")])])


def analyze_text(result: Result) -> str:
    """The findings and notes of a trace."""
    return "\n\n".join([*_blocks(result), "\n".join(_ending(result, "found in this trace"))])


def _blocks(result: Result) -> list[str]:
    blocks = [render_finding(finding) for finding in result.findings]
    return [*blocks, "\n".join(note_lines(result.notes))] if result.notes else blocks


def _ending(result: Result, where: str) -> list[str]:
    """What was not seen, how much was looked at, and alone on the last line the verdict."""
    lines: list[str] = []
    for limit in result.limits:
        lines += wrapped(f"not seen: {limit}", "  ", "            ")
    lines += suppression_lines(result)
    unit = "events" if result.engine == "trace" else "steps"
    runs = counted(result.executions, "execution")
    lines.append(f"  ran: {runs}, {result.steps:,} {unit}, {result.seconds:.2f} s, {result.engine}")
    aside = len(result.suppressed)
    if not result.findings:
        but = f" but {counted(aside, 'suppressed finding')}" if aside else ""
        return [*lines, f"nothing{but} {where}"]
    rules = ", ".join(dict.fromkeys(finding.rule for finding in result.findings))
    also = f", {aside} suppressed" if aside else ""
    return [*lines, f"{counted(len(result.findings), 'finding')}{also}: {rules}"]

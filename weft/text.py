"""How a check result reads in a terminal: 80 columns, verdict in the last line, nothing but what matters."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from .checkers.finding import Finding, Result, Step, ThreadState
from .wording import WIDTH, wrapped

_CELL_MIN = 16


def render(result: Result) -> str:
    """The whole text of ``weft check`` and ``weft replay``."""
    blocks = [render_finding(finding) for finding in result.findings]
    blocks.append(verdict_lines(result))
    return "\n\n".join(blocks)


def render_finding(finding: Finding) -> str:
    """One finding: what and where, who holds and wants what, the interleaving, why, what to do, how to repeat it."""
    place = _place(finding)
    lines = [f"{finding.rule} {finding.kind} ({finding.certainty}){' at ' + place if place else ''}"]
    lines += wrapped(_sentence(finding.message), "  ", "  ")
    for thread in finding.threads:
        sentence = _thread_sentence(thread)
        if sentence:
            lines += wrapped(sentence, "  - ", "    ")
    if finding.traceback:
        lines += ["", *("  " + _traceback_line(line, WIDTH - 2) for line in finding.traceback)]
    if finding.steps:
        lines += ["", *_table(finding.steps)]
    lines.append("")
    if finding.why:
        lines += wrapped(finding.why, "  why: ", "       ")
    if finding.suggestion:
        lines += wrapped(finding.suggestion, "  fix: ", "       ")
    if finding.seen > 1:
        lines.append(f"  seen in {finding.seen} executions; this is one with the fewest switches")
    if finding.replay:
        lines.append(f"  replay: weft replay {finding.replay}")
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."


def _traceback_line(line: str, width: int) -> str:
    """Like :func:`_cut`, but a file's path gives way, not the line number behind it."""
    if line.lstrip().startswith('File "') and len(line) > width:
        head, path, rest = line.split('"', 2)
        room = width - len(head) - len(rest) - 3
        if room > 0:
            return f'{head}"…{path[-room:]}"{rest}'
    return _cut(line, width)


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"


def _place(finding: Finding) -> str:
    for thread in finding.threads:
        if thread.waits is not None and thread.waits.at:
            return thread.waits.at
    if finding.rule.startswith("L") and finding.steps:
        return finding.steps[-1].at
    found = re.search(r" failed at (\S+:\d+): ", finding.message)
    return found[1] if found else ""


def _thread_sentence(thread: ThreadState) -> str:
    held = [f"{hold.object} ({hold.at})" if hold.at else hold.object for hold in thread.holds]
    parts: list[str] = []
    if held:
        parts.append("holds " + ", ".join(held))
    if thread.waits is not None:
        wait = thread.waits
        if wait.operation == "acquire":
            verb = f"wants {wait.object}"
        elif wait.operation == "join":
            verb = f"waits for {wait.object} to end"
        else:
            verb = f"waits in {wait.operation} on {wait.object}"
        at = f" ({wait.at})" if wait.at else ""
        detail = f": {wait.detail}" if wait.detail and wait.operation not in ("acquire", "join") else ""
        parts.append(verb + at + detail)
    return f"{thread.name} {', '.join(parts)}" if parts else ""


def _table(steps: list[Step]) -> list[str]:
    """The interleaving, one column per thread; a plain list when there are too many threads for that."""
    threads = list(dict.fromkeys(step.thread for step in steps))
    number = len(str(steps[-1].step)) + 1
    files = {step.at.rpartition(":")[0] for step in steps if step.at}
    one_file = files.pop() if len(files) == 1 else ""
    width = (WIDTH - 2 - number - 1) // len(threads) - 1
    if width < _CELL_MIN:
        return _list(steps, number)
    head = " " * (2 + number) + "".join(" " + _cut(name, width).ljust(width) for name in threads)
    lines = [f"  lines of {one_file}:"] if one_file else []
    lines += [head.rstrip(), " " * (2 + number) + "".join(" " + "-" * width for _ in threads)]
    before = 0
    for step in steps:
        if before and step.step > before + 1:
            gap = " " * (2 + number) + "".join(" " + "·".ljust(width) for _ in threads)
            if lines[-1] != gap.rstrip():
                lines.append(gap.rstrip())
        before = step.step
        column = threads.index(step.thread)
        for row, text in enumerate(_cell(step, width, one_file)):
            label = str(step.step).rjust(number) if row == 0 else " " * number
            lines.append(f"  {label}{' ' * ((width + 1) * column)} {text}".rstrip())
    return lines


def _cell(step: Step, width: int, one_file: str) -> list[str]:
    what = " ".join(part for part in (step.operation, step.object) if part)
    if step.outcome:
        what += f" ({step.outcome})"
    where = f"[{step.at.removeprefix(one_file + ':')}]" if step.at else ""
    if len(what) + 1 + len(where) <= width:
        return [f"{what} {where}".rstrip()]
    rows = textwrap.wrap(what, width, break_on_hyphens=False) or [""]
    return [*rows, _cut(where, width)] if where else rows


def _list(steps: list[Step], number: int) -> list[str]:
    lines: list[str] = []
    for step in steps:
        what = " ".join(
            part for part in (step.operation, step.object, f"({step.outcome})" if step.outcome else "") if part
        )
        at = f" [{step.at}]" if step.at else ""
        lines += wrapped(f"{step.thread}: {what}{at}", f"  {str(step.step).rjust(number)} ", " " * (number + 5))
    return lines


def verdict_lines(result: Result) -> str:
    """What ends every result: what was not seen, how much was run, and alone on the last line the verdict."""
    lines = [f"  not seen: {_fold(text)}" for text in result.limits]
    count = f"{result.executions:,} execution{'s' if result.executions != 1 else ''}"
    how = "exhaustive" if result.exhaustive else "not exhaustive"
    lines.append(f"  ran: {count}, {result.steps:,} steps, {result.seconds:.2f} s, {result.engine}, {how}")
    if result.verdict == "clean":
        lines.append("clean: no deadlock, failure or livelock in any schedule")
    elif result.verdict == "incomplete":
        lines.append("incomplete: nothing found, but not every schedule was run")
    else:
        number = len(result.findings)
        rules = ", ".join(dict.fromkeys(finding.rule for finding in result.findings))
        lines.append(f"{number} finding{'s' if number != 1 else ''}: {rules}")
    return "\n".join(lines)


def _fold(text: str) -> str:
    return "\n            ".join(textwrap.wrap(text, WIDTH - 12))


def _from_here(file: str, target: str) -> str:
    """The path of a file of the program, which findings give by its name, as GitHub wants it."""
    place = target.rpartition(":")[0] or target
    path = Path(place if place.endswith(".py") else place.removeprefix("-m ").replace(".", "/") + ".py")
    near = path if path.name == file else path.parent / file
    return str(near) if near.is_file() else file


def render_github(result: Result) -> str:
    """Workflow commands that GitHub shows beside the code."""
    lines: list[str] = []
    for finding in result.findings:
        place = _place(finding)
        file, _, line = place.partition(":")
        where = f" file={_from_here(file, result.target)},line={line}" if line else ""
        text = finding.message.replace("%", "%25").replace("\n", "%0A")
        lines.append(
            f"::error{where},title={finding.rule} {finding.kind}::{text}"
            if where
            else f"::error title={finding.rule}::{text}"
        )
    lines.append(verdict_lines(result))
    return "\n".join(lines)

"""How a check result reads in a terminal: 80 columns, verdict in the last line, nothing but what matters."""

from __future__ import annotations

import re
import textwrap

from .checkers.finding import Finding, Related, Result, ThreadState
from .text_table import table
from .wording import WIDTH, counted, cut, wrapped

_FRAMES_MAX = 6
"""A stack is shown from its innermost frames; what called those is seldom what a reader looks for."""


def render(result: Result) -> str:
    """The whole text of ``weft check`` and ``weft replay``."""
    blocks = [render_finding(finding) for finding in result.findings]
    if result.notes:
        blocks.append("\n".join(note_lines(result.notes)))
    blocks.append(verdict_lines(result))
    return "\n\n".join(blocks)


def note_lines(notes: list[str]) -> list[str]:
    """Each note as one line, folded when it is a long one."""
    return [line for note in notes for line in wrapped(note, "note: ", "      ")]


def render_finding(finding: Finding) -> str:
    """One finding: what and where, who holds and wants what, the interleaving, why, what to do, how to repeat it."""
    place = place_of(finding)
    lines = [f"{finding.rule} {finding.kind} ({finding.certainty}){' at ' + place if place else ''}"]
    lines += wrapped(_sentence(finding.message), "  ", "  ")
    for thread in finding.threads:
        sentence = thread_sentence(thread)
        if sentence:
            lines += wrapped(sentence, "  - ", "    ")
    for related in finding.related:
        lines += _related_lines(related)
    if finding.traceback:
        lines += ["", *("  " + _traceback_line(line, WIDTH - 2) for line in finding.traceback)]
    if finding.steps:
        lines += ["", *table(finding.steps)]
    lines += _end_lines(finding)
    return "\n".join(lines)


def _end_lines(finding: Finding) -> list[str]:
    """Why, what to do, how often, how to repeat it; an empty line first when there is any of them."""
    lines = [""]
    if finding.why:
        lines += wrapped(finding.why, "  why: ", "       ")
    if finding.suggestion:
        lines += wrapped(finding.suggestion, "  fix: ", "       ")
    if finding.seen > 1:
        explored = f"in {finding.seen} executions; this is one with the fewest switches"
        lines.append(f"  seen {explored if finding.replay else f'{finding.seen} times'}")
    if finding.replay:
        lines.append(f"  replay: weft replay {finding.replay}")
    return lines if len(lines) > 1 else []


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."


def _related_lines(related: Related) -> list[str]:
    """A sentence with its place, and below it the calls that led there when there is more than the place itself."""
    text = related.text if not related.at or related.at in related.text else f"{related.text} ({related.at})"
    lines = wrapped(text, "  - ", "    ")
    frames = related.stack[-_FRAMES_MAX:]
    if len(related.stack) < 2:
        return lines
    if len(frames) < len(related.stack):
        lines.append(f"      … {counted(len(related.stack) - len(frames), 'frame')} above")
    return lines + [cut(f"      {frame}", WIDTH) for frame in frames]


def _traceback_line(line: str, width: int) -> str:
    """Like :func:`cut`, but a file's path gives way, not the line number behind it."""
    if line.lstrip().startswith('File "') and len(line) > width:
        head, path, rest = line.split('"', 2)
        room = width - len(head) - len(rest) - 3
        if room > 0:
            return f'{head}"…{path[-room:]}"{rest}'
    return cut(line, width)


def place_of(finding: Finding) -> str:
    """The one place a finding stands at: a wait, an exception's line, the last access of a race; may be empty."""
    for thread in finding.threads:
        if thread.waits is not None and thread.waits.at:
            return thread.waits.at
    found = re.search(r" failed at (\S+:\d+): ", finding.message)
    if found:
        return found[1]
    if finding.related and finding.related[0].at:
        return finding.related[0].at
    return next((step.at for step in reversed(finding.steps) if step.at), "")


def thread_sentence(thread: ThreadState) -> str:
    """``teller-1 holds a.lock (bank.py:12), wants b.lock (bank.py:13)``; empty when it neither holds nor waits."""
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


def verdict_lines(result: Result) -> str:
    """What ends every result: what was not seen, how much was run, and alone on the last line the verdict."""
    lines = [*(f"  not seen: {_fold(text)}" for text in result.limits), *suppression_lines(result)]
    count = counted(result.executions, "execution")
    how = "exhaustive" if result.exhaustive else "not exhaustive"
    lines.append(f"  ran: {count}, {result.steps:,} steps, {result.seconds:.2f} s, {result.engine}, {how}")
    lines.append(_verdict(result))
    return "\n".join(lines)


def suppression_lines(result: Result) -> list[str]:
    """What was set aside and by what, and what set nothing aside."""
    lines: list[str] = []
    if result.suppressed:
        causes = [f"{each.rule} by {each.suppression.text} ({each.suppression.at})" for each in result.suppressed]
        lines += wrapped("; ".join(dict.fromkeys(causes)), "  suppressed: ", "              ")
    if result.unused_suppressions:
        lines += wrapped("; ".join(result.unused_suppressions), "  suppressed nothing: ", "              ")
    return lines


def _verdict(result: Result) -> str:
    aside = len(result.suppressed)
    but = f" but {counted(aside, 'suppressed finding')}" if aside else ""
    if result.verdict == "clean":
        if aside:
            return f"clean: nothing{but} in any schedule"
        races = "" if any("not watched: data races" in limit for limit in result.limits) else "race, "
        return f"clean: no deadlock, {races}failure or livelock in any schedule"
    if result.verdict == "incomplete":
        return f"incomplete: nothing found{but}, {'and' if aside else 'but'} not every schedule was run"
    rules = ", ".join(dict.fromkeys(finding.rule for finding in result.findings))
    also = f", {aside} suppressed" if aside else ""
    return f"{counted(len(result.findings), 'finding')}{also}: {rules}"


def _fold(text: str) -> str:
    return "\n            ".join(textwrap.wrap(text, WIDTH - 12))

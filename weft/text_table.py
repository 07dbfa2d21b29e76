"""The interleaving of a finding on a terminal: one column per thread, one row per step, 80 columns.

It knows steps only, and nothing of what they prove.
"""

from __future__ import annotations

import textwrap

from .checkers.finding import Step
from .wording import WIDTH, cut, wrapped

_CELL_MIN = 16


def table(steps: list[Step]) -> list[str]:
    """One column per thread; a plain list when there are too many threads for that."""
    threads = list(dict.fromkeys(step.thread for step in steps))
    number = len(str(steps[-1].step)) + 1
    files = {step.at.rpartition(":")[0] for step in steps if step.at}
    one_file = files.pop() if len(files) == 1 else ""
    width = (WIDTH - 2 - number - 1) // len(threads) - 1
    if width < _CELL_MIN:
        return _list(steps, number)
    head = " " * (2 + number) + "".join(" " + cut(name, width).ljust(width) for name in threads)
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
    return [*rows, cut(where, width)] if where else rows


def _list(steps: list[Step], number: int) -> list[str]:
    lines: list[str] = []
    for step in steps:
        what = " ".join(
            part for part in (step.operation, step.object, f"({step.outcome})" if step.outcome else "") if part
        )
        at = f" [{step.at}]" if step.at else ""
        lines += wrapped(f"{step.thread}: {what}{at}", f"  {str(step.step).rjust(number)} ", " " * (number + 5))
    return lines

"""What all results have in common on a terminal: lines of 80 columns, numbers of four digits, parameters said once.

It knows rows by their parameters only, and nothing of what a result says.
"""

from __future__ import annotations

import textwrap
from collections.abc import Container, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

WIDTH = 80


class Configured(Protocol):
    """A row of a result: one configuration and what became of it."""

    @property
    def params(self) -> dict[str, Any]: ...


_Row = TypeVar("_Row", bound=Configured)


def wrapped(text: str, first: str = "", rest: str | None = None) -> list[str]:
    """``text`` in lines, the first indented by ``first``, the others by ``rest`` or two columns more."""
    rest = first + "  " if rest is None else rest
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def cut(line: str, width: int) -> str:
    """At most ``width`` columns of it."""
    return line if len(line) <= width else line[: width - 1] + "…"


def counted(count: int, noun: str) -> str:
    """``1 finding``, ``1,024 findings``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def number(value: float) -> str:
    """Four significant digits, never an exponent."""
    if value >= 1000:
        return f"{value:.0f}"
    if value >= 0.001 or value == 0:
        return f"{value:#.4g}".rstrip(".")
    return f"{value:.7f}"


def parameters(params: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in params.items())


def fixed_parameters(rows: Sequence[Configured]) -> dict[str, Any]:
    """The parameters that are the same in every row; none when there is nothing to compare."""
    if len(rows) < 2:
        return {}
    return {name: value for name, value in rows[0].params.items() if all(row.params.get(name) == value for row in rows)}


def without(rows: Sequence[_Row], names: Container[str]) -> list[_Row]:
    """The rows with those parameters left out."""
    found: list[_Row] = []
    for row in rows:
        changed: Any = row
        found.append(replace(changed, params={name: value for name, value in row.params.items() if name not in names}))
    return found

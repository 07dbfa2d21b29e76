"""The program's own source files, and how the places of a result lead to them: ``bank.py:12`` is short for one of these.

It reads names only; what stands in the files is for others.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from .simcore.trace import Trace

_PLACE = re.compile(r"(?P<file>[^\s:\"'`()\[\]]+\.pyw?):(?P<line>[1-9]\d*)")


class _Program(Protocol):
    text: str

    def names(self) -> list[tuple[str, dict[str, Any]]]: ...


def program_files(program: _Program, traces: Iterable[Trace]) -> dict[str, list[str]]:
    """The files of a program that ran, by the names that places use; paths as seen from the working directory."""
    found: dict[str, None] = {}
    script = program.text.rpartition(":")[0] or program.text
    for path in (script, program.text):
        if path.endswith(".py") and os.path.isfile(path):
            found[os.path.abspath(path)] = None
    for _, variables in program.names():
        file = variables.get("__file__")
        if isinstance(file, str):
            found[os.path.abspath(file)] = None
    for trace in traces:
        found.update(dict.fromkeys(os.path.abspath(row.file) for row in trace.tables.locations))
    return _by_name(found)


def trace_files(trace: Trace) -> dict[str, list[str]]:
    """The same for a trace read from a file: those of its files that lie on this machine."""
    return _by_name(dict.fromkeys(os.path.abspath(row.file) for row in trace.tables.locations))


def _by_name(found: Iterable[str]) -> dict[str, list[str]]:
    by_name: dict[str, list[str]] = {}
    for path in found:
        if path.endswith((".py", ".pyw")) and os.path.isfile(path):
            by_name.setdefault(os.path.basename(path), []).append(from_here(path))
    return by_name


def from_here(path: str) -> str:
    """The path relative to the working directory when it lies below it, else as it is."""
    here = Path.cwd()
    absolute = Path(os.path.abspath(path))
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)


def merged(files: Iterable[Mapping[str, list[str]]]) -> dict[str, list[str]]:
    """The files of several results as one table."""
    together: dict[str, list[str]] = {}
    for table in files:
        for name, paths in table.items():
            known = together.setdefault(name, [])
            known += [path for path in paths if path not in known]
    return together


def split_place(place: str) -> tuple[str, int]:
    """``bank.py:12`` as name and line; the line is 0 when the text is no place."""
    name, _, line = place.rpartition(":")
    return (name, int(line)) if name and line.isdecimal() else (place, 0)


def first_place(text: str) -> str:
    """The first ``file.py:line`` in a sentence, or an empty string."""
    found = _PLACE.search(text)
    return found[0] if found else ""


def path_of(name: str, files: Mapping[str, list[str]]) -> str:
    """The path of the file that places call ``name``; the name itself when the result does not know it."""
    return (files.get(name) or [name])[0]

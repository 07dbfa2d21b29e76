"""The programs of ``weft explain``: for each rule one that is reported, and the same program cured.

The programs lie beside this file and are read as text; none is imported by weft.
"""

from __future__ import annotations

import ast
import difflib
import textwrap
from importlib.resources import files

from ..checkers.rules import Rule
from ..wording import wrapped


def example(rule: str) -> str:
    """The program that has the bug, as it stands in its file."""
    return _program(f"{rule.lower()}.py")


def cured(rule: str) -> str:
    """The same program without the bug."""
    return _program(f"{rule.lower()}_cured.py")


def _program(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def command(program: str) -> list[str]:
    """The words of the command that the last line of the program's docstring asks to run: ``weft check d001.py``."""
    docstring = ast.get_docstring(ast.parse(program)) or ""
    return docstring.rpartition("Run: ")[2].split()


def changes(rule: str) -> list[str]:
    """The lines of the program in which the cure differs, as a diff without its head; docstrings are left out."""
    before, after = (_body(text).splitlines() for text in (example(rule), cured(rule)))
    lines = list(difflib.unified_diff(before, after, n=1, lineterm=""))[2:]
    hunks = "\n".join("…" if line.startswith("@@") else line for line in lines)
    return hunks.removeprefix("…\n").rstrip().split("\n")


def _body(program: str) -> str:
    return program.partition('"""\n\n')[2]


def explain(rule: Rule) -> str:
    """The text of ``weft explain RULE``."""
    lines = [f"{rule.id} {rule.kind}", "", *wrapped(rule.meaning, rest="")]
    if rule.since == "planned":
        return "\n".join([*lines, "", "This version does not look for it yet; the id is reserved."])
    if not rule.program:
        return "\n".join([*lines, "", "Cure:", "", *wrapped(rule.cure, rest="")])
    program = example(rule.id)
    lines += ["", "Example:", "", textwrap.indent(program.rstrip(), "    "), ""]
    lines += ["Cure:", "", *wrapped(rule.cure, rest=""), "", *(f"    {line}".rstrip() for line in changes(rule.id)), ""]
    name = rule.id.lower()
    lines += [
        f"weft explain {rule.id} --example > {name}.py        writes the program to a file,",
        f"weft explain {rule.id} --cured > {name}_cured.py    the cured one.",
    ]
    return "\n".join(lines)

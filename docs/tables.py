"""Reference tables made from the code itself: ``python docs/tables.py rules|profile|api``, as Markdown."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable

import weft
from weft.checkers.rules import RULES, Rule
from weft.explained import cured, example
from weft.simcore import profile


def profile_table() -> str:
    """The terms of a machine profile with their defaults; the meaning is the text under each field."""
    tree = ast.parse(inspect.getsource(profile.Profile)).body[0]
    assert isinstance(tree, ast.ClassDef)
    rows = ["| term | default | meaning |", "|---|---|---|"]
    for node, after in zip(tree.body, [*tree.body[1:], ast.Pass()], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        meaning = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            meaning = " ".join(str(after.value.value).replace("``", "`").split())
        default = getattr(profile.Profile(), node.target.id)
        shown = "" if isinstance(default, dict) else f"{default:,}" if isinstance(default, int) else str(default)
        rows.append(f"| `{node.target.id}` | {shown} | {meaning} |")
    return "\n".join(rows)


def rules() -> str:
    """Every rule: those this version reports with example and cure, the reserved ids in one table."""
    sections = [_section(rule) for rule in RULES.values() if rule.since != "planned"]
    rows = ["## Reserved", "", "This version does not look for these; scripts may already rely on the ids.", ""]
    rows += ["| id | kind | meaning |", "|---|---|---|"]
    rows += [f"| {rule.id} | {rule.kind} | {rule.meaning} |" for rule in RULES.values() if rule.since == "planned"]
    return "\n\n".join([*sections, "\n".join(rows)])


def _section(rule: Rule) -> str:
    if not rule.program:
        return "\n".join([f"## {rule.id} {rule.kind}", "", rule.meaning, "", f"The cure: {rule.cure}"])
    lines = [f"## {rule.id} {rule.kind}", "", rule.meaning, "", "```python", example(rule.id).rstrip(), "```"]
    return "\n".join([*lines, "", f"The cure: {rule.cure}", "", "```python", cured(rule.id).rstrip(), "```"])


def api() -> str:
    """Every public name of ``weft`` with its signature and docstring."""
    functions = {name: getattr(weft, name) for name in weft.__all__}
    sections: list[str] = []
    for name, function in functions.items():
        if callable(function):
            call = _signature(name, function)
            sections.append(f"## weft.{name}\n\n```python\n{call}\n```\n\n{_plain(inspect.getdoc(function) or '')}")
    return "\n\n".join(sections)


def _signature(name: str, function: Callable[..., object]) -> str:
    """One parameter a line, as ``ruff format`` writes a long call."""
    signature = inspect.signature(function)
    lines = [f"{name}("]
    keywords = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            keywords = True
            lines.append("    *,")
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        lines.append(f"    {stars}{parameter.name}: {parameter.annotation}{default},")
    return "\n".join([*lines, f") -> {signature.return_annotation}"])


def _plain(text: str) -> str:
    """A docstring as Markdown: double backquotes become single ones, indented parts a list."""
    lines: list[str] = []
    for line in text.replace(":func:", "").replace("``", "`").split("\n"):
        if line.startswith("        "):
            lines.append(f"  {line.strip()}")
        elif line.startswith("    "):
            lines.append(f"- {line.strip()}")
        elif line in ("Args:", "Raises:", "Returns:"):
            lines += [f"**{line[:-1]}**", ""]
        else:
            lines.append(line)
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {"profile": profile_table, "rules": rules, "api": api}


if __name__ == "__main__":
    print(TABLES[sys.argv[1]]())

"""What the program's text says about a place in a trace: the words of a line, and what is tested before a wait.

It reads source files where they still are; without them it answers None, and the caller must do with the trace alone.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterator
from functools import lru_cache

from ..simcore.trace import NOTHING, Trace

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LOOPS = (ast.While, ast.For)


def line(trace: Trace, location: int) -> str:
    """The text of a source line without its indentation; empty when the file cannot be read."""
    if location == NOTHING:
        return ""
    place = trace.tables.locations[location]
    return linecache.getline(place.file, place.line).strip()


def has_word(trace: Trace, location: int, word: str) -> bool:
    return re.search(rf"\b{word}\b", line(trace, location)) is not None


@lru_cache(maxsize=64)
def _parsed(file: str, text: str) -> ast.Module | None:
    try:
        return ast.parse(text, file)
    except (SyntaxError, ValueError):
        return None


def tree(file: str) -> ast.Module | None:
    """The syntax tree of a file, or None when there is none to be had."""
    text = "".join(linecache.getlines(file))
    return _parsed(file, text) if text else None


def spans(node: ast.AST, number: int) -> bool:
    """Does the node begin at or before line ``number`` and end at or after it?"""
    first = getattr(node, "lineno", None)
    return first is not None and first <= number <= (getattr(node, "end_lineno", None) or first)


def enclosing(file: str, number: int) -> list[ast.AST] | None:
    """The nodes around a line, outermost first, ending with the innermost statement; None without the source."""
    module = tree(file)
    if module is None:
        return None
    found: list[ast.AST] = []
    node: ast.AST | None = module
    while node is not None:
        node = next((child for child in ast.iter_child_nodes(node) if spans(child, number)), None)
        if node is not None:
            found.append(node)
    return found


def function_at(file: str, number: int) -> ast.AST | None:
    """The innermost function around a line, or the module; None without the source."""
    nodes = enclosing(file, number)
    if nodes is None:
        return None
    functions = [node for node in nodes if isinstance(node, _FUNCTIONS)]
    return functions[-1] if functions else tree(file)


def _never_ends(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and bool(test.value)


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below ``node``, without those of functions defined in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _FUNCTIONS):
            yield child
            yield from _own_nodes(child)


def checked_before_wait(trace: Trace, taken: int, wait: int) -> bool | None:
    """Does the code test anything between taking the lock and waiting? Both are location indices; None: unknown.

    A ``while`` or ``if`` around the wait, or between the two lines, counts; ``while True`` does not. Where the lock is
    taken back by the wait itself (both are one place) only what a loop around it tests counts.
    """
    if NOTHING in (taken, wait):
        return None
    acquired, waited = trace.tables.locations[taken], trace.tables.locations[wait]
    if has_word(trace, wait, "wait_for"):
        return True
    function = function_at(waited.file, waited.line)
    if function is None:
        return None
    first = acquired.line if acquired.file == waited.file else 0
    if first == waited.line:
        loops = [node for node in _own_nodes(function) if isinstance(node, _LOOPS) and spans(node, waited.line)]
        if not loops:
            return False
        first = min(loop.lineno for loop in loops)
    return any(
        first <= node.lineno <= waited.line and not (isinstance(node, ast.While) and _never_ends(node.test))
        for node in _own_nodes(function)
        if isinstance(node, ast.While | ast.If | ast.IfExp | ast.Match)
    )

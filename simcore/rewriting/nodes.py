"""Small pieces of syntax tree: calls of hooks at the place of what they wrap, and questions about expressions.

Places matter more than they seem: tracebacks, coverage and the names of objects are read from them.
"""

from __future__ import annotations

import ast
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Sequence
from typing import Any, Final

CONTAINERS: Final[tuple[type, ...]] = (list, dict, set, deque, bytearray, OrderedDict, defaultdict, Counter)

CONTAINER_METHODS: Final = frozenset(
    name
    for kind in CONTAINERS
    for name in dir(kind)
    # Methods that bytearray shares with str are called on strings nearly always.
    if not name.startswith("_") and (kind is not bytearray or not hasattr(str, name))
)
CONSTRUCTORS: Final = frozenset({"list", "dict", "set", "bytearray"})
COLLECTIONS: Final = frozenset({"deque", "OrderedDict", "defaultdict", "Counter"})

Location = dict[str, Any]
TEXT_MAX = 60
"""How many characters of an object's source are kept."""


def location(node: ast.AST) -> Location:
    return {
        "lineno": getattr(node, "lineno", 1),
        "col_offset": getattr(node, "col_offset", 0),
        "end_lineno": getattr(node, "end_lineno", 1),
        "end_col_offset": getattr(node, "end_col_offset", 0),
    }


def settled(node: ast.expr) -> Location:
    """Where the last instruction of an expression is: in a chain of calls over several lines, at the last name.

    What is put behind it has its place there, so that a tracer sees no further line.
    """
    found = location(node)
    last = node.func if isinstance(node, ast.Call) else node
    if isinstance(last, ast.Attribute) and last.end_lineno is not None and last.end_lineno != node.lineno:
        found["lineno"] = last.end_lineno
        found["col_offset"] = max((last.end_col_offset or 0) - len(last.attr), 0)
    return found


def hook(name: str, arguments: Sequence[ast.expr | int], around: ast.expr) -> ast.Call:
    """``__weft_<name>__(arguments)`` at the place of ``around``; a number becomes a constant."""
    last = settled(around)
    return ast.Call(
        func=ast.Name(id=f"__weft_{name}__", ctx=ast.Load(), **location(around)),
        args=[ast.Constant(value=each, **last) if isinstance(each, int) else each for each in arguments],
        keywords=[],
        **last,
    )


def name(identifier: str, at: ast.AST, ctx: ast.expr_context | None = None) -> ast.Name:
    return ast.Name(id=identifier, ctx=ctx or ast.Load(), **location(at))


def cell(identifier: str, at: ast.AST) -> ast.expr:
    """``(lambda: x).__closure__[0]``: the cell of a variable, in whatever scope it is used."""
    here = location(at)
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    function = ast.Lambda(args=nothing, body=name(identifier, at), **here)
    closure = ast.Attribute(value=function, attr="__closure__", ctx=ast.Load(), **here)
    return ast.Subscript(value=closure, slice=ast.Constant(value=0, **here), ctx=ast.Load(), **here)


def again(node: ast.expr, at: Location) -> ast.expr:
    """A second copy of a name or a constant, at the place of what it stands beside: it has no line of its own."""
    match node:
        case ast.Name():
            return ast.Name(id=node.id, ctx=ast.Load(), **at)
        case ast.Constant():
            return ast.Constant(value=node.value, kind=node.kind, **at)
        case ast.UnaryOp():
            return ast.UnaryOp(op=node.op, operand=again(node.operand, at), **at)
        case _:
            raise TypeError(f"{type(node).__name__} is not simple")


def is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.Tuple):
        return all(is_constant(each) for each in node.elts)
    return isinstance(node, ast.Constant)


def is_special(identifier: str) -> bool:
    return identifier.startswith("__") and identifier.endswith("__")


def text_of(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            text = f"{text_of(node.value)}.{node.attr}"
        case _:
            text = ast.unparse(node)
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def is_async(node: ast.AST) -> bool:
    """Is it a comprehension that runs in an event loop?"""
    return any(generator.is_async for generator in getattr(node, "generators", ()))

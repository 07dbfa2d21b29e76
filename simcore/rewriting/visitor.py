"""The ground of rewriting: going through a tree, making sites, asking what a name means, wrapping with a hook.

Knows scopes and hooks' names; which node gets which hook is said by the classes that stand on it.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from ..hooks import Does, Kind, Site
from .nodes import COLLECTIONS, CONSTRUCTORS, again, cell, hook, is_constant, is_special, settled, text_of
from .scopes import COMPREHENSIONS, Scope, Scopes, mangled

WHOLE = frozenset(
    {"len", "sorted", "list", "tuple", "set", "frozenset", "dict", "sum", "any", "all", "str", "repr", "iter", "bool"}
    | {"min", "max", "reversed", "bytes", "bytearray"}
)
"""Builtins that look at all of their argument; ``min`` and the like only when it is the only one."""
STEPWISE = frozenset({"enumerate", "zip", "map", "filter"})
"""Builtins that iterate over their arguments as they are iterated over themselves."""
DISPLAYS = (ast.List, ast.Dict, ast.Set, *COMPREHENSIONS)
_NEVER_CONTAINERS = (
    *(ast.Constant, ast.JoinedStr, ast.Tuple, ast.Lambda, ast.GeneratorExp, ast.BinOp, ast.Compare),
    *(ast.Starred, ast.Yield, ast.YieldFrom),
    *DISPLAYS,
)
"""Expressions whose value is not shared: new objects, or no containers."""
TEMPORARY = "__weft_object__"
TEMPORARY_KEY = "__weft_key__"


class Visitor(ABC):
    """Goes through one module and rewrites it, in place where it can."""

    def __init__(self, tree: ast.Module, filename: str, base: int) -> None:
        self.scopes = Scopes(tree)
        self.scope: Scope = self.scopes.module
        self.filename = filename
        self.base = base
        self.sites: list[Site] = []
        self.not_seen: list[str] = []
        self.watched: dict[str, int] = {}
        """While the value of ``x.a = value`` is rewritten: the site of the last load of ``x.a`` in it, by source text."""
        self.iterables = 0
        """How many comprehension iterables are around: no ``:=`` may stand there."""
        self.depth: int = 0
        """How many temporaries for keys are in use."""
        self._handlers: dict[type[ast.AST], Callable[[Any], Any]] = {}

    # The machinery.

    def visit(self, node: ast.AST) -> Any:
        kind = type(node)
        handler = self._handlers.get(kind)
        if handler is None:
            handler = getattr(self, f"on_{kind.__name__.lower()}", self.on_other)
            self._handlers[kind] = handler
        return handler(node)

    def on_other(self, node: ast.AST) -> Any:
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, ast.AST):
                setattr(node, field, self.visit(value))
            elif isinstance(value, list):
                setattr(node, field, self.visit_list(value))  # pyright: ignore[reportUnknownArgumentType]
        return node

    def visit_list(self, nodes: list[Any]) -> list[Any]:
        return [self.visit(each) if isinstance(each, ast.AST) else each for each in nodes]

    def site(
        self,
        kind: Kind,
        does: Does,
        identifier: str,
        text: str,
        node: ast.AST,
        *,
        pair: int = 0,
        blind: bool = False,
    ) -> int:
        number = self.base + len(self.sites)
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        function = self.scope.function
        self.sites.append(
            Site(number, kind, does, identifier, text, self.filename, line, column, function, pair, blind)
        )
        return number

    def loaded(self, text: str, number: int) -> None:
        if text in self.watched:
            self.watched[text] = number

    # Questions.

    def function_scope(self) -> Scope:
        scope = self.scope
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        return scope

    def may_walrus(self) -> bool:
        """May ``:=`` stand here, with a variable that nobody looks at?"""
        around = self.function_scope()
        return around.kind in ("function", "lambda") and not around.sees_locals and not self.iterables

    def is_shared_name(self, identifier: str) -> bool:
        return bool(self.variable(identifier))

    def variable(self, identifier: str) -> str:
        """``global`` or ``cell`` for a variable that several threads could share, else nothing."""
        full = mangled(identifier, self.scope.private)
        if full in self.scopes.shared_globals:
            owner = self.scopes.owner(self.scope, full)
            return "global" if owner is self.scopes.module else ""
        if self.scopes.shared_cells:
            return "cell" if (self.scopes.owner(self.scope, full), full) in self.scopes.shared_cells else ""
        return ""

    def is_simple(self, node: ast.expr) -> bool:
        """May it be evaluated twice without anybody noticing?"""
        if isinstance(node, ast.Name):
            return not self.is_shared_name(node.id)
        return is_constant(node) and not isinstance(node, ast.Tuple)

    def is_builtin(self, node: ast.expr, names: Iterable[str]) -> bool:
        return isinstance(node, ast.Name) and node.id in names and self.scopes.is_builtin(self.scope, node.id)

    def is_constructor(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(id=identifier) if identifier in COLLECTIONS:
                return self.scopes.imported_module(self.scope, identifier) == f"collections.{identifier}"
            case ast.Name():
                return self.is_builtin(node, CONSTRUCTORS)
            case ast.Attribute(value=ast.Name(id=module), attr=attribute) if attribute in COLLECTIONS:
                return self.scopes.imported_module(self.scope, module) == "collections"
            case _:
                return False

    def may_be_container(self, node: ast.expr) -> bool:
        if isinstance(node, _NEVER_CONTAINERS) or self.scopes.is_scalar(node, self.scope):
            return False
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            return False  # a copy
        return not (isinstance(node, ast.Call) and self.is_constructor(node.func))

    # Wrapping.

    def temporary(self, node: ast.expr) -> Any:
        """Rewrite an expression whose value is used up at once: a container made here is never shared."""
        if isinstance(node, DISPLAYS):
            return self.display(node)
        if isinstance(node, ast.Call) and self.is_constructor(node.func):
            return self.call(node)
        return self.visit(node)

    def whole(self, node: ast.expr, kind: Kind = "whole", identifier: str = "", hook_name: str = "whole") -> ast.expr:
        """Rewrite ``node`` and, if its value may be a container, report that all of it is read."""
        if not self.may_be_container(node):
            return self.temporary(node)
        number_at, text = node, text_of(node)
        inner = self.visit(node)
        return hook(hook_name, [inner, self.site(kind, "read", identifier, text, number_at)], node)

    def truth(self, node: ast.expr) -> ast.expr:
        """A condition: the truth of a container is whether it is empty."""
        match node:
            case ast.BoolOp():
                node.values = [self.truth(value) for value in node.values]
                return node
            case ast.UnaryOp(op=ast.Not()):
                node.operand = self.truth(node.operand)
                return node
            case ast.Name(id=identifier) if is_special(identifier) or identifier == "TYPE_CHECKING":
                return node
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self.whole(node)
            case _:
                return self.visit(node)

    def iterable(self, node: ast.expr) -> ast.expr:
        """What a loop iterates over."""
        made_here = isinstance(node, ast.Call) and (
            self.is_builtin(node.func, ("range", *WHOLE, *STEPWISE)) or self.is_constructor(node.func)
        )
        if made_here:
            return self.temporary(node)
        return self.whole(node, "iteration", hook_name="iter")

    @abstractmethod
    def display(self, node: ast.expr) -> ast.expr:
        """Rewrite a display or comprehension, without the report that it is new."""

    @abstractmethod
    def call(self, node: ast.Call) -> ast.expr:
        """Rewrite a call, without the report that its result is new."""

    def keep(self, identifier: str, value: ast.expr | int, around: ast.expr) -> ast.NamedExpr:
        """``(t := value)``. With a number it lets go of the object that was kept, and is the site at the same time."""
        at = settled(around)
        kept = ast.Constant(value=value, **at) if isinstance(value, int) else value
        return ast.NamedExpr(target=ast.Name(id=identifier, ctx=ast.Store(), **at), value=kept, **at)

    def key_name(self) -> str:
        return TEMPORARY_KEY if not self.depth else f"__weft_key_{self.depth}__"

    def kept_key(self, key: ast.expr) -> tuple[ast.expr, Callable[[int, ast.expr], ast.expr]]:
        """``(k := key)`` and what takes it back out: ``(k, k := number)[0]``, which lets go of it."""
        if self.is_simple(key):
            return key, lambda _, last: again(key, settled(last))
        identifier = self.key_name()
        kept = self.keep(identifier, self.visit(key), key)

        def taken(number: int, last: ast.expr) -> ast.expr:
            at = settled(last)
            cleared = ast.NamedExpr(
                target=ast.Name(id=identifier, ctx=ast.Store(), **at), value=ast.Constant(value=number, **at), **at
            )
            pair = ast.Tuple(elts=[ast.Name(id=identifier, ctx=ast.Load(), **at), cleared], ctx=ast.Load(), **at)
            return ast.Subscript(value=pair, slice=ast.Constant(value=0, **at), ctx=ast.Load(), **at)

        return kept, taken

    def variable_write(self, target: ast.Name, value: ast.expr, *, pair: int = 0, blind: bool = False) -> ast.expr:
        """The value that is stored in a variable, reported if the variable may be shared."""
        kind = self.variable(target.id)
        if not kind:
            return value
        full = mangled(target.id, self.scope.private)
        number = self.site(
            "global" if kind == "global" else "cell", "write", full, target.id, target, pair=pair, blind=blind
        )
        if kind == "global":
            return hook("global_write", [value, number], value)
        return hook("cell_write", [value, cell(target.id, target), number], value)

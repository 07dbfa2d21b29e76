"""Rewrites calls: methods of containers, builtins that look at all of their argument, ``getattr`` and its family.

Knows which names of builtins mean what. Whether an object is a container is seen by the hooks, at run time.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from ..hooks import Does
from .expressions import Expressions
from .nodes import CONTAINER_METHODS, again, hook, location, name, settled, text_of
from .scopes import mangled
from .visitor import STEPWISE, TEMPORARY, WHOLE

_DYNAMIC: dict[str, Does] = {"getattr": "read", "hasattr": "read", "setattr": "write", "delattr": "delete"}


class Calls(Expressions):
    """Calls of all kinds."""

    # Calls.

    def on_call(self, node: ast.Call) -> ast.expr:
        constructs = self.is_constructor(node.func)
        made = self.call(node)
        return self.new(made, node) if constructs else made

    def call(self, node: ast.Call) -> ast.expr:
        """A call without the report that its result is new."""
        function = node.func
        constructs = self.is_constructor(function)
        if isinstance(function, ast.Attribute) and not constructs:
            self.method(node, function)
        elif self.is_builtin(function, _DYNAMIC) and len(node.args) >= 2 and not _has_stars(node):
            self.dynamic(node)
        elif self.is_builtin(function, ("vars",)) and len(node.args) == 1:
            node.args = [self.whole(node.args[0], "dynamic", "__dict__")]
        elif self.is_builtin(function, STEPWISE):
            first = 1 if isinstance(function, ast.Name) and function.id in ("map", "filter") else 0
            node.args = [
                self.visit(each) if number < first or isinstance(each, ast.Starred) else self.iterable(each)
                for number, each in enumerate(node.args)
            ]
            node.keywords = self.visit_list(node.keywords)
        elif self.is_builtin(function, ("print",)):
            shown = (ast.Name, ast.Attribute, ast.Subscript)
            node.args = [self.whole(each) if isinstance(each, shown) else self.visit(each) for each in node.args]
            node.keywords = self.visit_list(node.keywords)
        elif constructs or (self.is_builtin(function, WHOLE) and len(node.args) == 1):
            if not isinstance(function, ast.Name):
                node.func = self.visit(function)
            node.args = [self.whole(each) for each in node.args]
            node.keywords = self.visit_list(node.keywords)
        else:
            self.on_other(node)
        return node

    def on_keyword(self, node: ast.keyword) -> ast.keyword:
        node.value = self.whole(node.value) if node.arg is None else self.visit(node.value)
        return node

    def dynamic(self, node: ast.Call) -> None:
        """``getattr(x, n)``, ``setattr(x, n, v)`` and their like."""
        assert isinstance(node.func, ast.Name)
        obj, attribute, *rest = node.args
        identifier = attribute.value if isinstance(attribute, ast.Constant) else ""
        does, text = _DYNAMIC[node.func.id], text_of(obj)
        number = self.site("dynamic", does, identifier if isinstance(identifier, str) else "", text, node)
        simple = self.is_simple(attribute)
        if simple and all(map(self.is_simple, rest)):
            function = "dynamic_read" if does == "read" else "dynamic_write"
            node.args = [
                hook(function, [self.visit(obj), again(attribute, settled(obj)), number], obj),
                attribute,
                *rest,
            ]
        elif self.is_simple(obj) and (simple or not rest):
            last = node.args[-1]
            key = [again(attribute, settled(last))] if rest else []
            node.args[1:] = self.visit_list(node.args[1:])
            node.args[-1] = hook("argument", [again(obj, location(last)), node.args[-1], number, *key], last)
        elif self.may_walrus():
            last = node.args[-1]
            node.args[0] = self.keep(TEMPORARY, self.visit(obj), obj)
            self.call_time(node.args, last, number, name(TEMPORARY, last), self.keep(TEMPORARY, number, last))
        else:
            node.args = [hook("whole", [self.visit(obj), number], obj), *self.visit_list(node.args[1:])]

    def call_time(
        self, arguments: list[ast.expr], last: ast.expr, number: int, obj: ast.expr, cleared: ast.expr | int
    ) -> None:
        """The arguments of ``getattr(t := x, n(), d())``: the name is kept until the last of them is evaluated."""
        if len(arguments) == 2:
            arguments[1] = hook("argument", [obj, self.visit(arguments[1]), cleared], last)
            return
        key, taken = self.kept_key(arguments[1])
        arguments[1] = key
        self.depth += 1
        arguments[2] = hook("argument", [obj, self.visit(arguments[2]), cleared, taken(number, last)], last)
        self.depth -= 1

    def method(self, node: ast.Call, function: ast.Attribute) -> None:
        """``x.m(…)``: of a container one access, of anything else a call that nobody needs to see."""
        value = function.value
        if isinstance(value, ast.Constant | ast.JoinedStr):
            function.value = self.visit(value)
            node.args = self.visit_list(node.args)
            node.keywords = self.visit_list(node.keywords)
        elif function.attr not in CONTAINER_METHODS or self.is_of_library(value):
            stored = mangled(function.attr, self.scope.private) in self.scopes.stored_attributes
            node.func = self.visit(function) if stored else function
            if not stored:
                function.value = self.visit(value)
            node.args = self.visit_list(node.args)
            node.keywords = self.visit_list(node.keywords)
        else:
            self.container_method(node, function)

    def is_of_library(self, value: ast.expr) -> bool:
        return isinstance(value, ast.Name) and self.scopes.is_library(self.scope, value.id)

    def container_method(self, node: ast.Call, function: ast.Attribute) -> None:
        value, arguments, keywords = function.value, node.args, node.keywords
        text = text_of(value)
        number = self.site("method", "read", function.attr, text, node)
        if arguments and function.attr in ("get", "pop", "setdefault"):
            self.loaded(f"{text}[{text_of(arguments[0])}]", number)
        first = arguments[0] if arguments and not isinstance(arguments[0], ast.Starred) else None
        if all(map(self.is_simple, arguments)) and all(each.arg and self.is_simple(each.value) for each in keywords):
            key = name("__weft_nokey__", value) if first is None else again(first, settled(value))
            function.value = hook("method", [self.visit(value), number, key], value)
            return
        by_name = isinstance(value, ast.Name) and self.is_simple(value)
        if not by_name and not self.may_walrus():
            function.value = hook("method", [self.visit(value), number, name("__weft_nokey__", value)], value)
            node.args = self.visit_list(arguments)
            node.keywords = self.visit_list(keywords)
            return
        function.value = value if by_name else self.keep(TEMPORARY, self.visit(value), value)
        last: Any = keywords[-1] if keywords else arguments[-1]
        around: ast.expr = last if isinstance(last, ast.expr) and not isinstance(last, ast.Starred) else last.value
        obj = again(value, location(around)) if by_name else name(TEMPORARY, around)
        cleared = number if by_name else self.keep(TEMPORARY, number, around)
        self.arguments_of(node, first, last, around, obj, cleared, number)

    def arguments_of(
        self,
        node: ast.Call,
        first: ast.expr | None,
        last: Any,
        around: ast.expr,
        obj: ast.expr,
        cleared: ast.expr | int,
        number: int,
    ) -> None:
        """Rewrite the arguments of a container's method: its access is reported when all of them are evaluated."""
        rest: Sequence[Any] = [*node.args, *node.keywords]
        rewritten: list[Any] = []
        key: list[ast.expr] = []
        depth = self.depth
        for each in rest:
            if each is first and each is last:
                rewritten.append(hook("argument", [obj, self.visit(each), cleared], around))
            elif each is first:
                if self.is_simple(each) or self.may_walrus():
                    kept, taken = self.kept_key(each)
                    rewritten.append(kept)
                    key = [taken(number, around)]
                    self.depth += 1
                else:
                    rewritten.append(self.visit(each))
            elif each is last:
                inner = self.visit(each if around is each else each.value)
                reported = hook("argument", [obj, inner, cleared, *(key or [name("__weft_nokey__", around)])], around)
                if around is not each:
                    each.value = reported
                rewritten.append(reported if around is each else each)
            else:
                rewritten.append(self.visit(each))
        self.depth = depth
        node.args, node.keywords = rewritten[: len(node.args)], rewritten[len(node.args) :]


def _has_stars(node: ast.Call) -> bool:
    return bool(node.keywords) or any(isinstance(each, ast.Starred) for each in node.args)

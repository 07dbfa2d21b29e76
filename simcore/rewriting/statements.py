"""Rewrites statements: stores, deletions, augmented assignments as a load and a store, loops and conditions.

Knows the syntax and the scopes. No statement moves to another line, none is added before a docstring.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from .calls import Calls
from .nodes import Location, again, cell, hook, is_constant, is_special, location, name, settled, text_of
from .scopes import mangled

VALUE = "__weft_value__"
HOLDER = "__weft_holder__"
HOLDER_KEY = "__weft_holder_key__"
"""Variables of statements. Those of expressions have other names: one may be set while one of these is in use."""
NOWHERE: Location = {"lineno": -1, "col_offset": -1, "end_lineno": -1, "end_col_offset": -1}
_QUIET = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.JoinedStr),
    *(ast.FormattedValue, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context),
)
"""Expressions that run none of this module's code, as far as its text tells."""

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "iadd",
    ast.BitAnd: "iand",
    ast.FloorDiv: "ifloordiv",
    ast.LShift: "ilshift",
    ast.MatMult: "imatmul",
    ast.Mod: "imod",
    ast.Mult: "imul",
    ast.BitOr: "ior",
    ast.Pow: "ipow",
    ast.RShift: "irshift",
    ast.Sub: "isub",
    ast.Div: "itruediv",
    ast.BitXor: "ixor",
}
"""The functions in :mod:`operator` that the augmented assignments are."""


class Statements(Calls):
    """Rewrites a whole module, in place."""

    def module(self, tree: ast.Module) -> ast.Module:
        tree.body = self.body(tree.body)
        return tree

    def body(self, statements: list[Any]) -> list[Any]:
        result: list[Any] = []
        for statement in statements:
            made = self.visit(statement)
            if isinstance(made, list):
                result += made
            else:
                result.append(made)
        return result

    def visit_list(self, nodes: list[Any]) -> list[Any]:
        return self.body(nodes) if nodes and isinstance(nodes[0], ast.stmt) else super().visit_list(nodes)

    # Definitions.

    def on_functiondef(self, node: ast.FunctionDef) -> Any:
        node.decorator_list = self.visit_list(node.decorator_list)
        self.defaults(node.args)
        state = self.enter(node)
        node.body = self.body(node.body)
        self.leave(state)
        return self.bound(node, node.name)

    def on_asyncfunctiondef(self, node: ast.AsyncFunctionDef) -> Any:
        node.decorator_list = self.visit_list(node.decorator_list)
        self.defaults(node.args)
        self.not_seen.append(
            f"async def {self.scope.inside}{node.name} ({self.filename.rpartition('/')[2]}:{node.lineno})"
        )
        return self.bound(node, node.name)

    def on_classdef(self, node: ast.ClassDef) -> Any:
        node.decorator_list = self.visit_list(node.decorator_list)
        node.bases = self.visit_list(node.bases)
        node.keywords = self.visit_list(node.keywords)
        state = self.enter(node)
        node.body = self.body(node.body)
        self.leave(state)
        return self.bound(node, node.name)

    def on_typealias(self, node: ast.stmt) -> ast.stmt:
        return node

    def on_import(self, node: ast.Import | ast.ImportFrom) -> Any:
        for alias in node.names:
            if alias.name != "*" and self.is_shared_name(alias.asname or alias.name.partition(".")[0]):
                return self.bound(node, alias.asname or alias.name.partition(".")[0])
        return node

    on_importfrom = on_import

    def bound(self, node: ast.stmt, identifier: str) -> Any:
        """A statement that stores a variable by itself: if that is shared, it is reported before."""
        report = self.report(identifier, node)
        return [report, node] if report is not None else node

    def report(self, identifier: str, node: ast.stmt | ast.excepthandler) -> ast.stmt | None:
        """A statement that reports a store without a value that could be wrapped."""
        if not self.is_shared_name(identifier):
            return None
        nothing = ast.Constant(value=None, **location(node))
        target = name(identifier, node)
        return ast.Expr(value=self.variable_write(target, nothing), **location(node))

    # Stores.

    def on_assign(self, node: ast.Assign) -> Any:
        blind = is_constant(node.value)
        watched, self.watched = self.watched, {}
        if not blind:
            self.watched = {
                text_of(target): 0 for target in node.targets if not isinstance(target, ast.Tuple | ast.List)
            }
        texts = [text_of(target) for target in node.targets]
        unpacks = any(isinstance(target, ast.Tuple | ast.List) for target in node.targets)
        read_whole = unpacks and isinstance(node.value, ast.Name | ast.Attribute | ast.Subscript)
        if read_whole or (len(node.targets) == 1 and is_definition(node.targets[0])):
            node.value = self.whole(node.value) if read_whole else self.temporary(node.value)
        else:
            node.value = self.visit(node.value)
        pairs, self.watched = self.watched, watched
        after: list[ast.stmt] = []
        for number, target in enumerate(node.targets):
            pair = pairs.get(texts[number], 0)
            if isinstance(target, ast.Name):
                node.value = self.variable_write(target, node.value, pair=pair, blind=blind)
            else:
                node.targets[number] = self.target(target, after, pair=pair, blind=blind)
        return [node, *after]

    def on_annassign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            return node
        blind = is_constant(node.value)
        watched, self.watched = self.watched, {text_of(node.target): 0}
        value: ast.expr = self.visit(node.value)
        pair, self.watched = next(iter(self.watched.values())), watched
        if isinstance(node.target, ast.Name):
            node.value = self.variable_write(node.target, value, pair=pair, blind=blind)
        else:
            node.value = value
            node.target = self.target(node.target, [], pair=pair, blind=blind)
        return node

    def on_delete(self, node: ast.Delete) -> Any:
        result: list[ast.stmt] = []
        for target in node.targets:
            if isinstance(target, ast.Name) and self.is_shared_name(target.id):
                kind = self.variable(target.id)
                full = mangled(target.id, self.scope.private)
                number = self.site("global" if kind == "global" else "cell", "delete", full, target.id, target)
                nothing = ast.Constant(value=None, **location(target))
                rest = [number] if kind == "global" else [cell(target.id, target), number]
                result.append(ast.Expr(value=hook(f"{kind}_write", [nothing, *rest], target), **location(node)))
            made = self.target(target, [], does="delete")
            result.append(ast.Delete(targets=[made], **location(node)))
        return result

    # Augmented assignment: a load, the operator in place, a store.

    def on_augassign(self, node: ast.AugAssign) -> Any:
        target = node.target
        if isinstance(target, ast.Name):
            return self.augmented_name(node, target)
        if isinstance(target, ast.Attribute) and is_special(target.attr):
            return self.on_other(node)
        if isinstance(target, ast.Subscript) and has_slice(target.slice):
            node.target = self.subscript(target, "write")
            node.value = self.visit(node.value)
            return node
        return self.augmented_place(node, target)

    def may_keep(self) -> bool:
        """May statements here have variables of their own for a while?"""
        return self.scope.kind == "function" and not self.scope.sees_locals

    def augmented_name(self, node: ast.AugAssign, target: ast.Name) -> Any:
        if not self.is_shared_name(target.id):
            if is_special(target.id) or self.scopes.is_scalar(target, self.scope):
                node.value = self.visit(node.value)
            else:
                node.value = self.in_place(node.value, name(target.id, target), target)
            return node
        load: ast.expr = self.on_name(name(target.id, target))
        read = self.sites[-1].number

        def store(value: ast.expr) -> ast.stmt:
            written = self.variable_write(target, value, pair=read)
            return ast.Assign(targets=[target], value=written, **location(node))

        return self.steps(node, load, store)

    def in_place(self, value: ast.expr, holder: ast.expr, target: ast.expr) -> ast.expr:
        """The right-hand side of ``x += e``: a container in ``x`` is changed when it is evaluated."""
        if not self.may_change_in_place(value):
            return self.visit(value)
        number = self.site("inplace", "write", "", text_of(target), target)
        return hook("argument", [holder, self.temporary(value), number, name("__weft_nokey__", value)], value)

    def may_change_in_place(self, value: ast.expr) -> bool:
        return not (isinstance(value, ast.JoinedStr) or self.scopes.is_scalar(value, self.scope))

    def steps(self, node: ast.AugAssign, load: ast.expr, store: Callable[[ast.expr], ast.stmt]) -> list[ast.stmt]:
        """``t = load; t += e; store(t); del t``, or one assignment where no variable can be kept."""
        target, here = node.target, location(node)
        if self.may_keep():
            # All at the last line of the target, where the load ended and the store will be: tracers see no other.
            end = ast.Name(id=VALUE, ctx=ast.Load(), **settled(target))
            kept = ast.Assign(targets=[name(VALUE, end, ast.Store())], value=load, **here)
            value = self.in_place(node.value, name(VALUE, node.value), target)
            augmented = ast.AugAssign(target=name(VALUE, end, ast.Store()), op=node.op, value=value, **here)
            gone = ast.Delete(targets=[name(VALUE, end, ast.Del())], **here)
            return [kept, augmented, store(end), gone]
        function = name(f"__weft_{_OPERATORS[type(node.op)]}__", target)
        done = ast.Call(func=function, args=[load, self.visit(node.value)], keywords=[], **here)
        return [store(done)]

    def augmented_place(self, node: ast.AugAssign, target: ast.Attribute | ast.Subscript) -> list[ast.stmt]:
        """``x.a += e`` and ``x[k] += e``, where ``x`` and ``k`` are evaluated once."""
        before: list[ast.stmt] = []
        kept: list[str] = []
        text, here = text_of(target.value), location(node)
        holder = target.value
        if not self.stays(holder, node.value):
            before.append(self.keep_in(HOLDER, self.visit(holder), node, kept))
            holder = name(HOLDER, target)
        key: ast.expr | None = None
        if isinstance(target, ast.Subscript):
            key = target.slice
            if not self.stays(key, node.value):
                before.append(self.keep_in(HOLDER_KEY, self.visit(key), node, kept))
                key = name(HOLDER_KEY, target)
        read, load = self.place(target, holder, key, text, 0)

        def store(value: ast.expr) -> ast.stmt:
            _, place = self.place(target, holder, key, text, read)
            return ast.Assign(targets=[place], value=value, **here)

        statements = [*before, *self.steps(node, load, store)]
        if not kept:
            return statements
        if self.may_keep():
            end = ast.Name(id="", ctx=ast.Load(), **settled(target))
            return [*statements, ast.Delete(targets=[name(each, end, ast.Del()) for each in kept], **here)]
        # In a class, a module or a function that looks at its variables: gone even after an exception.
        # Without a line, so that no tracer sees them.
        nothing = ast.Constant(value=None, **NOWHERE)
        stored = [ast.Name(id=each, ctx=ast.Store(), **NOWHERE) for each in kept]
        forgotten = ast.Assign(targets=[*stored], value=nothing, **NOWHERE)
        gone = ast.Delete(targets=[ast.Name(id=each, ctx=ast.Del(), **NOWHERE) for each in kept], **NOWHERE)
        return [ast.Try(body=statements, handlers=[], orelse=[], finalbody=[forgotten, gone], **here)]

    def stays(self, node: ast.expr, value: ast.expr) -> bool:
        """Does a name or constant still mean the same when ``value`` has been evaluated?"""
        if not self.is_simple(node):
            return False
        if not isinstance(node, ast.Name):
            return True
        owner = self.scopes.owner(self.scope, mangled(node.id, self.scope.private))
        if owner is self.scope and owner.kind == "function":
            return not any(isinstance(each, ast.NamedExpr) for each in ast.walk(value))
        return all(isinstance(each, _QUIET) for each in ast.walk(value))

    def keep_in(self, identifier: str, value: ast.expr, node: ast.AugAssign, kept: list[str]) -> ast.stmt:
        kept.append(identifier)
        return ast.Assign(targets=[name(identifier, node.target, ast.Store())], value=value, **location(node))

    def place(
        self, target: ast.Attribute | ast.Subscript, holder: ast.expr, key: ast.expr | None, text: str, pair: int
    ) -> tuple[int, ast.expr]:
        """The load (``pair`` 0) or the store of an augmented assignment, and its site."""
        suffix, does = ("write", "write") if pair else ("read", "read")
        ctx: ast.expr_context = ast.Store() if pair else ast.Load()
        here = location(target)
        around = ast.Name(id="", ctx=ast.Load(), **settled(target)) if pair else target.value
        beside = settled(around)
        first = again(holder, location(around))
        if isinstance(target, ast.Attribute):
            attribute = mangled(target.attr, self.scope.private)
            number = self.site("attribute", does, attribute, text, target, pair=pair)
            wrapped = hook(suffix, [first, number], around)
            return number, ast.Attribute(value=wrapped, attr=target.attr, ctx=ctx, **here)
        assert key is not None
        number = self.site("item", does, "", text, target, pair=pair)
        wrapped = hook(f"item_{suffix}", [first, again(key, beside), number], around)
        return number, ast.Subscript(
            value=wrapped, slice=again(key, beside if pair else location(key)), ctx=ctx, **here
        )

    # Compound statements.

    def on_for(self, node: ast.For) -> Any:
        node.iter = self.iterable(node.iter)
        after: list[ast.stmt] = []
        node.target = self.target(node.target, after)
        node.body = [*after, *self.body(node.body)]
        node.orelse = self.body(node.orelse)
        return node

    def on_while(self, node: ast.While) -> Any:
        node.test = self.truth(node.test)
        node.body = self.body(node.body)
        node.orelse = self.body(node.orelse)
        return node

    def on_if(self, node: ast.If) -> Any:
        node.test = self.truth(node.test)
        node.body = self.body(node.body)
        node.orelse = self.body(node.orelse)
        return node

    def on_assert(self, node: ast.Assert) -> Any:
        node.test = self.truth(node.test)
        node.msg = self.visit(node.msg) if node.msg is not None else None
        return node

    def on_with(self, node: ast.With) -> Any:
        after: list[ast.stmt] = []
        for item in node.items:
            item.context_expr = self.visit(item.context_expr)
            if item.optional_vars is not None:
                item.optional_vars = self.target(item.optional_vars, after)
        node.body = [*after, *self.body(node.body)]
        return node

    def on_excepthandler(self, node: ast.ExceptHandler) -> Any:
        node.type = self.visit(node.type) if node.type is not None else None
        report = self.report(node.name, node) if node.name else None
        node.body = [*([report] if report is not None else ()), *self.body(node.body)]
        return node

    def on_match_case(self, node: ast.match_case) -> Any:
        node.guard = self.truth(node.guard) if node.guard is not None else None
        captured = {
            identifier
            for each in ast.walk(node.pattern)
            for identifier in (getattr(each, "name", None), getattr(each, "rest", None))
            if isinstance(identifier, str)
        }
        first = node.body[0]
        reports = [report for each in sorted(captured) if (report := self.report(each, first)) is not None]
        node.body = [*reports, *self.body(node.body)]
        return node


def has_slice(key: ast.expr) -> bool:
    return any(isinstance(each, ast.Slice) for each in (key, *getattr(key, "elts", ())))


def is_definition(target: ast.expr) -> bool:
    """``__slots__ = [...]`` and the like are no shared containers."""
    return isinstance(target, ast.Name) and is_special(target.id)

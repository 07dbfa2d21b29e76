"""Rewrites expressions: every load of something that may be shared gets its hook, the rest stays as it is.

Knows the syntax. What a hook does, and which objects are shared in the end, is decided at run time.
"""

from __future__ import annotations

import ast
from typing import Any

from ..hooks import Does
from .nodes import again, cell, hook, is_async, is_constant, is_special, location, name, settled, text_of
from .scopes import Comprehension, Scope, mangled
from .visitor import DISPLAYS, TEMPORARY, Visitor

_UNSHARED_NAMES = frozenset({"list", "dict", "set", "tuple", "type", "frozenset"})


class Expressions(Visitor):
    """Loads, displays, comprehensions, and the targets of stores; no calls."""

    # Loads.

    def on_name(self, node: ast.Name) -> ast.expr:
        kind = self.variable(node.id) if isinstance(node.ctx, ast.Load) else ""
        if not kind:
            return node
        full = mangled(node.id, self.scope.private)
        number = self.site("global" if kind == "global" else "cell", "read", full, node.id, node)
        self.loaded(node.id, number)
        arguments: list[ast.expr | int] = [number] if kind == "global" else [cell(node.id, node), number]
        return ast.BoolOp(op=ast.Or(), values=[hook(kind, arguments, node), node], **location(node))

    def skips_attribute(self, node: ast.Attribute) -> bool:
        """Is the attribute one that nobody changes while threads run?"""
        attribute, value = mangled(node.attr, self.scope.private), node.value
        if is_special(attribute):
            return True
        if isinstance(value, ast.Call) and self.is_builtin(value.func, ("super",)):
            return True
        if attribute in self.scopes.stored_attributes or not isinstance(value, ast.Name):
            return False
        if self.scopes.owner(self.scope, mangled(value.id, self.scope.private)) is not self.scopes.module:
            return self.scopes.is_library(self.scope, value.id)
        return attribute.isupper() or self.scopes.is_library(self.scope, value.id)

    def on_attribute(self, node: ast.Attribute) -> ast.expr:
        value = node.value
        if node.attr == "__dict__":
            text = text_of(value)
            inner = self.visit(value)
            node.value = hook("whole", [inner, self.site("dynamic", "read", node.attr, text, node)], value)
        elif self.skips_attribute(node):
            node.value = self.visit(value)
        else:
            text = text_of(value)
            inner = self.visit(value)
            number = self.site("attribute", "read", mangled(node.attr, self.scope.private), text, node)
            self.loaded(f"{text}.{node.attr}", number)
            node.value = hook("read", [inner, number], value)
        return node

    def on_subscript(self, node: ast.Subscript) -> ast.expr:
        value = node.value
        if isinstance(value, ast.Constant | ast.JoinedStr) or self.is_builtin(value, _UNSHARED_NAMES):
            return self.on_other(node)
        if isinstance(value, DISPLAYS):
            node.value = self.display(value)
            node.slice = self.visit(node.slice)
            return node
        return self.subscript(node, "read")

    def subscript(self, node: ast.Subscript, does: Does, *, pair: int = 0, blind: bool = False) -> ast.Subscript:
        """``x[k]`` in any role."""
        value, key = node.value, node.slice
        text, key_text = text_of(value), text_of(key)
        sliced = any(isinstance(each, ast.Slice) for each in (key, *getattr(key, "elts", ())))
        if sliced:
            number = self.site("whole", does, "", text, node, pair=pair, blind=blind)
        else:
            number = self.site("item", does, "", text, node, pair=pair, blind=blind)
        if does == "read":
            self.loaded(f"{text}[{key_text}]", number)
        suffix = "read" if does == "read" else "write"
        whole = "whole" if does == "read" else "whole_write"
        if sliced:
            node.value = hook(whole, [self.visit(value), number], value)
            node.slice = self.visit(key)
        elif self.is_simple(key):
            node.value = hook(f"item_{suffix}", [self.visit(value), again(key, settled(value)), number], value)
        elif isinstance(value, ast.Name) and self.is_simple(value):
            node.slice = hook(f"key_{suffix}", [again(value, location(key)), self.visit(key), number], key)
        elif self.may_walrus():
            node.value = self.keep(TEMPORARY, self.visit(value), value)
            cleared = self.keep(TEMPORARY, number, key)
            node.slice = hook(f"key_{suffix}", [name(TEMPORARY, key), self.visit(key), cleared], key)
        else:
            node.value = hook(whole, [self.visit(value), number], value)
            node.slice = self.visit(key)
        return node

    def on_compare(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) != 1:
            return self.on_other(node)
        left, operator, right = node.left, node.ops[0], node.comparators[0]
        if isinstance(operator, ast.In | ast.NotIn) and self.may_be_container(right):
            self.membership(node, left, right)
        elif isinstance(operator, ast.Eq | ast.NotEq) and not is_constant(left) and not is_constant(right):
            node.left = self.whole(left) if isinstance(left, ast.Name | ast.Attribute) else self.visit(left)
            node.comparators = [self.whole(right) if isinstance(right, ast.Name | ast.Attribute) else self.visit(right)]
        else:
            node.left = self.visit(left)
            node.comparators = [self.temporary(right)]
        return node

    def membership(self, node: ast.Compare, key: ast.expr, container: ast.expr) -> None:
        """``k in x`` looks at one key of a dictionary or a set, which of the two it is shows at run time."""
        text = text_of(container)
        if self.is_simple(key):
            number = self.site("item", "read", "in", text, node)
            node.comparators = [
                hook("item_read", [self.visit(container), again(key, settled(container)), number], container)
            ]
        elif self.may_walrus():
            number = self.site("item", "read", "in", text, node)
            identifier = self.key_name()
            node.left = self.keep(identifier, self.visit(key), key)
            self.depth += 1
            inner = self.visit(container)
            self.depth -= 1
            cleared = self.keep(identifier, number, container)
            node.comparators = [hook("item_read", [inner, name(identifier, container), cleared], container)]
        else:
            number = self.site("whole", "read", "in", text, node)
            node.left = self.visit(key)
            node.comparators = [hook("whole", [self.visit(container), number], container)]

    def on_boolop(self, node: ast.BoolOp) -> ast.expr:
        node.values = [*map(self.truth, node.values[:-1]), self.visit(node.values[-1])]
        return node

    def on_unaryop(self, node: ast.UnaryOp) -> ast.expr:
        node.operand = self.truth(node.operand) if isinstance(node.op, ast.Not) else self.visit(node.operand)
        return node

    def on_ifexp(self, node: ast.IfExp) -> ast.expr:
        node.test = self.truth(node.test)
        node.body = self.visit(node.body)
        node.orelse = self.visit(node.orelse)
        return node

    def on_formattedvalue(self, node: ast.FormattedValue) -> ast.expr:
        shown = isinstance(node.value, ast.Name | ast.Attribute | ast.Subscript)
        node.value = self.whole(node.value) if shown else self.visit(node.value)
        if node.format_spec is not None:
            node.format_spec = self.visit(node.format_spec)
        return node

    def on_starred(self, node: ast.Starred) -> ast.expr:
        node.value = self.whole(node.value)
        return node

    def on_yieldfrom(self, node: ast.YieldFrom) -> ast.expr:
        node.value = self.iterable(node.value)
        return node

    def on_namedexpr(self, node: ast.NamedExpr) -> ast.expr:
        node.value = self.variable_write(node.target, self.visit(node.value))
        return node

    # Scopes of their own.

    def on_lambda(self, node: ast.Lambda) -> ast.expr:
        self.defaults(node.args)
        with_scope = self.enter(node)
        node.body = self.visit(node.body)
        self.leave(with_scope)
        return node

    def defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults = self.visit_list(arguments.defaults)
        arguments.kw_defaults = self.visit_list(arguments.kw_defaults)

    def enter(self, node: ast.AST) -> tuple[Scope, int, dict[str, int]]:
        state = self.scope, self.iterables, self.watched
        self.scope = self.scopes.of[node]
        if self.scope.kind != "comprehension":
            self.iterables = 0
            self.watched = {}  # what an inner function loads, it loads later
        return state

    def leave(self, state: tuple[Scope, int, dict[str, int]]) -> None:
        self.scope, self.iterables, self.watched = state

    def on_listcomp(self, node: ast.ListComp) -> ast.expr:
        return self.new(self.display(node), node)

    def on_setcomp(self, node: ast.SetComp) -> ast.expr:
        return self.new(self.display(node), node)

    def on_dictcomp(self, node: ast.DictComp) -> ast.expr:
        return self.new(self.display(node), node)

    def on_generatorexp(self, node: ast.GeneratorExp) -> ast.expr:
        return self.display(node)

    def on_list(self, node: ast.List) -> ast.expr:
        return self.new(self.display(node), node) if isinstance(node.ctx, ast.Load) else node

    def on_set(self, node: ast.Set) -> ast.expr:
        return self.new(self.display(node), node)

    def on_dict(self, node: ast.Dict) -> ast.expr:
        return self.new(self.display(node), node)

    def new(self, made: ast.expr, node: ast.expr) -> ast.expr:
        if is_async(node):
            return made
        return hook("new", [made, self.site("new", "write", "", "", node)], node)

    def comprehension(self, node: Comprehension) -> None:
        if is_async(node):
            self.not_seen.append(
                f"async comprehension in {self.scope.function} ({self.filename.rpartition('/')[2]}:{node.lineno})"
            )
            return
        generators = node.generators
        self.iterables += 1
        generators[0].iter = self.iterable(generators[0].iter)
        self.iterables -= 1
        state = self.enter(node)
        for number, generator in enumerate(generators):
            if number:
                self.iterables += 1
                generator.iter = self.iterable(generator.iter)
                self.iterables -= 1
            generator.target = self.target(generator.target, [])
            generator.ifs = [self.truth(test) for test in generator.ifs]
        if isinstance(node, ast.DictComp):
            node.key, node.value = self.visit(node.key), self.visit(node.value)
        else:
            node.elt = self.visit(node.elt)
        self.leave(state)

    def display(self, node: ast.expr) -> ast.expr:
        """A display or comprehension without the report that it is new."""
        if isinstance(node, Comprehension):
            self.comprehension(node)
        elif isinstance(node, ast.Dict):
            node.keys = self.visit_list(node.keys)
            node.values = [
                self.visit(value) if key is not None else self.whole(value)
                for key, value in zip(node.keys, node.values, strict=True)
            ]
        else:
            self.on_other(node)
        return node

    # Stores, which statements and comprehensions share.

    def target(
        self, node: ast.expr, after: list[ast.stmt], *, does: Does = "write", pair: int = 0, blind: bool = False
    ) -> Any:
        """A target of a store; ``after`` gets the statements that must follow it.

        A shared variable inside a tuple takes its value through a temporary, so that its hook comes right before.
        """
        match node:
            case ast.Attribute():
                if is_special(node.attr):
                    return self.on_other(node)
                text = text_of(node.value)
                attribute = mangled(node.attr, self.scope.private)
                number = self.site("attribute", does, attribute, text, node, pair=pair, blind=blind)
                node.value = hook("write", [self.visit(node.value), number], node.value)
                return node
            case ast.Subscript():
                return self.subscript(node, does, pair=pair, blind=blind)
            case ast.Tuple() | ast.List():
                node.elts = [self.target(each, after, does=does) for each in node.elts]
                return node
            case ast.Starred():
                node.value = self.target(node.value, after, does=does)
                return node
            case ast.Name() if self.is_shared_name(node.id) and does == "write":
                temporary = f"__weft_value_{len(after)}__"
                value = self.variable_write(node, name(temporary, node))
                after.append(ast.Assign(targets=[node], value=value, **location(node)))
                after.append(ast.Delete(targets=[name(temporary, node, ast.Del())], **location(node)))
                return name(temporary, node, ast.Store())
            case _:
                return node

"""The scopes of a module: which variable each name means, and which variables several threads could share.

Reads a syntax tree once, before anything is rewritten; it knows the rules of the language and nothing of hooks.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable
from typing import Literal

ScopeKind = Literal["module", "function", "lambda", "class", "comprehension"]
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

_SEES_LOCALS = frozenset({"locals", "vars", "dir", "eval", "exec", "_getframe", "currentframe", "breakpoint"})
"""A function that mentions one of these may look at its own variables, so it gets no further ones."""
_SCALAR_CALLS = frozenset(
    {"len", "int", "float", "str", "bool", "abs", "round", "ord", "chr", "hash", "id", "isinstance", "repr", "divmod"}
)


class Scope:
    """One scope. Names in it are mangled as the compiler does it."""

    def __init__(self, kind: ScopeKind, name: str, parent: Scope | None, private: str) -> None:
        self.kind = kind
        self.parent = parent
        self.private = private
        """The class around whose name ``__x`` is mangled with; empty outside classes."""
        self.stores: dict[str, list[ast.expr | None]] = {}
        """For each name stored here, the value of each store; None where it is not a plain ``x = value``."""
        self.parameters: set[str] = set()
        self.stored_again: set[str] = set()
        """Names of a function stored more than once, or in a loop: those who look at one later may see another value."""
        self.imported: dict[str, str] = {}
        """Names bound by ``import a``: the module; by ``from collections import a``: what it is there."""
        self.global_names: set[str] = set()
        self.nonlocal_names: set[str] = set()
        self.sees_locals = False
        self.scalars: set[str] = set()
        """Local variables that never hold a container."""
        inside = "" if parent is None else parent.inside
        self.function = "<module>" if parent is None else parent.function if kind == "comprehension" else inside + name
        """Qualified name, for people."""
        self.inside = inside if parent is None or kind == "comprehension" else f"{inside}{name}."

    def owns(self, name: str) -> bool:
        return (name in self.stores or name in self.parameters) and not (
            name in self.global_names or name in self.nonlocal_names
        )


def mangled(name: str, private: str) -> str:
    """The name that the compiler makes of ``name`` inside the class ``private``."""
    if not private or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    return f"_{private.lstrip('_')}{name}" if private.strip("_") else name


class Scopes:
    """All scopes of a module, and what is known of its names as a whole."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope("module", "<module>", None, "")
        self.of: dict[ast.AST, Scope] = {}
        """The scope that a function, class, lambda or comprehension opens."""
        self.stored_attributes: set[str] = set()
        """Every attribute that the module stores somewhere, mangled."""
        self.shared_globals: set[str] = set()
        self.shared_cells: set[tuple[Scope, str]] = set()
        """Variables of functions that an inner function stores, or looks at while the function stores them again."""
        self._used: list[tuple[Scope, str]] = []
        self._all: list[Scope] = [self.module]
        self._module_stores: dict[str, int] = {}
        self._used_in_functions: set[str] = set()
        self._loops = 0
        self._visit_all(tree.body, self.module)
        self._find_shared()
        for scope in self._all:
            if scope.kind in ("function", "lambda"):
                self._find_scalars(scope)

    # What a name means.

    def owner(self, scope: Scope, name: str) -> Scope:
        """The scope whose variable ``name`` is when it is used in ``scope``; the module for builtins too."""
        at: Scope | None = scope
        while at is not None and at.kind != "module":
            if name in at.global_names:
                return self.module
            if at.owns(name) and (at.kind != "class" or at is scope):
                return at
            at = at.parent
        return self.module

    def is_builtin(self, scope: Scope, name: str) -> bool:
        """Does the name mean the builtin function? (``from x import *`` is taken not to hide any.)"""
        return (
            hasattr(builtins, name)
            and name not in self.module.stores
            and name not in self.shared_globals
            and self.owner(scope, name) is self.module
        )

    def imported_module(self, scope: Scope, name: str) -> str:
        """The module that ``import`` alone binds this name to; empty: something else may be behind it."""
        owner = self.owner(scope, name)
        return owner.imported.get(name, "") if len(owner.stores.get(name, ())) == 1 else ""

    def is_library(self, scope: Scope, name: str) -> bool:
        """Is it a module of the standard library, whose attributes are taken to stay as they are?"""
        return self.imported_module(scope, name).partition(".")[0] in sys.stdlib_module_names

    # Reading the tree.

    def _visit_all(self, nodes: Iterable[ast.AST | None], scope: Scope) -> None:
        for node in nodes:
            if node is not None:
                self._visit(node, scope)

    def _open(self, kind: ScopeKind, name: str, parent: Scope, node: ast.AST) -> Scope:
        private = name if kind == "class" else parent.private
        scope = Scope(kind, name, parent, private)
        self.of[node] = scope
        self._all.append(scope)
        for parameter in getattr(node, "type_params", ()):
            scope.parameters.add(mangled(parameter.name, private))
        if kind in ("function", "class"):
            # Python's own qualified names say where a function's insides begin.
            scope.inside += "<locals>." if kind == "function" else ""
        return scope

    def _store(self, scope: Scope, name: str, value: ast.expr | None = None, *, counts: bool = True) -> None:
        name = mangled(name, scope.private)
        scope.stores.setdefault(name, []).append(value)
        if scope.kind == "function" and (self._loops or len(scope.stores[name]) > 1 or name in scope.parameters):
            scope.stored_again.add(name)
        if scope.kind == "module" and counts:
            self._module_stores[name] = self._module_stores.get(name, 0) + (2 if self._loops else 1)

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._store(scope, node.name, counts=False)
                self._visit_all(node.decorator_list, scope)
                inner = self._open("function", node.name, scope, node)
                self._arguments(node.args, scope, inner)
                self._body(node.body, inner)
            case ast.Lambda():
                inner = self._open("lambda", "<lambda>", scope, node)
                self._arguments(node.args, scope, inner)
                self._body([node.body], inner)
            case ast.ClassDef():
                self._store(scope, node.name, counts=False)
                self._visit_all([*node.decorator_list, *node.bases, *node.keywords], scope)
                self._body(node.body, self._open("class", node.name, scope, node))
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._comprehension(node, scope)
            case ast.Name():
                self._name(node, scope)
            case ast.NamedExpr():
                self._visit(node.value, scope)
                self._store(self._around(scope), node.target.id, node.value)
            case ast.Attribute():
                if not isinstance(node.ctx, ast.Load):
                    self.stored_attributes.add(mangled(node.attr, scope.private))
                scope.sees_locals |= node.attr in _SEES_LOCALS
                self._visit(node.value, scope)
            case ast.Global():
                scope.global_names.update(mangled(name, scope.private) for name in node.names)
            case ast.Nonlocal():
                scope.nonlocal_names.update(mangled(name, scope.private) for name in node.names)
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.Assign():
                self._visit(node.value, scope)
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self._store(scope, target.id, node.value)
                    else:
                        self._visit(target, scope)
            case ast.AnnAssign():
                if node.value is not None:
                    self._visit(node.value, scope)
                    self._visit(node.target, scope)
                elif isinstance(node.target, ast.Name):
                    scope.stores.setdefault(mangled(node.target.id, scope.private), [])
            case ast.AugAssign():
                self._visit(node.value, scope)
                if isinstance(node.target, ast.Name):
                    self._loops += 1
                    # What arithmetic leaves a number a number: the store says nothing new about the variable.
                    self._store(scope, node.target.id, node.target)
                    self._loops -= 1
                else:
                    self._visit(node.target, scope)
            case ast.For() | ast.AsyncFor() | ast.While():
                self._loop(node, scope)
            case ast.ExceptHandler():
                self._visit_all([node.type], scope)
                if node.name:
                    self._store(scope, node.name)
                self._visit_all(node.body, scope)
            case ast.MatchAs() | ast.MatchStar():
                if node.name:
                    self._store(scope, node.name)
                self._visit_all(ast.iter_child_nodes(node), scope)
            case ast.MatchMapping():
                if node.rest:
                    self._store(scope, node.rest)
                self._visit_all(ast.iter_child_nodes(node), scope)
            case _:
                if type(node).__name__ == "TypeAlias":  # 3.12: its value has a scope of its own and is evaluated late
                    self._visit_all([getattr(node, "name", None)], scope)
                else:
                    self._visit_all(ast.iter_child_nodes(node), scope)

    def _body(self, body: Iterable[ast.AST], scope: Scope) -> None:
        loops, self._loops = self._loops, 0
        self._visit_all(body, scope)
        self._loops = loops

    def _arguments(self, arguments: ast.arguments, scope: Scope, inner: Scope) -> None:
        self._visit_all([*arguments.defaults, *arguments.kw_defaults], scope)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        inner.parameters.update(mangled(each.arg, inner.private) for each in every if each is not None)

    def _comprehension(self, node: Comprehension, scope: Scope) -> None:
        self._visit(node.generators[0].iter, scope)
        inner = self._open("comprehension", "", scope, node)
        for number, generator in enumerate(node.generators):
            if number:
                self._visit(generator.iter, inner)
            self._visit(generator.target, inner)
            self._visit_all(generator.ifs, inner)
        self._visit_all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner)

    def _around(self, scope: Scope) -> Scope:
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        return scope

    def _name(self, node: ast.Name, scope: Scope) -> None:
        if isinstance(node.ctx, ast.Load):
            around = self._around(scope)
            around.sees_locals |= node.id in _SEES_LOCALS
            if around.kind in ("function", "lambda"):
                self._used_in_functions.add(mangled(node.id, scope.private))
                self._used.append((around, mangled(node.id, scope.private)))
        else:
            self._store(scope, node.id)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            if alias.name == "*":
                continue
            name = alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)
            self._store(scope, name, counts=False)
            if isinstance(node, ast.Import):
                scope.imported[mangled(name, scope.private)] = alias.name
            elif node.module == "collections":
                scope.imported[mangled(name, scope.private)] = f"collections.{alias.name}"

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, scope: Scope) -> None:
        self._visit(node.test if isinstance(node, ast.While) else node.iter, scope)
        self._loops += 1
        if not isinstance(node, ast.While):
            if isinstance(node.target, ast.Name) and _is_range(node.iter):
                self._store(scope, node.target.id, ast.Constant(0))
            else:
                self._visit(node.target, scope)
        self._visit_all(node.body, scope)
        self._loops -= 1
        self._visit_all(node.orelse, scope)

    # What follows from all of it.

    def _find_shared(self) -> None:
        for name, count in self._module_stores.items():
            if count > 1 and name in self._used_in_functions:
                self.shared_globals.add(name)
        for scope in self._all:
            if scope.kind == "module":
                continue
            for name in scope.stores:
                if name in scope.global_names and scope.stores[name]:
                    self.shared_globals.add(name)
                elif name in scope.nonlocal_names and scope.parent is not None:
                    owner = self.owner(scope.parent, name)
                    if owner.kind in ("function", "lambda"):
                        self.shared_cells.add((owner, name))
        for scope, name in self._used:
            owner = self.owner(scope, name)
            if owner is not scope and owner.kind == "function" and name in owner.stored_again:
                self.shared_cells.add((owner, name))
        self.shared_globals = {name for name in self.shared_globals if not _is_special(name)}

    def _find_scalars(self, scope: Scope) -> None:
        candidates = {
            name
            for name, values in scope.stores.items()
            if scope.owns(name) and name not in scope.parameters and all(value is not None for value in values)
        }
        scope.scalars = candidates
        while True:
            wrong = {
                name
                for name in scope.scalars
                if not all(value is not None and self.is_scalar(value, scope) for value in scope.stores[name])
                or (scope, name) in self.shared_cells
            }
            if not wrong:
                return
            scope.scalars = scope.scalars - wrong

    def is_scalar(self, node: ast.expr, scope: Scope) -> bool:
        """Is the value certainly no container?"""
        match node:
            case ast.Constant() | ast.JoinedStr() | ast.Compare() | ast.Lambda():
                return True
            case ast.Name():
                name = mangled(node.id, scope.private)
                return name in self.owner(scope, name).scalars
            case ast.UnaryOp():
                return isinstance(node.op, ast.Not) or self.is_scalar(node.operand, scope)
            case ast.BinOp():
                known = self.is_scalar(node.left, scope), self.is_scalar(node.right, scope)
                return all(known) if isinstance(node.op, ast.Mult) else any(known) or isinstance(node.op, ast.Div)
            case ast.BoolOp():
                return all(self.is_scalar(value, scope) for value in node.values)
            case ast.IfExp():
                return self.is_scalar(node.body, scope) and self.is_scalar(node.orelse, scope)
            case ast.Call(func=ast.Name(id=name)):
                return name in _SCALAR_CALLS and self.is_builtin(scope, name)
            case _:
                return False


def _is_range(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")

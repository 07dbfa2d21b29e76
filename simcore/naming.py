"""What the user calls an object: the variable or attribute path at the place where it was made.

Works on frames and source text only; it does not know what the objects are. A name is found in two ways: from the
statement that made the object (``self.cache_lock = Lock()`` in class Cache: ``Cache.cache_lock``), and, when one
statement made several, by looking for the object from the program's variables (``accounts[0].lock``).
"""

from __future__ import annotations

import ast
import itertools
import linecache
from collections import deque
from collections.abc import Iterable, Mapping
from types import CodeType, FrameType
from typing import Any, cast

_SEARCH_MAX = 20_000
"""How many objects a search for names looks at; large programs keep their fallback names beyond that."""
_DEPTH_MAX = 5
_ATOMS = (str, bytes, int, float, complex, bool, type(None), type, CodeType, FrameType)


def _positions(frame: FrameType) -> tuple[int, int] | None:
    """Line and column where the call that the frame is in begins."""
    index = frame.f_lasti // 2
    for line, _, column, _ in itertools.islice(frame.f_code.co_positions(), index, index + 1):
        if line is not None and column is not None:
            return line, column
    return None


_trees: dict[str, ast.Module | None] = {}


def _tree(filename: str) -> ast.Module | None:
    if filename not in _trees:
        source = "".join(linecache.getlines(filename))
        try:
            _trees[filename] = ast.parse(source) if source else None
        except SyntaxError:
            _trees[filename] = None
    return _trees[filename]


def _assigned_to(tree: ast.Module, line: int, column: int) -> tuple[str, bool]:
    """The assignment target around the call at a position, and whether that call sits in a loop of its own
    (a comprehension), so that one target names many objects."""
    best: tuple[str, bool] = ("", False)
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr | ast.AugAssign):
            targets = [node.target]
        value = getattr(node, "value", None)
        if not targets or not isinstance(value, ast.expr) or not _covers(value, line, column):
            continue
        target = targets[0]
        many = any(
            isinstance(inner, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
            and _covers(inner, line, column)
            for inner in ast.walk(value)
        )
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            for part, source in zip(target.elts, value.elts, strict=False):
                if _covers(source, line, column):
                    target = part
                    break
        if isinstance(target, ast.Name | ast.Attribute | ast.Subscript):
            best = (ast.unparse(target), many)
    return best


def _covers(node: ast.expr, line: int, column: int) -> bool:
    start, end = (node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0)
    return start <= (line, column) < end


_at_site: dict[tuple[str, int, int], tuple[str, bool]] = {}


def creation_name(frame: FrameType) -> tuple[str, bool]:
    """The name given by the statement that ``frame`` is executing (empty: none), and whether it makes many at once.

    ``self.x = …`` inside a method of class C is called ``C.x``.
    """
    position = _positions(frame)
    if position is None:
        return "", False
    key = (frame.f_code.co_filename, *position)
    found = _at_site.get(key)
    if found is None:
        tree = _tree(frame.f_code.co_filename)
        found = ("", False) if tree is None else _assigned_to(tree, *position)
        _at_site[key] = found
    name, many = found
    head, dot, rest = name.partition(".")
    if dot and head in frame.f_code.co_varnames[:1] and head in ("self", "cls"):
        name = f"{_class_name(frame)}.{rest}"
    return name, many


def name_at(file: str, line: int, column: int) -> str:
    """The name given by the statement around an expression at a position; empty when it gives none, or many at once."""
    tree = _tree(file)
    name, many = ("", False) if tree is None else _assigned_to(tree, line, column)
    return "" if many else name


def _class_name(frame: FrameType) -> str:
    owner = frame.f_code.co_qualname.rpartition(".")[0].rpartition(".")[2]
    return owner if owner and owner != "<locals>" else "self"


def find_paths(
    roots: Iterable[Mapping[str, Any]],
    wanted: Iterable[object],
    own: tuple[str, ...] = (),
    ids: Iterable[int] = (),
) -> dict[int, str]:
    """Paths from named roots (module globals, frame locals) to the wanted objects, by id, shortest first.

    Looks through lists, tuples, deques, dicts with plain keys, and the attributes of objects whose class is not from a
    library (``own`` are the name prefixes of our own modules). Nothing of the program is called. ``ids`` are of further
    wanted objects, which the caller knows to be alive.
    """
    missing = {id(item) for item in wanted} | {*ids}
    found: dict[int, str] = {}
    seen: set[int] = set()
    budget = _SEARCH_MAX
    for root in roots:  # one after the other: a name from the main function beats one from a callee
        todo = deque((value, name, 0) for name, value in [*root.items()] if not name.startswith("__"))
        while todo and missing and budget:
            budget -= 1
            value, path, depth = todo.popleft()
            if id(value) in missing:
                missing.discard(id(value))
                found[id(value)] = path
            if issubclass(type(value), _ATOMS) or id(value) in seen or depth >= _DEPTH_MAX:
                continue
            seen.add(id(value))
            todo.extend((inner, step, depth + 1) for inner, step in _parts(value, path, own))
    return found


def _parts(value: Any, path: str, own: tuple[str, ...]) -> Iterable[tuple[Any, str]]:
    kind = cast("Any", type(value))
    if kind in (list, tuple, deque):
        return [(item, f"{path}[{index}]") for index, item in enumerate(list(value)[:1000])]
    if kind is dict:
        plain = [(key, item) for key, item in list(value.items())[:1000] if isinstance(key, str | int)]
        return [(item, f"{path}[{key!r}]") for key, item in plain]
    module = kind.__module__
    if module == "builtins" or module.startswith(own):
        return ()
    attributes: Any = getattr(value, "__dict__", None)
    parts: list[tuple[Any, str]] = []
    if type(attributes) is dict:
        table = cast("dict[Any, Any]", attributes)
        parts += [(item, f"{path}.{name}") for name, item in list(table.items())[:1000] if isinstance(name, str)]
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            slot = base.__dict__.get(name)
            if slot is not None and hasattr(slot, "__get__"):
                try:
                    parts.append((slot.__get__(value, kind), f"{path}.{name}"))
                except AttributeError:
                    continue  # an empty slot
    return parts


def unique_names(candidates: list[tuple[str, bool, str, str]]) -> list[str]:
    """Final names from (creation name, many, path, fallback) rows: all different where the objects are.

    The creation name wins when it names one object; otherwise the path found from the program's variables, else the
    creation name with a number.
    """
    count: dict[str, int] = {}
    for name, _, _, _ in candidates:
        count[name] = count.get(name, 0) + 1
    given: dict[str, int] = {}
    result: list[str] = []
    for name, many, path, fallback in candidates:
        if name and count[name] == 1 and not many:
            final = name
        elif path:
            final = path
        elif name:
            final = f"{name}[{given.get(name, 0)}]"
            given[name] = given.get(name, 0) + 1
        else:
            final = fallback
        result.append(final)
    seen: dict[str, int] = {}
    for index, final in enumerate(result):
        seen[final] = seen.get(final, 0) + 1
        if seen[final] > 1:
            result[index] = f"{final}#{seen[final]}"
    return result

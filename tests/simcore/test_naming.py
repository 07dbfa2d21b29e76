"""What objects are called: after the statement that made them, or the path that leads to them."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from weft.simcore import naming


class Thing:
    """An object that asks, while it is made, what it is going to be called."""

    def __init__(self, *rest: Any) -> None:
        self.name, self.many = naming.creation_name(sys._getframe(1))


class Box:
    """An object with attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Slotted:
    """An object with slots, one of them empty."""

    __slots__ = ("empty", "inner")

    def __init__(self, inner: Any) -> None:
        self.inner = inner


MADE: dict[str, tuple[str, tuple[str, bool]]] = {
    "a variable": ("lock = Thing()\nmade = lock", ("lock", False)),
    "annotated": ("lock: object = Thing()\nmade = lock", ("lock", False)),
    "the first of two targets": ("lock = other = Thing()\nmade = lock", ("lock", False)),
    "a pair": ("a, b = Thing(), Thing()\nmade = b", ("b", False)),
    "a list of targets": ("[a, b] = [Thing(), Thing()]\nmade = a", ("a", False)),
    "an item": ("table = {}\ntable['x'] = Thing()\nmade = table['x']", ("table['x']", False)),
    "an attribute": ("box.lock = Thing()\nmade = box.lock", ("box.lock", False)),
    "inside a call": ("made = box.wrap(Thing())", ("made", False)),
    "walrus": ("if (lock := Thing()):\n    made = lock", ("lock", False)),
    "a comprehension": ("locks = [Thing() for _ in range(2)]\nmade = locks[0]", ("locks", True)),
    "a dict comprehension": ("locks = {n: Thing() for n in range(2)}\nmade = locks[0]", ("locks", True)),
    "several lines": ("lock = Thing(\n    1,\n    2,\n)\nmade = lock", ("lock", False)),
    "no statement of its own": ("box.keep(Thing())\nmade = box.kept", ("", False)),
    "a parameter": ("def f(x):\n    return x\n\n\nmade = f(Thing())", ("made", False)),
    "a list": ("locks = [Thing(), Thing()]\nmade = locks[1]", ("locks", False)),
}


@pytest.fixture
def execute(tmp_path: Path) -> Callable[[str], Any]:
    """Run source from a real file and return what it calls ``made``."""

    def run(source: str) -> Any:
        path = tmp_path / "prog.py"
        path.write_text(source, encoding="utf-8")
        box: Any = SimpleNamespace(wrap=lambda thing: thing, kept=None)
        box.keep = lambda thing: setattr(box, "kept", thing)
        variables: dict[str, Any] = {"Thing": Thing, "box": box}
        exec(compile(source, str(path), "exec"), variables)
        return variables["made"]

    return run


@pytest.mark.parametrize(("source", "expected"), MADE.values(), ids=MADE)
def test_the_statement_that_makes_an_object_names_it(
    execute: Callable[[str], Any], source: str, expected: tuple[str, bool]
) -> None:
    made = execute(source)
    assert (made.name, made.many) == expected


def test_an_attribute_of_self_is_called_after_the_class(execute: Callable[[str], Any]) -> None:
    source = """\
class Cache:
    def __init__(self):
        self.lock = Thing()
        self.parts.lock = None

    class parts:
        pass


made = Cache().lock
"""
    assert execute(source).name == "Cache.lock"


def test_a_deeper_attribute_of_self(execute: Callable[[str], Any]) -> None:
    source = """\
class Cache:
    def build(self, parts):
        self.parts = parts
        self.parts.lock = Thing()
        return self.parts.lock


made = Cache().build(box)
"""
    assert execute(source).name == "Cache.parts.lock"


def test_a_variable_that_only_looks_like_self_keeps_its_name(execute: Callable[[str], Any]) -> None:
    assert execute("other = box\nother.lock = Thing()\nmade = other.lock").name == "other.lock"


def test_source_that_cannot_be_found_gives_no_name() -> None:
    variables: dict[str, Any] = {"Thing": Thing}
    exec(compile("made = Thing()", "<nowhere>", "exec"), variables)
    assert variables["made"].name == ""


# Paths from variables.


def paths(roots: dict[str, Any], *wanted: object) -> list[str]:
    found = naming.find_paths([roots], wanted)
    return [found.get(id(item), "") for item in wanted]


def test_paths_lead_through_containers_and_attributes() -> None:
    a, b, c, d, e = (object() for _ in range(5))
    roots = {
        "accounts": [Box(lock=a), Box(lock=b)],
        "table": {"x": c, 3: (d,)},
        "queue": deque([Slotted(e)]),
    }
    assert paths(roots, a, b, c, d, e) == [
        "accounts[0].lock",
        "accounts[1].lock",
        "table['x']",
        "table[3][0]",
        "queue[0].inner",
    ]


def test_the_shortest_path_wins() -> None:
    lock = object()
    assert paths({"deep": [[[lock]]], "near": lock}, lock) == ["near"]


def test_an_earlier_root_beats_a_later_one() -> None:
    lock = object()
    assert naming.find_paths([{"mine": [lock]}, {"theirs": lock}], [lock]) == {id(lock): "mine[0]"}


def test_cycles_and_depth_are_bounded() -> None:
    lock = object()
    ring: list[Any] = []
    ring.append(ring)
    deep: Any = lock
    for _ in range(20):
        deep = [deep]
    assert paths({"ring": ring, "deep": deep}, lock) == [""]


def test_a_search_of_a_large_program_is_bounded() -> None:
    near, far = object(), object()
    many = {f"many{variable}": [[number] for number in range(1000)] for variable in range(30)}
    assert paths({**many, "near": near, "behind": [[far]]}, near, far) == ["near", ""]


def test_nothing_of_the_program_is_called() -> None:
    class Trap:
        @property
        def lock(self) -> object:
            raise AssertionError("called")

        def __getattr__(self, name: str) -> object:
            raise AssertionError("called")

        def __iter__(self) -> Any:
            raise AssertionError("called")

    class Mapping(dict[str, Any]):
        def items(self) -> Any:
            raise AssertionError("called")

    lock = object()
    assert paths({"trap": Trap(), "mapping": Mapping(x=1), "lock": lock}, lock) == ["lock"]


def test_private_names_of_modules_are_left_out() -> None:
    lock = object()
    assert paths({"__hidden__": lock}, lock) == [""]


# Final names.


@pytest.mark.parametrize(
    ("candidates", "names"),
    [
        ([("lock", False, "", "Lock")], ["lock"]),
        ([("lock", False, "table.lock", "Lock")], ["lock"]),
        ([("locks", True, "locks[0]", "Lock"), ("locks", True, "locks[1]", "Lock")], ["locks[0]", "locks[1]"]),
        ([("locks", True, "", "Lock")], ["locks[0]"]),
        ([("A.lock", False, "a.lock", "Lock"), ("A.lock", False, "b.lock", "Lock")], ["a.lock", "b.lock"]),
        ([("A.lock", False, "", "Lock"), ("A.lock", False, "", "Lock")], ["A.lock[0]", "A.lock[1]"]),
        ([("", False, "", "Lock (x.py:3)"), ("", False, "", "Lock (x.py:3)")], ["Lock (x.py:3)", "Lock (x.py:3)#2"]),
        ([("", False, "here", "Lock")], ["here"]),
        ([("a", False, "", "L"), ("", False, "a", "L")], ["a", "a#2"]),
    ],
)
def test_final_names_are_all_different(candidates: list[tuple[str, bool, str, str]], names: list[str]) -> None:
    assert naming.unique_names(candidates) == names

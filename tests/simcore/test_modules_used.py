"""Which modules a function leads to: its own, those of its modules, installed packages by name, and no tools."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

import pytest

from weft.simcore.modules_used import modules_used

Make = Callable[..., types.ModuleType]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Puts a module in place, of a file in the project unless another is given."""

    def made(name: str, *, file: str = "", **content: Any) -> types.ModuleType:
        module = types.ModuleType(name)
        module.__file__ = file or f"/project/{name.replace('.', '/')}.py"
        module.__spec__ = ModuleSpec(name, None, origin=module.__file__)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return made


def function_of(module: types.ModuleType) -> Callable[[], None]:
    def main() -> None: ...

    main.__module__ = module.__name__
    return main


def class_of(module: types.ModuleType) -> type:
    return type("Made", (), {"__module__": module.__name__})


def test_modules_are_found_by_themselves_by_functions_classes_and_objects(make: Make) -> None:
    by_name, by_function, by_class, by_object = (make(f"reached_{number}") for number in range(4))
    start = make(
        "start",
        one=by_name,
        two=function_of(by_function),
        three=class_of(by_class),
        four=class_of(by_object)(),
    )
    assert sorted(modules_used(function_of(start))) == [f"reached_{number}" for number in range(4)]


def test_modules_of_modules_are_found_and_a_circle_ends(make: Make) -> None:
    last = make("last")
    middle = make("middle", last=last)
    start = make("start", middle=middle)
    vars(last)["start"] = start
    assert modules_used(function_of(start)) == ["middle", "last"]


def test_an_installed_package_is_one_name_and_not_entered(make: Make) -> None:
    behind = make("behind")
    inner = make("packaged.inner", file="/x/site-packages/packaged/inner.py", behind=behind)
    start = make("start", inner=inner)
    assert modules_used(function_of(start)) == ["packaged"]


def test_the_library_tools_and_what_weft_needs_are_left_out(make: Make) -> None:
    import json

    import hypothesis

    import weft

    native = make("native", file="/project/native.so")
    start = make("start", json=json, pytest=pytest, hypothesis=hypothesis, weft=weft, native=native, number=3)
    assert modules_used(function_of(start)) == []


def test_a_function_of_no_module_leads_nowhere() -> None:
    variables: dict[str, Any] = {"__name__": "nobody_knows_it"}
    exec("def main(): pass", variables)
    assert modules_used(variables["main"]) == []

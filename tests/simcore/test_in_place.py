"""Functions that get hooks where they are: which ones, that they are the same objects, and that all is put back."""

from __future__ import annotations

import functools
import importlib
import linecache
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from weft.simcore import hooks
from weft.simcore.in_place import rewritten_in_place
from weft.simcore.instrument import Instrument
from weft.simcore.target import TargetError

SOURCE = """
import functools

class Box:
    def __init__(self):
        self.value = 0

    @property
    def twice(self):
        return self.value * 2

    @staticmethod
    def look(box):
        return box.value

    @classmethod
    def made(cls):
        box = cls()
        box.value = 1
        return box

def outer(box):
    def inner():
        return box.value
    return inner

def wrapper(function):
    @functools.wraps(function)
    def wrapped(*args):
        return function(*args)
    return wrapped

@wrapper
def decorated(box):
    return box.value

def main():
    box = Box.made()
    return box.twice, Box.look(box), outer(box)(), decorated(box)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    file = tmp_path / "boxes.py"
    file.write_text(SOURCE)
    found = types.ModuleType("boxes")
    found.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "boxes", found)
    exec(compile(SOURCE, str(file), "exec"), vars(found))
    linecache.checkcache(str(file))
    return found


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions that read an attribute ``value``, as they do it."""
    found: list[str] = []

    def read(thing: Any, site: int) -> Any:
        if hooks.SITES[site].name == "value":
            found.append(hooks.SITES[site].function)
        return thing

    hooks.install({"__weft_read__": read})
    monkeypatch.setattr(hooks, "uninstall", hooks.uninstall)
    return found


@pytest.fixture(autouse=True)
def passive() -> Any:
    yield
    hooks.uninstall()


def test_all_functions_of_the_file_have_hooks_while_it_lasts(module: Any, seen: list[str]) -> None:
    main = module.main
    with rewritten_in_place(main, Instrument()) as unseen:
        assert module.main is main
        assert main() == (2, 1, 1, 1)
        assert sorted(seen) == ["Box.look", "Box.twice", "decorated", "outer.<locals>.inner"]
    assert unseen == []
    seen.clear()
    assert main() == (2, 1, 1, 1)
    assert seen == []


def test_all_is_put_back_after_an_error(module: Any, seen: list[str]) -> None:
    code = module.main.__code__

    def fail() -> None:
        assert module.main.__code__ is not code
        raise KeyError

    with pytest.raises(KeyError), rewritten_in_place(module.main, Instrument()):
        fail()
    assert module.main.__code__ is code


def test_a_partial_a_method_and_a_callable_object(module: Any, seen: list[str]) -> None:
    box = module.Box.made()
    for function in (functools.partial(module.decorated, box), functools.partial(module.Box.look, box)):
        with rewritten_in_place(function, Instrument()):
            function()
    assert seen == ["decorated", "Box.look"]


def test_a_changed_source_is_said_and_left_alone(module: Any, seen: list[str]) -> None:
    Path(module.__file__).write_text("\n" + SOURCE)
    with rewritten_in_place(module.main, Instrument()) as unseen:
        assert module.main() == (2, 1, 1, 1)
    assert "the source of main has changed since it was loaded" in unseen
    assert seen == []


def test_a_function_without_a_file() -> None:
    variables: dict[str, Any] = {}
    exec("def main(): return 1", variables)
    with rewritten_in_place(variables["main"], Instrument()) as unseen:
        assert variables["main"]() == 1
    assert unseen == ["the function has no source file, so its accesses to shared variables were not watched"]


def test_modules_that_are_named_have_hooks_too(
    module: Any, seen: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shelving.py").write_text("def look(box):\n    return box.value\n")
    (tmp_path / "not_imported.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    shelving: Any = importlib.import_module("shelving")
    monkeypatch.setitem(sys.modules, "shelving", shelving)
    with rewritten_in_place(module.main, Instrument()) as unseen:
        shelving.look(module.Box())
    assert seen == []
    with rewritten_in_place(module.main, Instrument(("shelving", "not_imported"))) as unseen:
        shelving.look(module.Box())
        assert module.Box().twice == 0
    assert seen == ["look", "Box.twice"]
    assert unseen == ["not_imported had not been imported, so its accesses to shared variables were not watched"]
    shelving.look(module.Box())
    assert seen == ["look", "Box.twice"]


def test_a_name_of_nothing_is_refused(module: Any) -> None:
    with pytest.raises(TargetError, match="nothing to instrument is called 'shelvings'"):
        rewritten_in_place(module.main, Instrument(("shelvings",))).__enter__()

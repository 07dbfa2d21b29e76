"""Places: the innermost line of the user's, whatever of the library's lies between."""

from __future__ import annotations

import functools
import sys
from _thread import RLock
from collections.abc import Callable
from types import FrameType

import pytest

from weft.real_runs.places import Place, Places
from weft.simcore.trace import NOTHING, Tables


@pytest.fixture
def places() -> Places:
    return Places(Tables(), RLock())


def frame_here() -> FrameType:
    return sys._getframe(1)


def from_functools(called: Callable[[FrameType], Place]) -> Place:
    """The place that ``called`` makes of a frame inside functools, below this line."""
    source = compile("def inner(called, sys):\n    return called(sys._getframe())\n", functools.__file__, "exec")
    namespace: dict[str, Callable[[Callable[[FrameType], Place], object], Place]] = {}
    exec(source, namespace)
    return namespace["inner"](called, sys)


def test_a_place_is_an_instruction_of_one_line(places: Places) -> None:
    first = places.at(frame_here())
    second = places.at(frame_here())
    assert first is not second
    again = [places.at(frame_here()) for _ in range(2)]
    assert again[0] is again[1]
    assert first.code is frame_here().f_code
    rows = places._tables.locations
    assert [rows[place.location].line for place in (first, second)] == [rows[first.location].line + n for n in (0, 1)]
    assert rows[first.location].function == "test_a_place_is_an_instruction_of_one_line"


def test_what_the_library_calls_is_placed_where_it_was_called(places: Places) -> None:
    found = from_functools(places.at)
    assert found.code is from_functools.__code__
    assert places.made_by_library(None)
    assert not places.made_by_library(frame_here())


def test_without_a_users_frame_there_is_no_place(places: Places) -> None:
    assert places.at(None) is places.nowhere
    assert places.location(None) == NOTHING


def test_generated_code_has_no_place_of_its_own(places: Places) -> None:
    """A dataclass's ``__init__`` comes from ``<string>``: what it makes is made where it is called."""
    source = compile("def made(called, sys):\n    return called(sys._getframe())\n", "<string>", "exec")
    namespace: dict[str, Callable[..., object]] = {}
    exec(source, namespace)
    found = namespace["made"](places.at, sys)
    assert isinstance(found, Place)
    assert found.code is frame_here().f_code
    assert namespace["made"](places.made_by_library, sys) is False


def test_the_variables_of_a_stack_are_those_of_modules_then_of_functions_from_outside_in(places: Places) -> None:
    def inner() -> list[dict[str, object]]:
        deep = 1
        assert deep
        return places.variables([sys._getframe()])

    def outer() -> list[dict[str, object]]:
        shallow = 2
        assert shallow
        return inner()

    found = outer()
    assert globals() in found
    names = [next((name for name in ("shallow", "deep") if name in row), None) for row in found]
    assert names.index("shallow") < names.index("deep")

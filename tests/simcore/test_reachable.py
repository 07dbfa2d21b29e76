"""Who can get at an object: through its own variables, through a module, through what it holds, or not at all."""

from __future__ import annotations

import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from weft.simcore import reachable
from weft.simcore.reachable import reachable_from
from weft.simcore.threads import VirtualThread


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The modules that are searched: none of those that are there, since all objects of a test run take a second to walk
    through. A function or a class of this module would lead to them as well."""
    found: dict[str, ModuleType] = {}
    monkeypatch.setattr(reachable, "sys", SimpleNamespace(modules=found))
    return found


def Thing(inner: Any = None) -> SimpleNamespace:  # noqa: N802
    """Something to look for; may hold another."""
    return SimpleNamespace(inner=inner)


def parked(*variables: Any) -> VirtualThread:
    """A thread that has not begun: what it was given is what it can reach."""
    return VirtualThread([*variables].clear, "parked")


def numbered(*threads: VirtualThread) -> list[VirtualThread]:
    for index, thread in enumerate(threads):
        thread.index = index
    return [*threads]


def test_a_thread_reaches_what_its_variables_hold() -> None:
    direct, nested, nobodys = Thing(), Thing(), Thing()
    threads = numbered(parked(direct), parked([{"deep": Thing((nested, direct))}]), parked())
    found = reachable_from([direct, nested, nobodys], threads)
    assert found[id(direct)] == (0, 1)
    assert found[id(nested)] == (1,)
    assert found[id(nobodys)] == ()


def test_what_a_module_holds_is_everybodys(modules: dict[str, ModuleType]) -> None:
    shared, program = Thing(), Thing()
    module = ModuleType("somewhere")
    vars(module)["registry"] = {"a": [shared]}
    modules["somewhere"] = module
    found = reachable_from([shared, program], numbered(parked()), [{"name": Thing(program)}])
    assert found == {id(shared): None, id(program): None}


def test_a_handle_of_another_thread_does_not_give_its_variables() -> None:
    hidden = Thing()
    owner = parked(hidden)
    found = reachable_from([hidden], numbered(parked(owner)))
    assert found[id(hidden)] == ()


def test_what_a_python_thread_was_given_is_its_own() -> None:
    given, attribute = Thing(), Thing()
    python_thread = threading.Thread(target=print, args=(given,))
    vars(python_thread)["attribute"] = attribute
    owner = parked()
    owner.python_thread = python_thread
    found = reachable_from([given, attribute], numbered(owner, parked(python_thread)))
    assert found[id(given)] == (0,)
    assert found[id(attribute)] == (0, 1)


def test_a_cycle_of_references_ends() -> None:
    one, other = Thing(), Thing()
    one.inner, other.inner = other, one
    found = reachable_from([other], numbered(parked(one)))
    assert found[id(other)] == (0,)

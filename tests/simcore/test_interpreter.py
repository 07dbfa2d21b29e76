"""The interpreter around a run: fresh while it lasts, and afterwards as it was, whatever the program did to it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from weft.simcore import refusals
from weft.simcore.interpreter import FreshInterpreter, SimulatedWorld
from weft.simcore.threads import VirtualThread
from weft.simcore.world import Uncontrollable

tables: Any = threading


def main_of(world: SimulatedWorld) -> VirtualThread:
    return world.main_thread(lambda: None)


def test_threads_are_counted_from_one_and_the_tables_come_back() -> None:
    active, counter = dict(tables._active), tables._counter
    refusals.refusal = Uncontrollable("left over from an earlier run")
    with FreshInterpreter(main_of(SimulatedWorld())):
        assert refusals.refusal is None
        assert tables._newname("Thread-%d") == "Thread-1"
        assert tables._newname("Thread-%d") == "Thread-2"
        tables._active[-1] = threading.Thread(name="left over")
    assert tables._active == active
    assert tables._counter is counter
    assert list(tables._dangling) == [threading.main_thread()]


def test_an_exception_leaves_nothing_behind() -> None:
    counter = tables._counter
    with pytest.raises(ValueError, match="inside"), FreshInterpreter(main_of(SimulatedWorld())):
        raise ValueError("inside")
    assert tables._counter is counter


def test_the_main_thread_is_known_to_threading() -> None:
    main = main_of(SimulatedWorld())
    with FreshInterpreter(main):
        python_thread: Any = threading.main_thread()
        assert python_thread._weft_thread is main
    assert main.ident == threading.get_ident()
    assert (main.uid, main.name) == (0, "MainThread")

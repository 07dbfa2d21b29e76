"""Random small programs on pipes and ``select``, by enumeration of every schedule and by partial-order reduction.

The comparison and its oracle are those of test_against_brute_force.py.
"""

from __future__ import annotations

import importlib.util
import os
import select
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from weft.simcore.primitives import channel


def _oracle() -> Any:
    """The module beside this one; tests are not a package."""
    spec = importlib.util.spec_from_file_location(
        "brute_force", Path(__file__).with_name("test_against_brute_force.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


compare: Callable[[Any, int], bool] = _oracle().compare
FULL = channel.ATOMIC_BYTES
"""The capacity in these programs: one such write fills a pipe."""


@pytest.fixture(autouse=True)
def _small_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "CAPACITY_BYTES", FULL)


class Pipes:
    """Two pipes; of the second only what ``select`` needs."""

    def __init__(self) -> None:
        self.r, self.w = os.pipe()
        self.r2, self.w2 = os.pipe()

    def select(self, timeout: float | None, *descriptors: int) -> str:
        names = {self.r: "1", self.r2: "2"}
        return "".join(sorted(names[one] for one in select.select(descriptors, [], [], timeout)[0]))


OPERATIONS: dict[str, Callable[[Pipes], Any]] = {
    "w": lambda p: os.write(p.w, b"x"),
    "W": lambda p: os.write(p.w, b"y" * FULL),
    "r": lambda p: os.read(p.r, 1),
    "R": lambda p: len(os.read(p.r, 2 * FULL)),
    "w2": lambda p: os.write(p.w2, b"z"),
    "r2": lambda p: os.read(p.r2, 1),
    "cw": lambda p: os.close(p.w),
    "cr": lambda p: os.close(p.r),
    "s": lambda p: p.select(None, p.r, p.r2),
    "s1": lambda p: p.select(None, p.r),
    "s?": lambda p: p.select(0, p.r, p.r2),
    "s~": lambda p: p.select(1, p.r, p.r2),
}


@dataclass(frozen=True)
class Small:
    """The operations of the main thread, after it started the others, and of each of these."""

    main: tuple[str, ...]
    threads: tuple[tuple[str, ...], ...]

    def __call__(self, returned: list[list[Any]]) -> None:
        pipes = Pipes()
        returned += [[] for _ in (self.main, *self.threads)]

        def run(operations: tuple[str, ...], mine: list[Any]) -> None:
            for name in operations:
                try:
                    mine.append(OPERATIONS[name](pipes))
                except OSError as error:
                    mine.append(type(error).__name__)

        threads = [
            threading.Thread(target=run, args=(operations, returned[number + 1]), name=f"t{number}")
            for number, operations in enumerate(self.threads)
        ]
        for thread in threads:
            thread.start()
        run(self.main, returned[0])
        for thread in threads:
            thread.join()


_operation = st.sampled_from(sorted(OPERATIONS))
programs = st.builds(
    Small,
    st.lists(_operation, max_size=2).map(tuple),
    st.tuples(*[st.lists(_operation, min_size=1, max_size=2).map(tuple)] * 2),
)
_UNHURRIED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture]


@settings(max_examples=12, deadline=None, suppress_health_check=_UNHURRIED, derandomize=True, database=None)
@given(programs)
def test_reduction_agrees_with_enumeration(program: Small) -> None:
    assume(compare(program, 200))


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=_UNHURRIED)
@given(programs)
def test_reduction_agrees_with_enumeration_in_many_programs(program: Small) -> None:
    assume(compare(program, 1_500))


FOUND = {
    "a read that another pipe's state hid": Small(("s?", "r2"), (("w2", "r"), ("W", "cr"))),
    "a selected byte that another thread took": Small(("s1",), (("w",), ("r",))),
    "two pipes, either first": Small(("s",), (("w",), ("w2",))),
    "the end after the last byte": Small(("r", "r"), (("w", "cw"),)),
    "a watch that was left out because another thread watched": Small(("s1", "s"), (("R",), ("W", "s"))),
    "a reader gone before a full pipe was empty": Small(("W", "w"), (("cr",),)),
}


@pytest.mark.parametrize("program", FOUND.values(), ids=FOUND)
def test_what_was_once_wrong(program: Small) -> None:
    assert compare(program, 5_000)

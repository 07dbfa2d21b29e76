"""Marks: nothing outside a world, latencies in virtual time."""

from __future__ import annotations

from weft.models import computing
from weft.models.marks import mark, marked
from weft.simcore.prediction import request_latencies

from .conftest import Simulate


def test_outside_a_world_nothing_happens() -> None:
    mark("begin x")
    with marked("x"):
        pass


def test_a_marked_stretch_has_its_latency(simulate: Simulate) -> None:
    def program() -> None:
        with marked("request 1"):
            computing.derive(1, 7)
        computing.derive(1, 2)
        with marked("request 2"):
            computing.derive(1, 3)

    assert request_latencies(simulate(program).run.marks) == [0.007, 0.003]

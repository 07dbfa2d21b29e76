"""Segments: which calls are seen to release the GIL, and that nothing else is touched."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import numpy as np
import pytest

from weft.simcore import segments


class Notes:
    """A world that writes down what it is told."""

    def __init__(self, measure: bool = True) -> None:
        self.measure = measure
        self.active = True
        self.told: list[str] = []

    def is_active(self) -> bool:
        return self.active

    def leave_python(self) -> None:
        self.told.append("leave")

    def enter_python(self) -> None:
        self.told.append("enter")


BIG, SMALL = b"x" * segments.HASH_BYTES_MIN, b"x" * (segments.HASH_BYTES_MIN - 1)


def calls(body: Any, world: Notes | None = None) -> dict[str, int]:
    world = world or Notes()
    with segments.watched(world) as watched:
        body()
    assert world.told == ["leave", "enter"] * watched.calls.total()
    return dict(watched.calls)


def test_hashing_counts_from_the_size_at_which_the_gil_is_released() -> None:
    assert calls(lambda: hashlib.sha256(BIG)) == {"sha256": 1}
    assert calls(lambda: hashlib.sha256(SMALL)) == {}
    assert calls(lambda: hashlib.sha256().update(BIG)) == {"sha256": 1}
    assert calls(lambda: hashlib.sha256().update(SMALL)) == {}
    assert calls(lambda: hashlib.new("sha1", BIG)) == {"new": 1}
    assert calls(lambda: hashlib.sha1(string=BIG)) == {"sha1": 1}


def test_compression_and_linear_algebra_count() -> None:
    assert calls(lambda: zlib.decompress(zlib.compress(SMALL))) == {"compress": 1, "decompress": 1}
    matrix = np.eye(3)

    def body() -> None:
        assert (np.matmul(matrix, matrix) == matrix).all()
        assert (np.linalg.inv(matrix) == matrix).all()
        assert np.matmul.nin == 2

    assert calls(body) == {"matmul": 1, "inv": 1}


def test_a_failing_call_is_left_again() -> None:
    def body() -> None:
        with pytest.raises(zlib.error):
            zlib.decompress(b"not compressed")

    assert calls(body) == {"decompress": 1}


def test_calls_inside_a_listed_call_do_not_count_twice() -> None:
    world = Notes()
    with segments.watched(world) as watched:
        assert watched.call("outer", lambda: zlib.compress(b""), (), {}) == zlib.compress(b"")
    assert world.told == ["leave", "enter"] * 2, "the one in the assertion, and the outer one"


def test_other_threads_of_control_are_left_alone() -> None:
    world = Notes()
    world.active = False
    assert calls(lambda: hashlib.sha256(BIG), world) == {}


def test_nothing_is_replaced_without_measuring_or_afterwards() -> None:
    before = {name: getattr(hashlib, name) for name in dir(hashlib)}
    with segments.watched(Notes(measure=False)):
        assert {name: getattr(hashlib, name) for name in dir(hashlib)} == before
    with segments.watched(Notes()):
        assert hashlib.sha256 is not before["sha256"]
    assert {name: getattr(hashlib, name) for name in dir(hashlib)} == before


def test_limits_say_what_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    assert len(segments.Watched(Notes()).limits()) == 1
    numpy = sys.modules["numpy"]
    monkeypatch.delitem(sys.modules, "numpy")
    watched = segments.Watched(Notes())
    monkeypatch.setitem(sys.modules, "numpy", numpy)
    assert "first imported during the run" in watched.limits()[1]

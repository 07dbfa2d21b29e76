"""Segments: which calls are seen to release the GIL, and that nothing else is touched."""

from __future__ import annotations

import binascii
import bz2
import hashlib
import lzma
import os
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.simcore import segments
from weft.simcore.metering import Meter, OwnCost
from weft.simcore.origins import Origins
from weft.simcore.runner import MEM, NOGIL
from weft.simcore.segments_standard import CHECKSUM_BYTES_MIN, HASH_BYTES_MIN
from weft.simcore.sites import Sites
from weft.simcore.stopwatch import Stopwatch


class Notes:
    """A world that writes down what it is told."""

    def __init__(self, measure: bool = True, meter: Meter | None = None) -> None:
        self.measure = measure
        self.meter = meter
        self.active = True
        self.inside = False
        self.calls: list[tuple[int, int, str]] = []
        self.told: list[str] = []

    def is_active(self) -> bool:
        return self.active

    def leave_python(self) -> bool:
        if self.inside:
            return False
        self.inside = True
        self.told.append("leave")
        return True

    def enter_python(self, kind: int, memory_bytes: int, call: str) -> None:
        self.inside = False
        self.told.append("enter")
        self.calls.append((kind, memory_bytes, call))


BIG, SMALL = b"x" * HASH_BYTES_MIN, b"x" * (HASH_BYTES_MIN - 1)


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another test has loaded numba, numpy would be left alone."""
    monkeypatch.delitem(sys.modules, "numba", raising=False)


def calls(body: Any, world: Notes | None = None) -> dict[str, int]:
    world = world or Notes()
    with segments.watched(world) as watched:
        body()
    assert world.told == ["leave", "enter"] * watched.calls.total()
    return dict(watched.calls)


def test_hashing_counts_from_the_size_at_which_the_gil_is_released() -> None:
    assert calls(lambda: hashlib.sha256(BIG)) == {"hashlib.sha256": 1}
    assert calls(lambda: hashlib.sha256(SMALL)) == {}
    assert calls(lambda: hashlib.sha256().update(BIG)) == {"hashlib.sha256": 1}
    assert calls(lambda: hashlib.sha256().update(SMALL)) == {}
    assert calls(lambda: hashlib.new("sha1", BIG)) == {"hashlib.new": 1}
    assert calls(lambda: hashlib.sha1(string=BIG)) == {"hashlib.sha1": 1}


def test_the_way_past_a_stand_in_is_taken_off_the_segment() -> None:
    own = OwnCost(construct_ns=1, update_ns=10, look_ns=100, short_ns=1000)
    meter = Meter(Sites(), Origins(), Stopwatch(), own_cost=own)
    spent: list[int] = []

    def said() -> int:
        assert meter.stand_ins is not None
        passed_ns, meter.stand_ins.passed_ns = meter.stand_ins.passed_ns, 0
        return passed_ns

    def body() -> None:
        made = hashlib.sha256(SMALL)
        spent.append(said())
        made.update(SMALL)
        spent.append(said())
        assert made.digest()
        spent.append(said())
        zlib.crc32(b"short")
        zlib.compressobj()
        hashlib.sha256(BIG)
        spent.append(said())

    calls(body, Notes(meter=meter))
    assert spent == [1, 10, 100, 1000 + 1 + 1]
    assert meter.stand_ins is None


def test_compression_and_linear_algebra_count() -> None:
    assert calls(lambda: zlib.decompress(zlib.compress(SMALL))) == {"zlib.compress": 1, "zlib.decompress": 1}
    matrix, small = np.eye(30), np.eye(3)

    def body() -> None:
        assert (np.matmul(matrix, matrix) == matrix).all()
        assert (np.linalg.inv(matrix) == matrix).all()
        assert (np.matmul(small, small) == small).all(), "numpy keeps the GIL for so few elements"
        assert np.matmul.nin == 2

    assert calls(body) == {"numpy.matmul": 1, "numpy.linalg.inv": 1}


def test_a_failing_call_is_left_again() -> None:
    def body() -> None:
        with pytest.raises(zlib.error):
            zlib.decompress(b"not compressed")

    assert calls(body) == {"zlib.decompress": 1}


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
    assert "numpy was first imported during the run" in watched.limits()[1]


def test_compressors_and_checksums_count_too() -> None:
    def body() -> None:
        stream = zlib.compressobj()
        packed = stream.compress(BIG) + stream.copy().flush()
        back = zlib.decompressobj()
        assert back.decompress(packed) == BIG
        assert back.eof
        assert bz2.decompress(bz2.compress(SMALL)) == lzma.decompress(lzma.compress(SMALL)) == SMALL
        assert zlib.crc32(b"weft") == binascii.crc32(b"weft"), "5 KiB and less keep the GIL"
        assert zlib.crc32(bytes(CHECKSUM_BYTES_MIN)) == binascii.crc32(bytes(CHECKSUM_BYTES_MIN))

    assert calls(body) == {
        "zlib.compressobj.compress": 1,
        "zlib.compressobj.flush": 1,
        "zlib.decompressobj.decompress": 1,
        **{f"{module}.{name}": 1 for module in ("bz2", "lzma") for name in ("compress", "decompress")},
        "zlib.crc32": 1,
        "binascii.crc32": 1,
    }


def test_files_count_by_their_descriptors(tmp_path: Path) -> None:
    def body() -> None:
        file = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
        os.write(file, b"weft")
        os.fsync(file)
        assert os.pread(file, 4, 0) == b"weft"
        os.close(file)

    assert calls(body) == {"os.write": 1, "os.fsync": 1, "os.pread": 1}


def test_what_belongs_to_the_simulation_is_not_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "read", lambda *args: b"from a virtual pipe")
    assert calls(lambda: os.read(0, 1)) == {}


def kinds(body: Any) -> list[tuple[int, int, str]]:
    world = Notes()
    with segments.watched(world):
        body()
    return world.calls


def test_large_arrays_are_bound_by_memory() -> None:
    large, small, objects = np.zeros(100_000), np.zeros(500), np.zeros(1_000, dtype=object)
    out = np.empty(100_000)
    half = 400_000

    def body() -> None:
        np.add(large, large)
        np.add(large, 1, out=out)
        np.concatenate([large, large])
        np.add(small, small)
        np.add(objects, objects)
        np.exp(large)
        np.sum(small)
        assert np.add.reduce(small) == 0

    assert kinds(body) == [
        (MEM, 4 * half, "numpy.add"),
        (MEM, 4 * half, "numpy.add"),
        (MEM, 6 * half, "numpy.concatenate"),
        (NOGIL, 0, "numpy.exp"),
    ]


def test_stand_ins_pass_for_the_originals() -> None:
    """Libraries keep tables of numpy's functions and look at their classes."""
    real = np.add
    handled = {real: "added"}

    def body() -> None:
        stand_in: Any = np.add
        assert stand_in is not real
        assert isinstance(stand_in, np.ufunc)
        assert handled[stand_in] == "added"
        assert {stand_in: 1}[real] == 1
        assert stand_in == real
        assert np.add == stand_in
        assert stand_in.nin == 2
        assert repr(stand_in) == repr(real)

    assert calls(body) == {}
    assert np.add is real


def test_numpy_is_left_alone_where_numba_may_compile_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "numba", np)
    assert calls(lambda: np.dot(np.eye(50), np.eye(50))) == {}


class Tensor:
    def __init__(self, elements: int) -> None:
        self.elements = elements

    def numel(self) -> int:
        return self.elements


class Mode:
    """``torch.overrides.TorchFunctionMode``, as far as we use it."""

    entered: Any = None

    def __enter__(self) -> None:
        Mode.entered = self

    def __exit__(self, *_: object) -> None:
        Mode.entered = None


def test_operations_of_torch_count_by_their_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for torch, which is not among our dependencies."""
    import contextlib
    import sys
    import types

    torch: Any = types.ModuleType("torch")
    torch.Tensor, torch._C = Tensor, types.SimpleNamespace(DisableTorchFunction=contextlib.nullcontext)
    overrides: Any = types.ModuleType("torch.overrides")
    overrides.TorchFunctionMode = Mode
    torch.overrides = overrides
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch.overrides", overrides)

    def matmul(*tensors: Tensor, scale: int = 1) -> int:
        return scale * sum(tensor.numel() for tensor in tensors)

    def cat(tensors: list[Tensor]) -> int:
        return len(tensors)

    def backward(loss: Tensor) -> None:
        assert loss.elements == 500

    def body() -> None:
        operation = Mode.entered.__torch_function__
        large, small = Tensor(501), Tensor(500)
        assert operation(matmul, (), (small, small)) == 1000
        assert operation(matmul, (), (small, large), {"scale": 2}) == 2002
        assert operation(cat, (), ([small, large],)) == 2
        assert operation(Tensor.numel, (), (large,)) == 501
        assert operation(backward, (), (small,)) is None

    assert calls(body) == {"torch.matmul": 1, "torch.cat": 1, "torch.backward": 1}
    assert Mode.entered is None

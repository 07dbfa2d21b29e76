"""What a virtual device writes down: the rows of copies, of waits, of memory and of streams, against what CUDA does
(``aten/src/ATen/native/cuda/Copy.cu``, ``c10/cuda/CUDACachingAllocator.cpp``)."""

from __future__ import annotations

import copy
import gc
import io
import itertools
from collections.abc import Generator
from functools import partial
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is in the test extra for Python 3.11 only")

import torch
from hypothesis import given
from hypothesis import strategies as st

from weft.simcore.gpu.rows import (
    Alloc,
    AnyRow,
    DeviceDone,
    EventDone,
    Free,
    HostAccess,
    Launch,
    NewStream,
    NewThread,
    RecordEvent,
    RecordStream,
    Span,
    StreamDone,
    WaitEvent,
)
from weft.simcore.gpu.torch_cuda import virtual_gpus

from .spans import covered
from .torch_kit import cases


class Watch:
    """The rows that one step of a program adds."""

    def __init__(self, machine: Any) -> None:
        self.machine = machine

    def rows(self, step: Any) -> list[AnyRow]:
        self.kept: Any = None
        before = len(self.machine.tape.rows)
        self.kept = step()
        return [row for row in self.machine.tape.rows[before:] if not isinstance(row, NewThread | NewStream)]

    def kinds(self, step: Any) -> list[str]:
        """In short: ``op``, ``st_sync``, …"""
        return [row.__struct_config__.tag for row in self.rows(step)]

    def number(self, tensor: Any) -> int:
        return self.machine.block(tensor).number

    def all_of(self, tensor: Any) -> Span:
        """All bytes of the tensor's storage."""
        return Span(self.number(tensor), 0, tensor.untyped_storage().nbytes())


@pytest.fixture
def watch() -> Generator[Watch]:
    with virtual_gpus() as machine:
        yield Watch(machine)


@pytest.fixture
def two() -> Generator[Watch]:
    with virtual_gpus(2) as machine:
        yield Watch(machine)


# Work.


def test_a_kernel_reads_its_arguments_and_writes_its_result(watch: Watch) -> None:
    x, y = torch.ones(8, device="cuda"), torch.ones(8, device="cuda")
    rows = watch.rows(lambda: x + y)
    z = watch.kept
    alloc, launch = rows
    assert isinstance(alloc, Alloc)
    assert (alloc.storage, alloc.device, alloc.stream, alloc.size) == (watch.number(z), 0, 0, 32)
    assert launch == Launch(
        at=launch.at, stream=0, name="add", reads=(watch.all_of(x), watch.all_of(y)), writes=(watch.all_of(z),)
    )
    assert launch.at.startswith("test_torch_rows.py:")


def test_work_in_place_writes_what_it_reads(watch: Watch) -> None:
    x, y = torch.ones(8, device="cuda"), torch.ones(8, device="cuda")
    (launch,) = watch.rows(lambda: x.add_(y))
    assert (launch.reads, launch.writes) == ((watch.all_of(y),), (watch.all_of(x),))
    (launch,) = watch.rows(lambda: torch.mul(x, 2, out=y))
    assert (launch.reads, launch.writes) == ((watch.all_of(x),), (watch.all_of(y),))


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.view(2, 4),
        lambda x: x[2:],
        lambda x: x[::2],
        lambda x: x.reshape(4, 2).t(),
        lambda x: x.unsqueeze(0).expand(3, 8),
        lambda x: x.detach(),
        lambda x: x.data,
        lambda x: x.shape,
        lambda x: x.to("cuda"),
        lambda x: x.float(),
        lambda x: x.view(torch.int32),
        lambda x: torch.view_as_complex(x.view(4, 2)),
        lambda x: x.split(3),
        lambda x: x.unbind(0),
        lambda x: x.contiguous(),
        lambda x: x.device,
        lambda x: x.data_ptr(),
        lambda x: x.as_strided((2,), (1,)),
    ],
)
def test_a_view_is_no_work(view: Any, watch: Watch) -> None:
    x = torch.zeros(8, device="cuda")
    assert watch.rows(lambda: view(x)) == []


def test_memory_that_is_only_made_is_not_written(watch: Watch) -> None:
    x = torch.zeros(8, device="cuda")
    for make in (
        lambda: torch.empty(8, device="cuda"),
        lambda: torch.empty_like(x),
        lambda: x.new_empty(3),
        lambda: torch.empty_strided((2, 2), (2, 1), device="cuda"),
    ):
        assert watch.kinds(make) == ["alloc"]


def test_memory_that_is_filled_is_written(watch: Watch) -> None:
    x = torch.zeros(8, device="cuda")
    for make in (
        lambda: torch.zeros(8, device="cuda"),
        lambda: torch.full((8,), 2.0, device="cuda"),
        lambda: torch.zeros_like(x),
        lambda: x.new_ones(8),
        lambda: torch.arange(8.0, device="cuda"),
        lambda: torch.randn(8, device="cuda"),
    ):
        *_, launch = watch.rows(make)
        assert isinstance(launch, Launch)
        assert launch.reads == ()
        assert launch.writes == (watch.all_of(watch.kept),)


def test_memory_without_elements_is_neither_read_nor_written(watch: Watch) -> None:
    x = torch.empty(0, device="cuda")
    for row in watch.rows(lambda: (x + 1, torch.cat([x, x]))):
        assert not isinstance(row, Launch) or (row.reads, row.writes) == ((), ())


def test_work_goes_to_the_current_stream(watch: Watch) -> None:
    x = torch.ones(8, device="cuda")
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        alloc, launch = watch.rows(lambda: x + 1)
    number = watch.machine.tape.stream(side.known)
    assert number != 0
    assert alloc.stream == launch.stream == number
    assert watch.rows(lambda: x + 1)[1].stream == 0


def test_work_goes_to_the_device_of_its_arguments(two: Watch) -> None:
    y = torch.ones(8, device="cuda:1")
    alloc, launch = two.rows(lambda: y + 1)
    assert alloc.device == 1
    streams = {row.stream: row for row in two.machine.tape.rows if isinstance(row, NewStream)}
    assert (streams[launch.stream].device, streams[launch.stream].kind) == (1, "legacy")


def test_a_stream_is_made_known_once_by_its_name(watch: Watch) -> None:
    loader_stream = torch.cuda.Stream()
    others = [torch.cuda.Stream() for _ in range(2)]
    with torch.cuda.stream(loader_stream):
        torch.ones(2, device="cuda")
    with torch.cuda.stream(others[1]):
        torch.ones(2, device="cuda")
    streams = [row for row in watch.machine.tape.rows if isinstance(row, NewStream)]
    assert [row.name for row in streams] == ["loader_stream", "others[0]", "others[1]"]
    assert {row.kind for row in streams} == {"non-blocking"}


# The bytes of views.

SIZES = st.lists(st.integers(1, 4), min_size=0, max_size=3)


@st.composite
def views(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    """Sizes, strides and offset in elements: any that torch allows, overlapping ones, too."""
    sizes = draw(SIZES)
    strides = [draw(st.integers(0, 9)) for _ in sizes]
    return sizes, strides, draw(st.integers(0, 5))


def touched(sizes: list[int], strides: list[int], offset: int, item: int) -> set[int]:
    """Every byte, element by element."""
    places = [offset]
    for size, stride in zip(sizes, strides, strict=True):
        places = [place + number * stride for place in places for number in range(size)]
    return {place * item + byte for place in places for byte in range(item)}


@given(views(), st.sampled_from([torch.uint8, torch.float16, torch.float32, torch.float64]))
def test_a_view_covers_the_bytes_of_its_elements(view: tuple[list[int], list[int], int], dtype: Any) -> None:
    sizes, strides, offset = view
    with virtual_gpus() as machine:
        x = torch.zeros(200, dtype=dtype, device="cuda")
        seen = x.as_strided(sizes, strides, offset)
        kept = seen.clone()
        launch = machine.tape.rows[-1]
        del kept
        number = machine.block(x).number
        assert isinstance(launch, Launch)
        assert covered(launch.reads) == {number: touched(sizes, strides, offset, x.element_size())}


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[::2],
        lambda x: x[1::2],
        lambda x: x[:, 3],
        lambda x: x[2:5, 1:3],
        lambda x: x.t(),
        lambda x: x.t()[::3],
        lambda x: x.diagonal(),
        lambda x: x.flatten()[7:21:5],
        lambda x: x[1:2].expand(4, 6),
        lambda x: x.unfold(1, 3, 2),
        lambda x: x[:0],
        lambda x: x[3:4, 2:3],
        lambda x: x.view(2, 3, 6).permute(2, 0, 1)[1:],
    ],
)
def test_a_view_that_is_written_covers_the_bytes_of_its_elements(view: Any, watch: Watch) -> None:
    x = torch.zeros(6, 6, device="cuda")
    seen = view(x)
    expected = touched([*seen.shape], [*seen.stride()], seen.storage_offset(), 4)
    rows = watch.rows(lambda: seen.cos() if seen.stride().count(0) else seen.zero_())
    spans = [row.reads if seen.stride().count(0) else row.writes for row in rows if isinstance(row, Launch)]
    assert covered(spans[0] if spans else ()).get(watch.number(x), set()) == expected


def test_what_is_set_by_an_index_is_only_that_part(watch: Watch) -> None:
    x = torch.zeros(6, 6, device="cuda")
    rows = watch.rows(lambda: x.__setitem__((slice(None), 2), 1.0))
    (launch,) = [row for row in rows if isinstance(row, Launch)]
    assert covered(launch.writes) == {watch.number(x): touched([6], [6], 2, 4)}


def test_parts_of_one_storage_are_parts_of_one_storage(watch: Watch) -> None:
    x = torch.zeros(10, device="cuda")
    y = x[5:].view(torch.int32)
    (launch,) = watch.rows(lambda: y.add_(1))
    assert launch.writes == (Span(watch.number(x), 20, 40),)


# Copies.


def test_a_copy_within_the_device_is_a_kernel(watch: Watch) -> None:
    x, y = torch.ones(8, device="cuda"), torch.zeros(8, device="cuda", dtype=torch.float64)
    (launch,) = watch.rows(lambda: y.copy_(x))
    assert (launch.reads, launch.writes) == ((watch.all_of(x),), (watch.all_of(y),))


@pytest.mark.parametrize("how", ["copy_", "to", "cuda", "set"])
def test_an_upload_of_pageable_memory_waits_unless_told_not_to(how: str, watch: Watch) -> None:
    into, source = torch.empty(8, device="cuda"), torch.ones(8)
    blocking = {
        "copy_": lambda: into.copy_(source),
        "to": lambda: source.to("cuda"),
        "cuda": lambda: source.cuda(),
        "set": lambda: into.__setitem__(slice(None), source),
    }[how]
    *_, launch, done = watch.rows(blocking)
    assert isinstance(launch, Launch)
    assert launch.reads == ()
    assert len(launch.writes) == 1
    assert done == StreamDone(at=done.at, stream=launch.stream)


@pytest.mark.parametrize("how", ["copy_", "to", "cuda"])
def test_an_upload_of_pageable_memory_without_blocking_is_staged(how: str, watch: Watch) -> None:
    into, source = torch.empty(8, device="cuda"), torch.ones(8)
    step = {
        "copy_": lambda: into.copy_(source, non_blocking=True),
        "to": lambda: source.to("cuda", non_blocking=True),
        "cuda": lambda: source.cuda(non_blocking=True),
    }[how]
    *_, launch = watch.rows(step)
    assert isinstance(launch, Launch)
    assert launch.reads == ()
    assert launch.writes[0].high == 32


UPLOADS: dict[str, Any] = {
    "tensor": lambda: torch.tensor([1.0], device="cuda"),
    "as_tensor": lambda: torch.as_tensor([1.0], device="cuda"),
}


@pytest.mark.parametrize("make", cases(UPLOADS))
def test_a_tensor_of_numbers_is_an_upload_that_waits(make: Any, watch: Watch) -> None:
    assert watch.kinds(make) == ["alloc", "op", "st_sync"]


def test_an_upload_of_pinned_memory_without_blocking_reads_it_on_the_stream(watch: Watch) -> None:
    into, source = torch.empty(8, device="cuda"), torch.ones(8).pin_memory()
    (launch,) = watch.rows(lambda: into.copy_(source, non_blocking=True))
    assert (launch.reads, launch.writes) == ((watch.all_of(source),), (watch.all_of(into),))
    _, launch = watch.rows(lambda: source.to("cuda", non_blocking=True))
    assert launch.reads == (watch.all_of(source),)
    _, launch = watch.rows(lambda: source[2:6].cuda(non_blocking=True))
    assert launch.reads == (Span(watch.number(source), 8, 24),)


def test_an_upload_of_pinned_memory_waits_unless_told_not_to(watch: Watch) -> None:
    into, source = torch.empty(8, device="cuda"), torch.ones(8).pin_memory()
    launch, done = watch.rows(lambda: into.copy_(source))
    assert isinstance(launch, Launch)
    assert launch.reads == (watch.all_of(source),)
    assert isinstance(done, StreamDone)


def test_an_upload_without_blocking_changes_the_type_on_the_device(watch: Watch) -> None:
    """``conversion_device`` is CUDA if the copy does not block."""
    into, source = torch.empty(8, device="cuda", dtype=torch.float16), torch.ones(8).pin_memory()
    (launch,) = watch.rows(lambda: into.copy_(source, non_blocking=True))
    assert (launch.reads, launch.writes) == ((watch.all_of(source),), (watch.all_of(into),))


def test_an_upload_that_blocks_changes_the_type_on_the_host(watch: Watch) -> None:
    into, source = torch.empty(8, device="cuda", dtype=torch.float16), torch.ones(8).pin_memory()
    host, launch, done = watch.rows(lambda: into.copy_(source))
    assert isinstance(host, HostAccess)
    assert host.reads == (watch.all_of(source),)
    assert (launch.reads, launch.writes) == ((), (watch.all_of(into),))
    assert isinstance(done, StreamDone)


def test_an_upload_of_scattered_pinned_memory_is_gathered_by_the_host(watch: Watch) -> None:
    into, source = torch.empty(4, device="cuda"), torch.ones(8).pin_memory()
    host, launch = watch.rows(lambda: into.copy_(source[::2], non_blocking=True))
    assert covered(host.reads) == {watch.number(source): touched([4], [2], 0, 4)}
    assert (launch.reads, launch.writes) == ((), (watch.all_of(into),))


def test_an_upload_of_a_pinned_transposed_tensor_keeps_its_layout(watch: Watch) -> None:
    """Both sides have one layout without gaps, so this is one ``cudaMemcpyAsync`` (``iter.is_contiguous()``)."""
    source = torch.ones(4, 6).pin_memory()
    _, launch = watch.rows(lambda: source.t().to("cuda", non_blocking=True))
    assert watch.kept.stride() == (1, 6)
    assert launch.reads == (watch.all_of(source),)


def test_an_upload_of_pinned_channels_last_images_does_not_touch_the_host(watch: Watch) -> None:
    source = torch.ones(2, 3, 4, 4).contiguous(memory_format=torch.channels_last).pin_memory()
    assert watch.kinds(lambda: source.to("cuda", non_blocking=True)) == ["alloc", "op"]


def test_a_download_into_pageable_memory_waits(watch: Watch) -> None:
    source = torch.ones(8, device="cuda")
    into = torch.empty(8)
    for step in (
        lambda: into.copy_(source),
        lambda: into.copy_(source, non_blocking=True),
        lambda: source.cpu(),
        lambda: source.to("cpu"),
    ):
        launch, done = watch.rows(step)
        assert (launch.reads, launch.writes) == ((watch.all_of(source),), ())
        assert done == StreamDone(at=done.at, stream=launch.stream)


def test_a_download_into_pinned_memory_without_blocking_goes_on(watch: Watch) -> None:
    source, into = torch.ones(8, device="cuda"), torch.empty(8).pin_memory()
    (launch,) = watch.rows(lambda: into.copy_(source, non_blocking=True))
    assert (launch.reads, launch.writes) == ((watch.all_of(source),), (watch.all_of(into),))
    launch, done = watch.rows(lambda: into.copy_(source))
    assert launch.writes == (watch.all_of(into),)
    assert isinstance(done, StreamDone)


def test_to_the_host_without_blocking_goes_into_fresh_pinned_memory(watch: Watch) -> None:
    source = torch.ones(8, device="cuda")
    for step in (lambda: source.to("cpu", non_blocking=True), lambda: source.to(device="cpu", non_blocking=True)):
        alloc, launch = watch.rows(step)
        assert (alloc.device, alloc.stream) == (-1, -1)
        assert watch.kept.is_pinned()
        assert (launch.reads, launch.writes) == ((watch.all_of(source),), (watch.all_of(watch.kept),))


def test_to_the_host_without_blocking_as_another_type_goes_on_too(watch: Watch) -> None:
    source = torch.ones(8, device="cuda")
    rows = watch.rows(lambda: source.to("cpu", torch.float64, non_blocking=True))
    assert not any(isinstance(row, StreamDone) for row in rows)
    assert covered(rows[-1].writes) == {watch.number(watch.kept): {*range(64)}}


def test_to_the_host_without_blocking_keeps_a_layout_without_gaps(watch: Watch) -> None:
    """The copy of a transposed tensor has its strides, so it is one ``cudaMemcpyAsync`` and nobody waits."""
    source = torch.ones(4, 6, device="cuda")
    rows = watch.rows(lambda: source.t().to("cpu", non_blocking=True))
    assert watch.kept.stride() == (1, 6)
    assert [row.__struct_config__.tag for row in rows] == ["alloc", "op"]
    assert covered(rows[1].writes) == {watch.number(watch.kept): {*range(96)}}


def test_a_download_into_scattered_pinned_memory_waits_and_the_host_writes(watch: Watch) -> None:
    source, into = torch.ones(4, device="cuda"), torch.empty(8).pin_memory()
    launch, done, host = watch.rows(lambda: into[::2].copy_(source, non_blocking=True))
    assert (launch.reads, launch.writes) == ((watch.all_of(source),), ())
    assert isinstance(done, StreamDone)
    assert covered(host.writes) == {watch.number(into): touched([4], [2], 0, 4)}


def test_a_copy_to_another_device_is_a_barrier_both_ways(two: Watch) -> None:
    x = torch.ones(8, device="cuda:0")
    y = torch.empty(8, device="cuda:1")
    rows = two.rows(lambda: y.copy_(x))
    record, wait, launch, other_record, other_wait = rows
    here, there = (two.machine.tape.stream(two.machine.default_stream(number)) for number in range(2))
    assert isinstance(record, RecordEvent)
    assert isinstance(wait, WaitEvent)
    assert (record.stream, wait.stream, launch.stream) == (there, here, here)
    assert record.event == wait.event
    assert (launch.reads, launch.writes) == ((two.all_of(x),), (two.all_of(y),))
    assert (other_record.stream, other_wait.stream) == (here, there)
    assert other_record.event == other_wait.event != record.event


def test_to_another_device_uses_the_current_streams_of_both(two: Watch) -> None:
    x = torch.ones(8, device="cuda:0")
    first, second = torch.cuda.Stream(device=0), torch.cuda.Stream(device=1)
    with torch.cuda.stream(first), torch.cuda.stream(second):
        rows = two.rows(lambda: x.to("cuda:1"))
    numbers = [two.machine.tape.stream(stream.known) for stream in (first, second)]
    assert rows[0].stream == numbers[1]
    assert [row.stream for row in rows[1:]] == [numbers[1], numbers[0], numbers[0], numbers[0], numbers[1]]


def test_saving_a_tensor_reads_it_and_waits(watch: Watch) -> None:
    x = torch.ones(8, device="cuda")
    launch, done = watch.rows(lambda: torch.save(x, io.BytesIO()))
    assert (launch.reads, launch.writes) == ((watch.all_of(x),), ())
    assert done == StreamDone(at=done.at, stream=launch.stream)


def test_loading_a_tensor_is_an_upload_that_waits(watch: Watch) -> None:
    file = io.BytesIO()
    torch.save(torch.ones(8, device="cuda"), file)
    file.seek(0)
    alloc, launch, done = watch.rows(lambda: torch.load(file))
    assert (alloc.size, alloc.storage) == (32, watch.number(watch.kept))
    assert launch.writes == (watch.all_of(watch.kept),)
    assert isinstance(done, StreamDone)


def test_a_deep_copy_is_a_copy_on_the_device(watch: Watch) -> None:
    x = torch.ones(8, device="cuda")
    rows = watch.rows(lambda: copy.deepcopy(x))
    (launch,) = [row for row in rows if isinstance(row, Launch)]
    assert (launch.reads, launch.writes) == ((watch.all_of(x),), (watch.all_of(watch.kept),))
    assert torch.cuda.memory_allocated() == 1024


# Waiting for values.

WAITS: dict[str, Any] = {
    "item": lambda x: x[0].item(),
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "index": lambda x: [0, 1, 2][x.long()[0]],
    "bool": lambda x: bool(x[0]),
    "if": lambda x: 1 if x[0] > 0 else 2,
    "list": lambda x: x.tolist(),
    "text": lambda x: repr(x),
    "format": lambda x: f"{x[0]:.3f}",
    "numpy": lambda x: x.numpy(force=True),
    "cpu": lambda x: x.cpu(),
    "nonzero": lambda x: x.nonzero(),
    "where": lambda x: torch.where(x > 0),
    "argwhere": lambda x: torch.argwhere(x),
    "mask": lambda x: x[x > 0],
    "mask_set_to_a_device_number": lambda x: x.__setitem__(x > 0, torch.ones((), device="cuda")),
    "masked_select": lambda x: x.masked_select(x > 0),
    "mask_written": lambda x: x.__setitem__(x > 0, torch.ones(8, device="cuda")),
    "unique": lambda x: x.unique(),
    "unique_rows": lambda x: x.view(2, 4).unique(dim=0),
    "unique_consecutive": lambda x: x.unique_consecutive(),
    "equal": lambda x: x.equal(x.clone()),
    "allclose": lambda x: torch.allclose(x, x.clone()),
    "bincount": lambda x: x.long().bincount(),
    "repeat_interleave": lambda x: torch.repeat_interleave(x, torch.ones(8, dtype=torch.long, device="cuda")),
    "one_hot": lambda x: torch.nn.functional.one_hot(x.long()),
    "in": lambda x: 1.0 in x,
    "iteration_over_numbers": lambda x: [float(value) for value in x[:2]],
    "range": lambda x: range(x.long()[0]),
    "histogram_of_its_own_range": lambda x: x.histc(4),
    "inverse_is_checked": lambda x: torch.linalg.inv(torch.eye(3, device="cuda")),
    "solution_is_checked": lambda x: torch.linalg.solve(torch.eye(3, device="cuda"), torch.ones(3, device="cuda")),
    "cholesky_is_checked": lambda x: torch.linalg.cholesky(torch.eye(3, device="cuda")),
    "slice_by_a_tensor": lambda x: x[: x.long()[0]],
    "full_of_a_tensor": lambda x: torch.full((2,), x[0], device="cuda"),
    "clip_by_norm_value": lambda x: torch.nn.utils.clip_grad_norm_([_with_gradient(x)], 1.0, error_if_nonfinite=True),
}


def _with_gradient(x: Any) -> Any:
    parameter = torch.nn.Parameter(x.clone())
    parameter.grad = x.clone()
    return parameter


CHECKED = "linalg_* look at their error code on the host; _linalg_check_errors does not wait"
UNKNOWN = "is not among the operators that wait"


@pytest.mark.parametrize(
    "look",
    cases(
        WAITS,
        {
            "histogram_of_its_own_range": UNKNOWN,
        },
    ),
)
def test_the_host_waits_for_the_stream_when_it_needs_a_value(look: Any, watch: Watch) -> None:
    x = torch.ones(8, device="cuda")
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        rows = watch.rows(lambda: look(x))
    number = watch.machine.tape.stream(side.known)
    assert StreamDone(at=next(row.at for row in rows if isinstance(row, StreamDone)), stream=number) in rows
    assert not any(isinstance(row, DeviceDone) for row in rows)


GOES_ON: dict[str, Any] = {
    "arithmetic": lambda x: (x + 1).sin().sum(),
    "shape": lambda x: (x.shape, x.numel(), len(x)),
    "host_scalar": lambda x: x * 2.5 + torch.tensor(1.0),
    "sort": lambda x: x.sort(),
    "topk": lambda x: x.topk(2),
    "argmax": lambda x: x.argmax(),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "masked_fill": lambda x: x.masked_fill(x > 0, 1.0),
    "index_by_device_tensor": lambda x: x[torch.zeros(2, dtype=torch.long, device="cuda")],
    "mask_set_to_a_number": lambda x: x.__setitem__(x > 0, 1.0),
    "any": lambda x: (x > 0).any(),
    "count_nonzero": lambda x: x.count_nonzero(),
    "isnan": lambda x: x.isnan().any(),
    "cat": lambda x: torch.cat([x, x]),
    "matmul": lambda x: x @ x,
    "iteration": lambda x: [*x],
    "repeat_interleave_known": lambda x: x.repeat_interleave(2),
    "one_hot_known": lambda x: torch.nn.functional.one_hot(x.long(), 3),
    "clip": lambda x: torch.nn.utils.clip_grad_norm_([_with_gradient(x)], 1.0),
    "dropout": lambda x: torch.nn.functional.dropout(x),
    "cross_entropy": lambda x: torch.nn.functional.cross_entropy(
        x.view(2, 4), torch.zeros(2, dtype=torch.long, device="cuda")
    ),
    "embedding": lambda x: torch.nn.functional.embedding(torch.zeros(2, dtype=torch.long, device="cuda"), x.view(2, 4)),
    "backward": lambda x: (x.clone().requires_grad_() * 2).sum().backward(),
    "memory_allocated": lambda x: torch.cuda.memory_allocated(),
}


@pytest.mark.parametrize(
    "work",
    cases(
        GOES_ON,
        {
            "one_hot_known": "the CPU checks its classes, CUDA does not",
        },
    ),
)
def test_the_host_does_not_wait_when_it_needs_no_value(work: Any, watch: Watch) -> None:
    x = torch.ones(8, device="cuda")
    rows = watch.rows(lambda: work(x))
    assert not [row for row in rows if isinstance(row, StreamDone | EventDone | DeviceDone)]


def test_a_training_step_does_not_wait(watch: Watch) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).cuda()
    for optimizer in (
        torch.optim.SGD(network.parameters(), 0.1, momentum=0.9),
        torch.optim.AdamW(network.parameters()),
        torch.optim.AdamW(network.parameters(), foreach=False),
        torch.optim.AdamW(network.parameters(), fused=True),
    ):
        x, classes = torch.ones(4, 8, device="cuda"), torch.zeros(4, dtype=torch.long, device="cuda")

        def step() -> None:
            for _ in range(2):
                optimizer.zero_grad()  # noqa: B023 - called at once
                torch.nn.functional.cross_entropy(network(x), classes).backward()  # noqa: B023
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()  # noqa: B023

        assert not [row for row in watch.rows(step) if isinstance(row, StreamDone | EventDone | DeviceDone)], optimizer


def test_a_scaler_waits_once_a_step(watch: Watch) -> None:
    network = torch.nn.Linear(8, 2).cuda()
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cuda")

    def step() -> None:
        scaler.scale(network(torch.zeros(1, 8).pin_memory().to("cuda", non_blocking=True)).sum()).backward()
        scaler.step(optimizer)
        scaler.update()

    watch.rows(step)
    assert len([row for row in watch.rows(step) if isinstance(row, StreamDone)]) == 1


# Host memory.


def test_the_host_reads_and_writes_pinned_memory_itself(watch: Watch) -> None:
    x = torch.ones(8).pin_memory()
    (host,) = watch.rows(lambda: x.add_(1))
    assert isinstance(host, HostAccess)
    assert host.writes == (watch.all_of(x),)
    (host,) = watch.rows(lambda: x + 1)
    assert (host.reads, host.writes) == ((watch.all_of(x),), ())
    (host,) = watch.rows(lambda: x[2:4].fill_(3))
    assert host.writes == (Span(watch.number(x), 8, 16),)
    (host,) = watch.rows(lambda: x.tolist())
    assert host.reads == (watch.all_of(x),)
    assert watch.rows(lambda: x[2:]) == []
    assert [row for row in watch.rows(lambda: x.sum().item()) if isinstance(row, HostAccess)] != []


def test_plain_host_memory_is_nobodys_business(watch: Watch) -> None:
    x = torch.ones(8)
    assert watch.rows(lambda: (x + 1, x.add_(1), x.sum().item(), x.tolist(), x.numpy(), repr(x))) == []


def test_pinning_copies_into_new_pinned_memory(watch: Watch) -> None:
    x = torch.ones(8)
    alloc, host = watch.rows(lambda: x.pin_memory())
    assert (alloc.device, alloc.size) == (-1, 32)
    assert isinstance(host, HostAccess)
    assert host.writes == (watch.all_of(watch.kept),)


def test_pinned_memory_is_freed_when_its_last_view_is_gone(watch: Watch) -> None:
    x = torch.ones(8).pin_memory()
    view = x[2:]
    number = watch.number(x)
    del x
    assert not any(isinstance(row, Free) for row in watch.machine.tape.rows)
    del view
    assert watch.machine.tape.rows[-1] == Free(at=watch.machine.tape.rows[-1].at, storage=number)


# Waiting on purpose.


def test_events(watch: Watch) -> None:
    side = torch.cuda.Stream()
    event = torch.cuda.Event()
    (record,) = watch.rows(lambda: event.record())
    assert isinstance(record, RecordEvent)
    assert record.stream == watch.machine.tape.stream(watch.machine.default_stream(0))
    (wait,) = watch.rows(lambda: side.wait_event(event))
    assert wait == WaitEvent(at=wait.at, stream=watch.machine.tape.stream(side.known), event=record.event)
    (done,) = watch.rows(lambda: event.synchronize())
    assert done == EventDone(at=done.at, event=record.event)
    (done,) = watch.rows(lambda: event.query())
    assert done == EventDone(at=done.at, event=record.event)
    (other,) = watch.rows(lambda: event.record(side))
    assert (other.event, other.stream) == (record.event, wait.stream)
    assert watch.rows(lambda: side.record_event())[0].event != record.event
    assert watch.rows(lambda: event.wait(side))[0].stream == wait.stream


def test_a_stream_waits_for_a_stream_by_an_event(watch: Watch) -> None:
    side = torch.cuda.Stream()
    torch.ones(1, device="cuda")
    record, wait = watch.rows(lambda: side.wait_stream(torch.cuda.current_stream()))
    assert isinstance(record, RecordEvent)
    assert (record.stream, wait.stream) == (
        watch.machine.tape.stream(torch.cuda.current_stream().known),
        watch.machine.tape.stream(side.known),
    )
    assert record.event == wait.event


def test_synchronizing(two: Watch) -> None:
    side = torch.cuda.Stream()
    number = two.machine.tape.stream(side.known)
    for step in (side.synchronize, side.query):
        (done,) = two.rows(step)
        assert done == StreamDone(at=done.at, stream=number)
    for step, device in (
        (torch.cuda.synchronize, 0),
        (lambda: torch.cuda.synchronize(1), 1),
        (torch.accelerator.synchronize, 0),
    ):
        (done,) = two.rows(step)
        assert done == DeviceDone(at=done.at, device=device)
    with torch.cuda.device(1):
        (done,) = two.rows(torch.cuda.synchronize)
    assert done.device == 1


def test_a_query_of_an_event_never_recorded_says_nothing(watch: Watch) -> None:
    assert watch.rows(lambda: torch.cuda.Event().query()) == []


# Memory.


def _of(watch: Watch, kind: type) -> list[Any]:
    return [row for row in watch.machine.tape.rows if isinstance(row, kind)]


def test_memory_is_freed_when_the_last_view_is_gone(watch: Watch) -> None:
    x = torch.ones(8, device="cuda")
    number = watch.number(x)
    view = x[1:].view(7, 1)
    del x
    assert _of(watch, Free) == []
    del view
    (free,) = _of(watch, Free)
    assert free.storage == number
    assert free.at.startswith("test_torch_rows.py:")


def test_memory_is_freed_by_the_thread_that_drops_it(watch: Watch) -> None:
    current = 0
    watch.machine.begin(lambda: (current, f"thread {current}"))
    kept = [torch.ones(8, device="cuda"), torch.ones(8, device="cuda")]
    current = 3
    kept.pop()
    current = 0
    kept.pop()
    assert [row.t for row in _of(watch, Free)] == [3, 0]
    assert [row.t for row in _of(watch, Alloc)] == [0, 0]


def test_what_autograd_saved_is_freed_with_the_graph(watch: Watch) -> None:
    x = torch.ones(8, device="cuda", requires_grad=True)
    y = x.exp()
    number = watch.number(y)
    z = (y * 2).sum()
    del y
    assert number not in {row.storage for row in _of(watch, Free)}
    z.backward()
    assert number in {row.storage for row in _of(watch, Free)}


def test_every_block_is_freed_once(watch: Watch) -> None:
    network = torch.nn.Linear(8, 8).cuda()
    optimizer = torch.optim.Adam(network.parameters())
    for _ in range(2):
        network(torch.ones(2, 8).cuda()).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    del network, optimizer
    gc.collect()
    freed = [row.storage for row in _of(watch, Free)]
    assert len(freed) == len({*freed})
    assert {*freed} == {row.storage for row in _of(watch, Alloc)}
    assert watch.machine.tape.memories[0].used == 0


def test_a_block_is_given_out_again_to_its_stream_only(watch: Watch) -> None:
    side = torch.cuda.Stream()
    x = torch.empty(300, device="cuda")
    first = x.data_ptr()
    del x
    with torch.cuda.stream(side):
        y = torch.empty(300, device="cuda")
    assert y.data_ptr() != first
    z = torch.empty(300, device="cuda")
    assert z.data_ptr() == first
    second = y.data_ptr()
    del y
    assert torch.empty(300, device="cuda").data_ptr() != second
    with torch.cuda.stream(side):
        assert torch.empty(10, device="cuda").data_ptr() == second


def test_the_stream_of_a_block_is_the_current_one_when_it_was_made(watch: Watch) -> None:
    """Not the one that is current when it is freed."""
    side = torch.cuda.Stream()
    x = torch.empty(300, device="cuda")
    first = x.data_ptr()
    with torch.cuda.stream(side):
        del x
        assert torch.empty(300, device="cuda").data_ptr() != first
    assert torch.empty(300, device="cuda").data_ptr() == first


def test_a_recorded_block_is_not_given_out_again(watch: Watch) -> None:
    side = torch.cuda.Stream()
    x = torch.empty(300, device="cuda")
    first, number = x.data_ptr(), watch.number(x)
    (record,) = watch.rows(partial(x.record_stream, side))
    assert record == RecordStream(at=record.at, storage=number, stream=watch.machine.tape.stream(side.known))
    del x
    assert torch.empty(300, device="cuda").data_ptr() != first
    assert watch.machine.tape.memories[0].used == 0


def test_a_view_is_recorded_for_its_storage(watch: Watch) -> None:
    x = torch.empty(300, device="cuda")
    for s in (torch.cuda.Stream(), torch.cuda.current_stream()):
        (record,) = watch.rows(lambda: x[5:].record_stream(s))  # noqa: B023 - called at once
        assert record.storage == watch.number(x)
    with pytest.raises(RuntimeError):
        torch.ones(3).record_stream(torch.cuda.Stream())


def test_a_storage_that_is_made_empty_gives_its_memory_back(watch: Watch) -> None:
    x = torch.ones(300, device="cuda")
    number = watch.number(x)
    rows = watch.rows(lambda: x.untyped_storage().resize_(0))
    assert [row for row in rows if not isinstance(row, Launch)] == [Free(at=rows[-1].at, storage=number)]
    assert torch.cuda.memory_allocated() == 0
    rows = watch.rows(lambda: x.untyped_storage().resize_(1200))
    assert [row.__struct_config__.tag for row in rows] == ["alloc"]
    assert rows[0].size == 1200
    assert watch.number(x) != number
    x.fill_(2)
    assert x.sum().item() == 600
    assert torch.cuda.memory_allocated() == 1536


def test_a_storage_that_is_made_empty_and_dropped_is_freed_once(watch: Watch) -> None:
    x = torch.ones(300, device="cuda")
    x.untyped_storage().resize_(0)
    del x
    gc.collect()
    assert len(_of(watch, Free)) == 1
    assert torch.cuda.memory_allocated() == 0


def test_a_tensor_that_is_resized_has_memory_enough(watch: Watch) -> None:
    """``resize_`` and ``out=`` grow a storage: its block is another one then."""
    x = torch.empty(2, device="cuda")
    x.resize_(1000)
    assert torch.cuda.memory_allocated() >= 4000
    x.fill_(1)
    assert watch.machine.tape.rows[-1].writes == (watch.all_of(x),)
    assert _of(watch, Alloc)[-1].size >= 4000


def test_sizes_and_addresses_of_blocks_do_not_overlap(watch: Watch) -> None:
    side = torch.cuda.Stream()
    kept: list[Any] = []
    for number in range(60):
        with torch.cuda.stream(side if number % 3 else torch.cuda.default_stream()):
            kept.append(torch.empty(1 + number * 37 % 400, device="cuda"))
        if number % 4 == 3:
            kept.pop(number % len(kept))
        blocks = sorted((tensor.data_ptr(), tensor.untyped_storage().nbytes()) for tensor in kept)
        assert all(low + size <= after for (low, size), (after, _) in itertools.pairwise(blocks))


def test_what_outlives_an_execution_is_made_known_again_in_the_next(watch: Watch) -> None:
    x = torch.ones(8, device="cuda")
    watch.machine.begin(lambda: (0, "MainThread"))
    alloc, launch = watch.rows(partial(x.add_, 1))
    assert (alloc.storage, alloc.size, alloc.device) == (0, 32, 0)
    assert launch.writes == (Span(0, 0, 32),)
    assert torch.cuda.memory_allocated() == 512
    del x, watch.kept
    assert torch.cuda.memory_allocated() == 0


def test_what_outlives_an_execution_and_is_not_used_is_not_freed_in_the_next(watch: Watch) -> None:
    x = torch.ones(8, device="cuda")
    watch.machine.begin(lambda: (0, "MainThread"))
    del x
    assert watch.machine.tape.rows == []
    assert torch.cuda.memory_allocated() == 0


def test_the_names_of_memory(watch: Watch) -> None:
    activations = torch.empty(4, device="cuda")
    activations = activations + 1
    assert [row.name for row in _of(watch, Alloc)] == ["activations", "activations"]


# Backward passes.


def _streams(watch: Watch, *streams: Any) -> list[int]:
    return [watch.machine.tape.stream(stream.known) for stream in streams]


def test_a_backward_pass_works_on_the_streams_of_the_forward_pass(watch: Watch) -> None:
    side = torch.cuda.Stream()
    w = torch.ones(8, device="cuda", requires_grad=True)
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        loss = (w * 2).exp().sum()
    default, number = _streams(watch, torch.cuda.default_stream(), side)
    rows = [row for row in watch.rows(lambda: loss.backward()) if not isinstance(row, Free)]
    multiplied = [row for row in rows if isinstance(row, Launch) and row.name == "mul"]
    assert len(multiplied) == 2
    assert {row.stream for row in multiplied} == {number}
    first = next(place for place, row in enumerate(rows) if isinstance(row, Launch) and row.stream == number)
    assert any(isinstance(row, WaitEvent) and row.stream == number for row in rows[:first])
    record, wait = rows[-2:]
    assert isinstance(record, RecordEvent)
    assert (record.stream, wait.stream) == (number, default)
    assert record.event == wait.event


def test_a_backward_pass_of_two_streams_joins_where_the_gradients_meet(watch: Watch) -> None:
    first, second = torch.cuda.Stream(), torch.cuda.Stream()
    w = torch.ones(8, device="cuda", requires_grad=True)
    for side in (first, second):
        side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(first):
        a = (w * 2).sum()
    with torch.cuda.stream(second):
        b = (w * 3).sum()
    for side in (first, second):
        torch.cuda.current_stream().wait_stream(side)
    loss = a + b
    rows = watch.rows(lambda: loss.backward())
    one, two_ = _streams(watch, first, second)
    assert {row.stream for row in rows if isinstance(row, Launch) and row.name == "mul"} == {one, two_}
    (added,) = [place for place, row in enumerate(rows) if isinstance(row, Launch) and row.name.startswith("add")]
    other = ({one, two_} - {rows[added].stream}) or {one, two_}
    waited = {row.event for row in rows[:added] if isinstance(row, WaitEvent) and row.stream == rows[added].stream}
    recorded = {row.event for row in rows[:added] if isinstance(row, RecordEvent) and row.stream in other}
    assert waited & recorded
    (default,) = _streams(watch, torch.cuda.default_stream())
    waits = {row.event for row in rows if isinstance(row, WaitEvent) and row.stream == default}
    assert waits & {row.event for row in rows if isinstance(row, RecordEvent) and row.stream == one}
    assert waits & {row.event for row in rows if isinstance(row, RecordEvent) and row.stream == two_}
    assert w.grad.tolist() == [5.0] * 8


def test_a_backward_pass_on_one_stream_waits_for_nobody(watch: Watch) -> None:
    w = torch.ones(8, device="cuda", requires_grad=True)
    rows = watch.rows(lambda: (w * 2).exp().sum().backward())
    assert {row.stream for row in rows if isinstance(row, Launch)} == {0}
    assert not [row for row in rows if isinstance(row, RecordEvent | WaitEvent)]


def test_a_backward_pass_on_the_stream_of_the_forward_pass_waits_for_nobody(watch: Watch) -> None:
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        w = torch.ones(8, device="cuda", requires_grad=True)
        rows = watch.rows(lambda: (w * 2).exp().sum().backward())
    assert len({row.stream for row in rows if isinstance(row, Launch)}) == 1
    assert not [row for row in rows if isinstance(row, RecordEvent | WaitEvent)]


def test_hooks_of_a_backward_pass_work_on_the_stream_of_their_node(watch: Watch) -> None:
    side = torch.cuda.Stream()
    w = torch.ones(8, device="cuda", requires_grad=True)
    with torch.cuda.stream(side):
        y = w * 2
        y.register_hook(lambda gradient: gradient.cos())
        loss = y.sum()
    rows = watch.rows(lambda: loss.backward())
    (hooked,) = [row for row in rows if isinstance(row, Launch) and row.name == "cos"]
    assert hooked.stream == _streams(watch, side)[0]


def test_gradients_of_a_move_come_back_by_a_copy(watch: Watch) -> None:
    x = torch.ones(8, requires_grad=True)
    loss = (x.cuda() * 2).sum()
    rows = watch.rows(lambda: loss.backward())
    downs = [row for row in rows if isinstance(row, Launch) and row.name == "copy to the host"]
    assert len(downs) == 1
    assert any(isinstance(row, StreamDone) for row in rows)


def test_gradients_made_on_a_side_stream_belong_to_it(watch: Watch) -> None:
    """``torch.autograd.grad`` on a side stream of a forward pass there."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        w = torch.ones(8, device="cuda", requires_grad=True)
        loss = (w**2).sum()
        rows = watch.rows(lambda: torch.autograd.grad(loss, w))
    number = _streams(watch, side)[0]
    assert {row.stream for row in rows if isinstance(row, Launch | Alloc)} == {number}


def test_rows_of_a_program_are_the_same_each_time() -> None:
    def run() -> list[AnyRow]:
        with virtual_gpus(2) as machine:
            torch.manual_seed(1)
            side = torch.cuda.Stream()
            network = torch.nn.Linear(4, 4).cuda()
            with torch.cuda.stream(side):
                loss = network(torch.randn(2, 4, device="cuda")).relu().sum()
            loss.backward()
            torch.optim.AdamW(network.parameters()).step()
            loss.item()
            del loss, network
            gc.collect()
            return machine.tape.rows

    first = run()
    assert run() == first
    assert len(first) > 20


def test_rows_say_the_line_of_the_program(watch: Watch) -> None:
    x = torch.ones(8, device="cuda")
    here = run_line()
    network = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU()).cuda()
    rows = watch.rows(lambda: network(x))
    assert {row.at for row in rows} == {f"test_torch_rows.py:{here + 2}"}


def run_line() -> int:
    import inspect

    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno

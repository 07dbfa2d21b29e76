"""A simulated GPU against closed formulas: what streams, copies, graphs and more launches can gain, and what they cannot."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft.simcore.gpu.timing import Device, Event, Graph, Kernel, Node
from weft.simcore.gpu.timing_host import Host, Steps

from .timing_kit import BYTE, device, run_hosts, settle, streams, times

LENGTHS = st.integers(1, 10_000)


@given(st.lists(LENGTHS, max_size=20), st.integers(0, 50), st.integers(0, 50))
def test_a_stream_takes_the_sum(lengths: list[int], gap_ns: int, start_ns: int) -> None:
    gpu = device(gap_ns=gap_ns, gpu_start_ns=start_ns)
    (stream,) = streams(gpu, 1)
    for length in lengths:
        gpu.launch(stream, Kernel("k", length, 0.3))
    assert settle(gpu) == (start_ns + sum(lengths) + gap_ns * (len(lengths) - 1) if lengths else 0)


# Copies in, computing, copies out.


def pipeline(chunks: int, buffers: int, in_ns: int, compute_ns: int, out_ns: int) -> int:
    """As a program does it: chunk i on stream i mod buffers."""
    gpu = device()
    ring = streams(gpu, buffers)
    for chunk in range(chunks):
        stream = ring[chunk % buffers]
        gpu.copy(stream, "h2d", in_ns)
        gpu.launch(stream, Kernel("k", compute_ns))
        gpu.copy(stream, "d2h", out_ns)
    return settle(gpu)


def flow_shop(chunks: int, buffers: int, stages: list[int]) -> int:
    """Chunk after chunk on every station; a chunk comes in when the one before it in its buffer is out."""
    out = [[0] * len(stages) for _ in range(chunks)]
    for chunk in range(chunks):
        now = out[chunk - buffers][-1] if chunk >= buffers else 0
        for station, length in enumerate(stages):
            now = max(now, out[chunk - 1][station] if chunk else 0) + length
            out[chunk][station] = now
    return out[-1][-1]


@given(st.integers(1, 12), LENGTHS, LENGTHS, LENGTHS)
@example(8, 100, 20, 100)
@example(8, 100, 500, 100)
def test_a_copy_pipeline(chunks: int, in_ns: int, compute_ns: int, out_ns: int) -> None:
    stages = [in_ns, compute_ns, out_ns]
    assert pipeline(chunks, 1, *stages) == chunks * sum(stages)
    for buffers in (3, 4):
        assert pipeline(chunks, buffers, *stages) == sum(stages) + (chunks - 1) * max(stages)
    assert pipeline(chunks, 2, *stages) == flow_shop(chunks, 2, stages)


def test_two_buffers_overlap_two_chunks_at_most() -> None:
    """The period of two chunks is the whole way of one: with equal stages half as long again as with three buffers."""
    assert [pipeline(10, buffers, 100, 100, 100) for buffers in (1, 2, 3)] == [3000, 1600, 1200]


@pytest.mark.parametrize(("pinned", "total"), [(True, 60 + 9 * 30), (False, 10 * 60)])
def test_pageable_memory_overlaps_nothing(pinned: bool, total: int) -> None:
    gpu = device()
    ring = streams(gpu, 3)

    def body(host: Host) -> Steps[None]:
        for chunk in range(10):
            stream = ring[chunk % 3]
            yield from host.copy(stream, "h2d", 10, pinned)
            yield from host.launch(stream, Kernel("k", 20))
            yield from host.copy(stream, "d2h", 30, pinned)
        yield from host.device_done()

    assert run_hosts(gpu, body) == [total]


@pytest.mark.parametrize("engines", [1, 2])
def test_two_streams_of_copies_one_way_gain_nothing(engines: int) -> None:
    """A second engine lets both be under way, on the one link."""
    gpu = device(h2d_engines=engines)
    ends = [gpu.copy(stream, "h2d", 1000) for stream in streams(gpu, 2)]
    assert settle(gpu) == 2000
    assert times(ends) == ([(0, 1000), (1000, 2000)] if engines == 1 else [(0, 2000), (0, 2000)])


@given(LENGTHS, LENGTHS, st.integers(50, 100))
def test_both_ways_overlap_at_the_duplex_factor(one: int, two: int, percent: int) -> None:
    gpu = device(duplex_factor=percent / 100)
    a, b = streams(gpu, 2)
    there, back = gpu.copy(a, "h2d", one), gpu.copy(b, "d2h", two)
    settle(gpu)
    both = Fraction(min(one, two) * 100, percent)
    exact = (both + max(one - two, 0), both + max(two - one, 0))
    # One rounding for the shorter, a second one for the longer: half a nanosecond each.
    assert all(abs(end - op.end_ns) <= 1 for op, end in zip((there, back), exact, strict=True))


def test_latency_is_not_on_the_link() -> None:
    gpu = device(h2d_latency_ns=100, d2h_latency_ns=100, duplex_factor=0.5)
    a, b = streams(gpu, 2)
    there, back = gpu.copy(a, "h2d", 200), gpu.copy(b, "d2h", 100)
    assert settle(gpu) == 400
    assert times([there, back]) == [(0, 400), (0, 300)]


# Small kernels on many streams.


def small_kernels(count: int, each: int, connections: int, *, depth_first: bool) -> int:
    gpu = device(connections=connections)
    ring = streams(gpu, count)
    order = [(s, n) for s in range(count) for n in range(each)]
    for number, _ in order if depth_first else sorted(order, key=lambda pair: pair[1]):
        gpu.launch(ring[number], Kernel("k", 100, Fraction(1, 16)))
    return settle(gpu)


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16, 32])
def test_small_kernels_speed_up_until_the_sms_are_full(count: int) -> None:
    assert count * 10 * 100 / small_kernels(count, 10, 32, depth_first=False) == min(count, 16)


@pytest.mark.parametrize(("count", "connections"), [(16, 8), (16, 4), (12, 6), (8, 8), (4, 1), (16, 32)])
def test_small_kernels_speed_up_until_the_hardware_queues_are_used_up(count: int, connections: int) -> None:
    """Streams that share a queue follow each other, but for the last kernel of each, beside which the next starts."""
    after_each_other = -(-count // connections)
    each = 50
    assert small_kernels(count, each, connections, depth_first=True) == (after_each_other * (each - 1) + 1) * 100


@pytest.mark.parametrize(("connections", "total"), [(1, 300), (8, 200)])
def test_issuing_depth_first_needs_connections(connections: int, total: int) -> None:
    """Number 8 of the validation workloads; two streams with two kernels each."""
    assert small_kernels(2, 2, connections, depth_first=True) == total
    assert small_kernels(2, 2, connections, depth_first=False) == 200


def launch_bound(count: int, kernels: int, kernel_ns: int, launch_ns: int) -> int:
    gpu = device(launch_ns=launch_ns)
    ring = streams(gpu, count)

    def body(host: Host) -> Steps[None]:
        for number in range(kernels):
            yield from host.launch(ring[number % count], Kernel("k", kernel_ns, Fraction(1, 16)))
        yield from host.device_done()

    (ended,) = run_hosts(gpu, body)
    return ended


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_kernels_shorter_than_their_launch_gain_nothing(count: int) -> None:
    assert launch_bound(count, 64, kernel_ns=40, launch_ns=50) == 64 * 50 + 40


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_longer_ones_gain_until_launching_takes_as_long(count: int) -> None:
    """Speed-up min(streams, T / t_launch): here 4."""
    found = launch_bound(count, 64, kernel_ns=200, launch_ns=50)
    assert found == (64 // count * 200 + count * 50 if count <= 4 else 64 * 50 + 200)


@pytest.mark.parametrize(("chains", "each"), [(1, 64), (4, 16), (16, 4)])
def test_a_graph_of_short_kernels_is_not_bound_by_launches(chains: int, each: int) -> None:
    gpu = device(launch_ns=50, graph_launch_ns=70, graph_node_ns=2, graph_gap_ns=5)
    nodes = [
        Node(Kernel("k", 40, Fraction(1, 16)), (number - chains,) if number >= chains else ())
        for number in range(chains * each)
    ]

    def body(host: Host) -> Steps[None]:
        yield from host.graph(gpu.stream(), Graph(nodes))
        yield from host.device_done()

    assert run_hosts(gpu, body) == [70 + 2 * 64 + each * 40 + (each - 1) * 5]


@given(st.lists(LENGTHS, max_size=6), st.lists(LENGTHS, max_size=6))
def test_kernels_that_fill_the_device_gain_nothing(one: list[int], two: list[int]) -> None:
    gpu = device()
    for stream, lengths in zip(streams(gpu, 2), (one, two), strict=True):
        for length in lengths:
            gpu.launch(stream, Kernel("k", length))
    assert settle(gpu) == sum(one) + sum(two)


# Pipeline parallelism on one device.


def stages_on_streams(gpu: Device, microbatches: int, stages: int, demand: Fraction) -> int:
    ring = streams(gpu, stages)
    for _ in range(microbatches):
        passed: Event | None = None
        for stream in ring:
            if passed is not None:
                gpu.wait(stream, passed)
            gpu.launch(stream, Kernel("stage", 100, demand))
            passed = Event()
            gpu.record(passed, stream)
    return settle(gpu)


@pytest.mark.parametrize("microbatches", [1, 2, 5, 16])
@pytest.mark.parametrize("stages", [1, 2, 3, 4, 8])
def test_the_bubble_of_pipeline_parallelism(microbatches: int, stages: int) -> None:
    found = stages_on_streams(device(), microbatches, stages, Fraction(1, stages))
    assert found == (microbatches + stages - 1) * 100
    assert stages_on_streams(device(), microbatches, stages, Fraction(1)) == microbatches * stages * 100


# Memory bandwidth.


def together(bandwidth: int, *kernels: Kernel) -> list[int]:
    gpu = device(hbm_bytes_per_s=bandwidth * BYTE)
    ops = [gpu.launch(stream, kernel) for stream, kernel in zip(streams(gpu, len(kernels)), kernels, strict=True)]
    settle(gpu)
    return [op.end_ns for op in ops]


@given(st.integers(1, 100_000), st.integers(2, 8))
def test_memory_bound_kernels_are_as_much_slower_as_there_are(length: int, count: int) -> None:
    kernels = [Kernel("triad", length, Fraction(1, 8), hbm_bytes=100 * length)] * count
    assert together(100, *kernels) == [count * length] * count


def test_a_compute_bound_kernel_hides_behind_a_memory_bound_one() -> None:
    compute, memory = Kernel("mm", 1000, 0.5), Kernel("triad", 1000, 0.5, hbm_bytes=100_000)
    assert together(100, compute, memory) == [1000, 1000]
    some = Kernel("reduce", 1000, 0.5, hbm_bytes=75_000)
    assert together(100, some, some) == [1500, 1500]
    little = Kernel("softmax", 1000, 0.5, hbm_bytes=20_000)
    # It gets all it demands; the other one is left with 80 % while it runs.
    assert together(100, memory, little) == [1200, 1000]


def test_more_than_the_whole_bandwidth_counts_as_the_whole() -> None:
    assert together(100, Kernel("cached", 1000, hbm_bytes=500_000)) == [1000]


def test_copies_draw_on_memory_too() -> None:
    gpu = device(hbm_bytes_per_s=4 * BYTE)
    a, b = streams(gpu, 2)
    copied, computed = gpu.copy(a, "h2d", 300), gpu.launch(b, Kernel("triad", 1000, hbm_bytes=4000))
    settle(gpu)
    assert (copied.end_ns, computed.end_ns) == (300, 1075), "for 300 ns at 3/4 of its speed"


# Shares of the SMs.


def test_a_later_kernel_takes_what_an_earlier_one_leaves() -> None:
    gpu = device()
    a, b, c = streams(gpu, 3)
    big = gpu.launch(a, Kernel("big", 100, 0.75))
    half = gpu.launch(b, Kernel("half", 100, 0.5))
    late = gpu.launch(c, Kernel("late", 100, 0.25))
    settle(gpu)
    # Half goes at half its speed until big is done; late finds nothing free until then.
    assert times([big, half, late]) == [(0, 100), (0, 150), (100, 200)]


def test_the_next_kernel_starts_in_the_tail() -> None:
    gpu = device()
    a, b = streams(gpu, 2)
    waves = gpu.launch(a, Kernel("waves", 300, tail_ns=100, tail_demand=0.25))
    small = gpu.launch(b, Kernel("small", 60, 0.5))
    full = gpu.launch(gpu.stream(), Kernel("full", 100, 1))
    settle(gpu)
    # Full gets a quarter at 200, three quarters at 260, all at 300: 15 + 30 + 55.
    assert times([waves, small, full]) == [(0, 300), (200, 260), (200, 355)]


@pytest.mark.parametrize("parts", [3, 5, 7, 11, 12, 31, 37, 41, 43, 47, 53, 132, 1000])
def test_parts_of_a_device_fill_it_and_no_more_fit(parts: int) -> None:
    """As floats, 1/3 and the like are not exact: no sliver must be left to start in, nor be missing."""
    gpu = device(connections=1)
    ops = [gpu.launch(stream, Kernel("part", 100, 1 / parts)) for stream in streams(gpu, parts + 1)]
    settle(gpu)
    assert times(ops) == [(0, 100)] * parts + [(100, 200)]

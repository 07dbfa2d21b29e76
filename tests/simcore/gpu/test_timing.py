"""A simulated GPU case by case: streams, events, the default stream, priorities, graphs, being stuck."""

from __future__ import annotations

import pytest

from weft.simcore.gpu.timing import Device, Event, Flag, Graph, Kernel, Node, Op
from weft.simcore.gpu.timing_waiting import Stuck, run_until, waiting
from weft.simcore.gpu.timing_work import kernel_of_grid

from .timing_kit import device, profile, settle, streams, times

SMALL = 0.125


def small(length: int, name: str = "k") -> Kernel:
    return Kernel(name, length, SMALL)


# What each operation waits for.


def test_operations_become_visible_and_follow_with_a_gap() -> None:
    gpu = device(gpu_start_ns=30, gap_ns=10)
    (stream,) = streams(gpu, 1)
    ops = [gpu.launch(stream, small(100)), gpu.copy(stream, "h2d", 50)]
    assert settle(gpu) == 190
    late = gpu.launch(stream, small(1))
    settle(gpu)
    assert times([*ops, late]) == [(30, 130), (140, 190), (220, 221)], "190 + 30: the gap is long over"
    assert [op.issue_ns for op in [*ops, late]] == [0, 0, 190]
    assert gpu.busy("kernel") == [(30, 130), (220, 221)]
    assert gpu.busy("h2d") == [(140, 190)]
    assert gpu.busy("d2h") == []


def test_a_hand_over_costs_a_record_and_a_wait() -> None:
    gpu = device(record_device_ns=7, wait_device_ns=5, gap_ns=100)
    a, b = streams(gpu, 2)
    event = Event()
    ops = [gpu.launch(a, small(50)), gpu.record(event, a), gpu.wait(b, event), gpu.launch(b, small(20))]
    settle(gpu)
    assert times(ops) == [(0, 50), (50, 57), (57, 62), (62, 82)]


def waiting_stream(*, before: bool = False, again: str = "") -> tuple[int, int]:
    """When a kernel started that comes after a wait for an event, and which was recorded how."""
    gpu = device()
    a, b, c = streams(gpu, 3)
    event = Event()
    gpu.launch(a, small(100))
    if before:
        gpu.wait(c, event)
    gpu.record(event, a)
    gpu.launch(a, small(1000))
    if again == "before the wait":
        gpu.record(event, b)
    if not before:
        gpu.wait(c, event)
    if again == "after the wait":
        gpu.record(event, a)
    found = gpu.launch(c, small(10))
    settle(gpu)
    return found.start_ns, found.end_ns


def test_a_wait_is_for_what_was_recorded_last_before_it() -> None:
    assert waiting_stream() == (100, 110), "not for what came after the record"
    assert waiting_stream(before=True) == (0, 10), "never recorded: nothing to wait for"
    assert waiting_stream(again="before the wait") == (0, 10), "recorded again, on an empty stream"
    assert waiting_stream(again="after the wait") == (100, 110)


def test_an_event_is_done_when_its_last_record_is() -> None:
    gpu = device()
    a, b = streams(gpu, 2)
    event = Event()
    assert event.is_done
    assert gpu.wait(a, event) is None
    assert gpu.event_done(event).triggered
    gpu.launch(a, small(100))
    gpu.record(event, a)
    first = gpu.event_done(event)
    gpu.launch(b, small(300))
    gpu.record(event, b)
    assert not event.is_done
    second = gpu.event_done(event)
    assert (run_until(gpu.clock, first), event.is_done) == (100, False)
    assert (run_until(gpu.clock, second), event.is_done) == (300, True)


def test_crossed_waits_are_no_cycle() -> None:
    """Each waits for the other's event; at most one of the two was recorded by then."""
    gpu = device()
    a, b = streams(gpu, 2)
    one, two = Event("one"), Event("two")
    assert gpu.wait(a, two) is None
    gpu.record(one, a)
    assert gpu.wait(b, one) is not None
    gpu.record(two, b)
    settle(gpu)


# The legacy default stream.


def around_the_default_stream(gpu: Device, kind: str) -> list[Op]:
    stream = gpu.stream(kind)
    return [gpu.launch(where, small(100)) for where in (stream, gpu.default_stream, stream)]


@pytest.mark.parametrize("kind", ["blocking", "per-thread"])
def test_blocking_streams_wait_for_the_default_stream_and_it_for_them(kind: str) -> None:
    gpu = device()
    ops = around_the_default_stream(gpu, kind)
    settle(gpu)
    assert times(ops) == [(0, 100), (100, 200), (200, 300)]


def test_non_blocking_streams_have_nothing_to_do_with_it() -> None:
    gpu = device()
    ops = around_the_default_stream(gpu, "non-blocking")
    settle(gpu)
    assert times(ops) == [(0, 100), (0, 100), (100, 200)]


def test_blocking_streams_do_not_wait_for_each_other() -> None:
    gpu = device()
    ops = [gpu.launch(gpu.stream(kind), small(100)) for kind in ("blocking", "blocking", "per-thread")]
    settle(gpu)
    assert times(ops) == [(0, 100)] * 3


def test_what_a_host_waits_for() -> None:
    gpu = device()
    blocking, other = gpu.stream("blocking"), gpu.stream()
    gpu.launch(blocking, small(100))
    assert run_until(gpu.clock, gpu.stream_done(gpu.default_stream)) == 100, "it has nothing of its own to do"
    gpu.launch(gpu.default_stream, small(50))
    gpu.launch(other, small(1000))
    assert run_until(gpu.clock, gpu.stream_done(blocking)) == 150
    nothing = gpu.stream_done(blocking)
    assert run_until(gpu.clock, nothing) == 150
    later = gpu.launch(other, small(7))
    assert run_until(gpu.clock, gpu.stream_done(other)) == 1107 == later.end_ns
    assert run_until(gpu.clock, gpu.device_done()) == 1107


def test_there_is_one_default_stream() -> None:
    with pytest.raises(ValueError, match="a device has one legacy default stream: default_stream"):
        device().stream("legacy")


# Who starts next.


@pytest.mark.parametrize(("priority", "starts"), [(0, [0, 100, 200]), (-1, [0, 200, 100])])
def test_priorities_say_who_starts_next_and_interrupt_nobody(priority: int, starts: list[int]) -> None:
    gpu = device()
    a, b = streams(gpu, 2)
    urgent = gpu.stream(priority=priority)
    ops = [gpu.launch(a, Kernel("k", 100))]
    gpu.clock.run(until=50)
    ops += [gpu.launch(stream, Kernel("k", 100)) for stream in (b, urgent)]
    settle(gpu)
    assert [op.start_ns for op in ops] == starts


def test_a_more_important_kernel_behind_a_free_wait_starts_before_one_that_was_issued_earlier() -> None:
    gpu = device()
    a, b, urgent = gpu.stream(), gpu.stream(), gpu.stream(priority=-1)
    event = Event()
    gpu.launch(a, Kernel("k", 100))
    gpu.record(event, a)
    last = gpu.launch(b, Kernel("k", 100))
    gpu.wait(urgent, event)
    first = gpu.launch(urgent, Kernel("k", 100))
    settle(gpu)
    assert times([first, last]) == [(100, 200), (200, 300)]


def test_what_is_issued_when_something_ends_may_start_at_once() -> None:
    """Who starts is decided after all that happens at an instant."""
    gpu = device()
    a, b, urgent = gpu.stream(), gpu.stream(), gpu.stream(priority=-1)
    gpu.launch(a, Kernel("k", 100))
    last = gpu.launch(b, Kernel("k", 100))
    gpu.clock.run(until=50)
    found: list[Op] = []
    gpu.clock.timeout(50).callbacks.append(lambda _: found.append(gpu.launch(urgent, Kernel("k", 100))))
    gpu.clock.run()
    settle(gpu)
    assert times([*found, last]) == [(100, 200), (200, 300)]


def test_a_wait_holds_up_those_behind_it_in_its_hardware_queue() -> None:
    ends: list[int] = []
    for connections in (1, 2, 32):
        gpu = device(connections=connections)
        a, b, c = streams(gpu, 3)
        event = Event()
        gpu.launch(a, small(100))
        gpu.record(event, a)
        gpu.wait(b, event)
        ends.append(gpu.launch(c, small(10)).stream.number)
        settle(gpu)
        ends[-1] = gpu.ops[-1].end_ns
    # Of 2 queues, c shares that of a, whose record is at its head until 100.
    assert ends == [110, 110, 10]


def test_copies_take_their_engine_in_the_order_in_which_they_could_start() -> None:
    gpu = device()
    a, b, c = streams(gpu, 3)
    gpu.launch(a, small(50))
    last = gpu.copy(a, "h2d", 100)
    gpu.launch(b, small(20))
    second = gpu.copy(b, "h2d", 100)
    first = gpu.copy(c, "h2d", 100)
    settle(gpu)
    assert times([first, second, last]) == [(0, 100), (100, 200), (200, 300)]


# Graphs.


def diamond(name: str = "diamond") -> Graph:
    top, left, right, end = (small(length, "node") for length in (10, 20, 50, 5))
    return Graph([Node(top), Node(left, (0,)), Node(right, (0,)), Node(end, (1, 2))], name)


def test_a_graph_runs_along_its_longest_way_on_one_hardware_queue() -> None:
    gpu = device(graph_gap_ns=3, gpu_start_ns=100, connections=1)
    (stream,) = streams(gpu, 1)
    graph = gpu.graph(stream, diamond())
    after = gpu.launch(stream, small(1))
    settle(gpu)
    assert times([graph, after]) == [(100, 171), (171, 172)]
    nodes = [op for op in gpu.ops if op.parent is graph]
    assert times(nodes) == [(100, 110), (113, 133), (113, 163), (166, 171)]
    assert gpu.busy("kernel") == [(100, 110), (113, 163), (166, 172)]


def test_one_graph_is_not_under_way_twice_but_two_graphs_are() -> None:
    gpu = device()
    a, b, c = streams(gpu, 3)
    one = diamond()
    ops = [gpu.graph(a, one), gpu.graph(b, one), gpu.graph(c, diamond())]
    settle(gpu)
    assert times(ops) == [(0, 65), (65, 130), (0, 65)]


def test_graphs_copy_too_and_may_be_empty() -> None:
    gpu = device()
    (stream,) = streams(gpu, 1)
    copies = [Node(gpu.copy(stream, "h2d", 10).what) for _ in range(2)]
    ops = [gpu.graph(stream, Graph(copies)), gpu.graph(stream, Graph([]))]
    settle(gpu)
    assert times(ops) == [(20, 40), (40, 40)], "one engine for both"


@pytest.mark.parametrize("place", [1, 2, -1])
def test_a_graph_in_no_order_is_refused(place: int) -> None:
    with pytest.raises(ValueError, match=f"node 1 comes after node {place}; list nodes in an order"):
        Graph([Node(small(1)), Node(small(1), (place,)), Node(small(1))])


# The launch queue.


def test_a_full_launch_queue_makes_the_host_wait() -> None:
    gpu = device(queue_depth=2)
    (stream,) = streams(gpu, 1)
    gpu.launch(stream, small(100))
    assert gpu.room().triggered
    gpu.launch(stream, small(100))
    assert not gpu.has_room
    with pytest.raises(RuntimeError, match=r"the launch queue is full: 2 operations are not done; wait for room\(\)"):
        gpu.launch(stream, small(100))
    assert run_until(gpu.clock, gpu.room()) == 100
    assert gpu.in_flight == 1


# Being stuck. Numbers are those of the ground-truth cases of the GPU checker.


def spinning(gpu: Device, flag: Flag, **more: float) -> Op:
    return gpu.launch(gpu.stream(name="spinner"), Kernel("spin", 10, until=flag, **({"sm_demand": SMALL} | more)))


def stuck(gpu: Device) -> list[str]:
    gpu.clock.run_while_pending()
    assert gpu.is_standing
    with pytest.raises(Stuck) as caught:
        run_until(gpu.clock, gpu.device_done(), [gpu])
    assert list(caught.value.waiting) == waiting(gpu)
    lines = [str(edge) for edge in waiting(gpu)]
    assert str(caught.value) == "\n  ".join(["stuck: no event is left that could change anything", *lines])
    return lines


def test_61_spinning_for_a_kernel_later_in_the_same_stream() -> None:
    gpu, flag = device(), Flag("go")
    spin = spinning(gpu, flag)
    gpu.launch(spin.stream, Kernel("setter", 10, sets=flag))
    assert stuck(gpu) == [
        "kernel 'spin' (number 0, spinner) waits (flag 'go') for kernel 'setter' (number 1, spinner)",
        "kernel 'setter' (number 1, spinner) waits (stream) for kernel 'spin' (number 0, spinner)",
    ]


@pytest.mark.parametrize("connections", [1, 8])
def test_62_63_spinning_for_a_kernel_behind_a_wait_in_the_same_hardware_queue(connections: int) -> None:
    gpu, flag = device(connections=connections), Flag("go")
    spin = spinning(gpu, flag)
    event = Event("spun")
    gpu.record(event, spin.stream)
    setter = gpu.launch(gpu.stream(name="other"), Kernel("setter", 10, SMALL, sets=flag))
    if connections > 1:
        settle(gpu)
        assert times([spin, setter]) == [(0, 20), (0, 10)]
        return
    assert stuck(gpu) == [
        "kernel 'spin' (number 0, spinner) waits (flag 'go') for kernel 'setter' (number 2, other)",
        "record 'spun' (number 1, spinner) waits (stream) for kernel 'spin' (number 0, spinner)",
        "kernel 'setter' (number 2, other) waits (hardware queue) for record 'spun' (number 1, spinner)",
    ]


def test_65_spinning_on_all_sms() -> None:
    gpu, flag = device(), Flag("go")
    spinning(gpu, flag, sm_demand=1)
    gpu.launch(gpu.stream(name="other"), Kernel("setter", 10, SMALL, sets=flag))
    assert stuck(gpu)[-1] == "kernel 'setter' (number 1, other) waits (SMs) for kernel 'spin' (number 0, spinner)"


def test_the_host_sets_a_flag() -> None:
    gpu, flag = device(), Flag("go")
    spin = spinning(gpu, flag)
    assert stuck(gpu) == ["kernel 'spin' (number 0, spinner) waits (flag 'go') for nothing that was issued"]
    gpu.set_flag(flag)
    settle(gpu)
    assert times([spin, spinning(gpu, flag)]) == [(0, 10), (-1, -1)]
    assert settle(gpu) == 20, "who comes later does not spin"


def test_a_graph_that_sets_what_its_node_spins_on() -> None:
    gpu, flag = device(), Flag("go")
    nodes = [Node(Kernel("spin", 10, until=flag)), Node(Kernel("setter", 1, sets=flag), (0,))]
    gpu.graph(gpu.default_stream, Graph(nodes, "g"))
    spin, setter = (f"kernel {name!r} (number 0, default stream)" for name in ("spin", "setter"))
    assert stuck(gpu) == [
        f"graph 'g' (number 0, default stream) waits (nodes) for {spin}",
        f"graph 'g' (number 0, default stream) waits (nodes) for {setter}",
        f"{spin} waits (flag 'go') for graph 'g' (number 0, default stream)",
        f"{setter} waits (graph) for {spin}",
    ]


def test_waiting_without_being_stuck() -> None:
    """One waits for the stream, one for the engine, one for an event: all will go on."""
    gpu = device()
    a, b, c = streams(gpu, 3)
    event = Event("e")
    gpu.copy(a, "h2d", 100)
    gpu.record(event, a)
    gpu.copy(b, "h2d", 100)
    gpu.wait(c, event)
    gpu.clock.run(until=50)
    assert not gpu.is_standing
    assert [(edge.op.number, edge.reason, edge.holder and edge.holder.number) for edge in waiting(gpu)] == [
        (1, "stream", 0),
        (2, "copy engine", 0),
        (3, "event", 1),
    ]
    settle(gpu)
    assert waiting(gpu) == []


# Kernels by their launch configuration.


@pytest.mark.parametrize(
    ("blocks", "threads", "kernel"),
    [
        (132 * 8, 256, (100, 1.0, 0)),
        (132 * 4, 256, (100, 0.5, 0)),
        (132 * 8 * 3, 256, (300, 1.0, 0)),
        (132 * 8 * 2 + 132, 256, (300, 1.0, 100)),
        (1, 1024, (100, 1 / 264, 0)),
    ],
)
def test_waves(blocks: int, threads: int, kernel: tuple[int, float, int]) -> None:
    found = kernel_of_grid("k", blocks=blocks, threads=threads, wave_ns=100, profile=profile())
    assert (found.ns, float(found.sm_demand), found.tail_ns) == kernel
    if found.tail_ns:
        assert float(found.tail_demand) == 1 / 8


def test_a_grid_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="kernel 'k': 5 blocks, of which an SM holds 0"):
        kernel_of_grid("k", blocks=5, threads=1024, wave_ns=100, profile=profile(), registers=255)


@pytest.mark.parametrize(
    ("terms", "rule"),
    [
        ({"ns": -1}, "ns is -1"),
        ({"ns": 1, "sm_demand": 0}, "sm_demand is 0; it is a part"),
        ({"ns": 1, "sm_demand": 1.1}, "sm_demand is 1.1"),
        ({"ns": 1, "tail_ns": 2}, "tail_ns is 2; it is a part of ns, 1"),
        ({"ns": 0, "hbm_bytes": 2}, "moves 2 bytes in no time"),
    ],
)
def test_a_kernel_that_cannot_be_is_refused(terms: dict[str, int], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Kernel("k", **terms)


def test_a_kernel_of_no_time_takes_its_turn() -> None:
    gpu = device()
    (stream,) = streams(gpu, 1)
    ops = [gpu.launch(stream, Kernel("k", length)) for length in (5, 0, 5)]
    settle(gpu)
    assert times(ops) == [(0, 5), (5, 5), (5, 10)]

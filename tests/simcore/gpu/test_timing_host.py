"""What calls cost host threads: launches, the runtime lock, a full launch queue, synchronising, blocking launches."""

from __future__ import annotations

import pytest

from weft.simcore.gpu.timing import Event, Flag, Graph, Kernel, Node
from weft.simcore.gpu.timing_host import Host, Steps
from weft.simcore.gpu.timing_waiting import Stuck

from .timing_kit import device, run_hosts, streams, times


def test_calls_return_when_they_have_cost_what_they_cost() -> None:
    gpu = device(
        launch_ns=100,
        launch_lock_ns=30,
        copy_call_ns=50,
        record_ns=7,
        wait_ns=3,
        sync_wake_ns=11,
        graph_launch_ns=1000,
        graph_node_ns=10,
        gpu_start_ns=5,
    )
    a, b = streams(gpu, 2)
    event = Event()

    def body(host: Host) -> Steps[None]:
        yield from host.launch(a, Kernel("k", 500, 0.5))
        assert gpu.clock.now_ns == 100
        yield from host.record(event, a)
        yield from host.wait(b, event)
        assert gpu.clock.now_ns == 110
        yield from host.copy(b, "d2h", 20)
        assert gpu.clock.now_ns == 160
        yield from host.event_done(event)
        assert gpu.clock.now_ns == 616
        yield from host.stream_done(b)
        assert gpu.clock.now_ns == 636, "625 + 11"
        yield from host.graph(a, Graph([Node(Kernel("n", 1))] * 4))
        yield from host.compute(100)
        assert gpu.clock.now_ns == 1776
        yield from host.device_done()

    assert run_hosts(gpu, body) == [1787]
    assert times(gpu.ops[:4]) == [(105, 605), (605, 605), (605, 605), (605, 625)]


@pytest.mark.parametrize(("lock_ns", "ended"), [(0, 1000), (50, 1050), (80, 1620), (100, 2000)])
def test_two_threads_launch_at_the_rate_of_the_runtime_lock(lock_ns: int, ended: int) -> None:
    """Ten launches of 100 ns each: up to half of it in the lock costs only the first meeting."""
    gpu = device(launch_ns=100, launch_lock_ns=lock_ns, copy_call_ns=100)
    one, two = streams(gpu, 2)

    def body(number: int) -> Steps[None]:
        for _ in range(10):
            yield from Host(gpu).launch((one, two)[number], Kernel("k", 0))

    assert max(run_hosts(gpu, lambda _: body(0), lambda _: body(1))) == ended


@pytest.mark.parametrize("depth", [1, 3, 10])
def test_a_full_launch_queue_stalls_the_host(depth: int) -> None:
    gpu = device(queue_depth=depth)
    (stream,) = streams(gpu, 1)

    def body(host: Host) -> Steps[None]:
        for _ in range(20):
            yield from host.launch(stream, Kernel("k", 100))
            assert gpu.in_flight <= depth

    assert run_hosts(gpu, body) == [(20 - depth) * 100]
    assert [op.issue_ns for op in gpu.ops] == [max(number - depth + 1, 0) * 100 for number in range(20)]


def test_blocking_launches_overlap_nothing() -> None:
    ended: list[int] = []
    for blocking in (False, True):
        gpu = device(launch_blocking=blocking, launch_ns=10, sync_wake_ns=5)
        ring = streams(gpu, 4)

        def body(host: Host) -> Steps[None]:
            for stream in ring * 3:  # noqa: B023
                yield from host.launch(stream, Kernel("k", 100, 0.25))
            yield from host.device_done()

        ended += run_hosts(gpu, body)
    assert ended == [40 + 300 + 5, 12 * (10 + 100 + 5) + 5]


@pytest.mark.parametrize("blocking", [False, True])
def test_67_a_host_that_sets_a_flag_after_a_blocking_launch(blocking: bool) -> None:
    gpu, flag = device(launch_blocking=blocking), Flag("go")

    def body(host: Host) -> Steps[None]:
        yield from host.launch(gpu.default_stream, Kernel("spin", 10, until=flag))
        yield from host.compute(50)
        gpu.set_flag(flag)
        yield from host.device_done()

    if blocking:
        with pytest.raises(Stuck, match=r"kernel 'spin' .* waits \(flag 'go'\) for nothing that was issued"):
            run_hosts(gpu, body)
    else:
        assert run_hosts(gpu, body) == [60]


@pytest.mark.parametrize("depth", [4, 5])
def test_66_a_launch_queue_that_is_full_before_the_flag_can_be_set(depth: int) -> None:
    gpu, flag = device(queue_depth=depth), Flag("go")
    a, b = streams(gpu, 2)

    def body(host: Host) -> Steps[None]:
        yield from host.launch(a, Kernel("spin", 10, 0.5, until=flag))
        for _ in range(3):
            yield from host.launch(a, Kernel("k", 10, 0.5))
        yield from host.launch(b, Kernel("setter", 10, 0.5, sets=flag))
        yield from host.device_done()

    if depth == 4:
        with pytest.raises(Stuck) as caught:
            run_hosts(gpu, body)
        assert [edge.reason for edge in caught.value.waiting][:2] == ["flag", "stream"]
    else:
        assert run_hosts(gpu, body) == [50]


def test_a_host_that_waits_for_no_device_is_stuck_too() -> None:
    gpu = device()

    def body(host: Host) -> Steps[None]:
        yield host.clock.event()

    with pytest.raises(Stuck, match="no device has anything to do: a host thread waits for another one"):
        run_hosts(gpu, body)


def test_what_a_host_thread_raises_is_raised() -> None:
    def body(host: Host) -> Steps[None]:
        yield from host.compute(5)
        raise LookupError("ours")

    with pytest.raises(LookupError, match="ours"):
        run_hosts(device(), body)

"""Random programs of a GPU: against simulators that know nothing of it, and what must hold whatever the program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.simcore.clock import Clock
from weft.simcore.gpu.device_profile import DeviceProfile
from weft.simcore.gpu.timing import ONE, Device, Direction, Event, Graph, Kernel, Node, Op, Stream
from weft.simcore.gpu.timing_host import Host, Steps
from weft.simcore.gpu.timing_rates import FULL

from .timing_kit import BYTE, device, profile, run_hosts, settle, streams

Action = tuple[Any, ...]
"""A kernel, copy, record or wait, with its stream second; everything is issued at time 0, in this order."""
STREAMS = 4
EVENTS = 3
DEMANDS = [Fraction(1, 8), Fraction(1, 3), Fraction(1, 2), Fraction(3, 4), Fraction(1)]
numbers = st.integers(0, STREAMS - 1)
events = st.integers(0, EVENTS - 1)
full_kernels = st.tuples(st.just("kernel"), numbers, st.integers(1, 50), st.just(Fraction(1)), st.just(0), st.just(0))
kernels = st.tuples(
    st.just("kernel"), numbers, st.integers(0, 50), st.sampled_from(DEMANDS), st.integers(0, 6), st.integers(0, 20)
)
"""Length, part of the SMs, bytes per nanosecond, length of the tail (at an eighth)."""
copies = st.tuples(st.just("copy"), numbers, st.integers(0, 50), st.sampled_from(["h2d", "d2h"]))
hand_overs = st.one_of(
    st.tuples(st.just("record"), numbers, events),
    st.tuples(st.just("wait"), numbers, events),
)


def issue(gpu: Device, ring: Sequence[Stream], marks: Sequence[Event], action: Action) -> Op | None:
    what, number, *rest = action
    stream = ring[number]
    if what == "kernel":
        length, demand, speed, tail = rest
        tail = min(tail, length)
        kernel = Kernel("k", length, demand, speed * length, tail, tail_demand=Fraction(1, 8) if tail else 1)
        return gpu.launch(stream, kernel)
    if what == "copy":
        return gpu.copy(stream, rest[1], rest[0])
    return gpu.record(marks[rest[0]], stream) if what == "record" else gpu.wait(stream, marks[rest[0]])


def issue_all(gpu: Device, actions: Sequence[Action], priorities: Sequence[int] = (0,) * STREAMS) -> list[Op | None]:
    ring = [gpu.stream(priority=priority) for priority in priorities]
    marks = [Event() for _ in range(EVENTS)]
    return [issue(gpu, ring, marks, action) for action in actions]


def predecessors(actions: Sequence[Action]) -> list[set[int]]:
    """Of each action: the one before it in its stream, and the record that it waits for. By places."""
    last: dict[int, int] = {}
    recorded: dict[int, int] = {}
    found: list[set[int]] = []
    for place, (what, number, *rest) in enumerate(actions):
        before = {last[number]} if number in last else set[int]()
        if what == "wait" and rest[0] not in recorded:
            # Nothing is queued: it stands for what is before it.
            found.append(before)
            continue
        if what == "wait":
            before.add(recorded[rest[0]])
        if what == "record":
            recorded[rest[0]] = place
        last[number] = place
        found.append(before)
    return found


# Kernels that fill the device, on as many hardware queues as streams: the list scheduling of one machine.


def one_machine(actions: Sequence[Action]) -> dict[int, tuple[int, int]]:
    """Whenever it is free, it takes the first in the list of which everything before is done (Graham 1969)."""
    before = predecessors(actions)
    done: set[int] = set()
    found: dict[int, tuple[int, int]] = {}
    now = 0
    while len(done) < len(actions):
        able = [place for place in range(len(actions)) if place not in done and before[place] <= done]
        # Records and waits take no time and no machine.
        free = [place for place in able if actions[place][0] != "kernel"]
        place = (free or able)[0]
        length = 0 if free else actions[place][2]
        found[place] = (now, now + length)
        now += length
        done.add(place)
    return found


@given(st.lists(st.one_of(full_kernels, hand_overs), max_size=25))
def test_full_kernels_against_list_scheduling(actions: list[Action]) -> None:
    gpu = device()
    ops = issue_all(gpu, actions)
    settle(gpu)
    expected = one_machine(actions)
    for place, op in enumerate(ops):
        if op is not None and op.kind == "kernel":
            assert (op.start_ns, op.end_ns) == expected[place]


# Everything, against a simulator that goes nanosecond by nanosecond in fractions.


@dataclass(eq=False)
class Thing:
    """An action of the step-by-step simulator."""

    place: int
    action: Action
    queue: int
    priority: int
    before: list[Thing] = field(default_factory=list["Thing"])
    able_at: int = -1
    start: int = -1
    end: int = -1
    left: Fraction = Fraction(0)
    rate: Fraction = Fraction(0)
    in_tail: bool = False

    @property
    def demand(self) -> Fraction:
        return min(Fraction(1, 8), self.action[3]) if self.in_tail else self.action[3]

    @property
    def tail(self) -> int:
        return min(self.action[5], self.action[2]) if self.action[0] == "kernel" else 0


def fill(wanted: list[Fraction], capacity: Fraction) -> list[Fraction]:
    """As the definition says: give all unsatisfied an equal share, fix those below it, again."""
    got: dict[int, Fraction] = {}
    while len(got) < len(wanted):
        share = (capacity - sum(got.values())) / (len(wanted) - len(got))
        below = [which for which, want in enumerate(wanted) if which not in got and want <= share]
        for which in below:
            got[which] = wanted[which]
        if not below:
            got.update((which, share) for which in range(len(wanted)) if which not in got)
    return [got[which] for which in range(len(wanted))]


def step_by_step(
    actions: Sequence[Action], connections: int, priorities: Sequence[int], bandwidth: int, duplex: Fraction
) -> dict[int, tuple[int, int]]:
    things: dict[int, Thing] = {}
    recorded: set[int] = set()
    for place, before in enumerate(predecessors(actions)):
        what, number, *rest = actions[place]
        if what == "wait" and rest[0] not in recorded:
            continue
        if what == "record":
            recorded.add(rest[0])
        # The default stream is the first one.
        thing = Thing(place, actions[place], (number + 1) % connections, priorities[number])
        thing.before = [things[earlier] for earlier in before]
        things[place] = thing
    unstarted = list(things.values())
    running: list[Thing] = []
    now = 0

    def shares() -> dict[Thing, Fraction]:
        free = Fraction(1)
        granted: dict[Thing, Fraction] = {}
        for thing in running:
            if thing.action[0] == "kernel":
                granted[thing] = min(thing.demand, free)
                free -= granted[thing]
        granted[nobody] = free
        return granted

    nobody = Thing(-1, (), 0, 0)

    def startable() -> Thing | None:
        found: list[tuple[tuple[int, ...], Thing]] = []
        for queue in range(connections):
            thing = next((thing for thing in unstarted if thing.queue == queue), None)
            if thing is None or any(earlier.end < 0 for earlier in thing.before):
                continue
            thing.able_at = now if thing.able_at < 0 else thing.able_at
            what = thing.action[0]
            if what == "kernel":
                if shares()[nobody] > 0:
                    found.append(((2, thing.priority, thing.place), thing))
            elif what == "copy":
                if not any(other.action[0] == "copy" and other.action[3] == thing.action[3] for other in running):
                    found.append(((1, thing.able_at, thing.place), thing))
            else:
                found.append(((0, thing.place), thing))
        return min(found, key=lambda pair: pair[0])[1] if found else None

    def set_rates() -> None:
        granted = shares()
        both = len({thing.action[3] for thing in running if thing.action[0] == "copy"}) == 2
        wanted: list[Fraction] = []
        for thing in running:
            if thing.action[0] == "kernel":
                thing.rate = granted[thing] / thing.demand
                wanted.append(thing.rate * min(thing.action[4], bandwidth))
            else:
                thing.rate = duplex if both else Fraction(1)
                wanted.append(thing.rate * min(1, bandwidth))
        for thing, want, got in zip(running, wanted, fill(wanted, Fraction(bandwidth)), strict=True):
            if got < want:
                thing.rate *= got / want

    def finish() -> bool:
        some = False
        for thing in list(running):
            if not thing.in_tail and thing.tail and 2 * (thing.left - thing.tail) < thing.rate:
                thing.in_tail = some = True
            if (thing.in_tail or not thing.tail) and 2 * thing.left < thing.rate:
                thing.end = now
                running.remove(thing)
                some = True
        return some

    while unstarted or running:
        while True:
            while (thing := startable()) is not None:
                unstarted.remove(thing)
                thing.start = now
                thing.left = Fraction(thing.action[2]) if thing.action[0] in ("kernel", "copy") else Fraction(0)
                thing.in_tail = 0 < thing.tail == thing.left
                if thing.left:
                    running.append(thing)
                else:
                    thing.end = now
            set_rates()
            if not finish():
                break
        now += 1
        for thing in running:
            thing.left -= thing.rate
        finish()
    return {place: (thing.start, thing.end) for place, thing in things.items()}


@given(
    st.lists(st.one_of(kernels, copies, hand_overs), max_size=18),
    st.sampled_from([1, 2, 3, 32]),
    st.lists(st.integers(-1, 0), min_size=STREAMS, max_size=STREAMS),
    st.sampled_from([2, 5, 100]),
    st.sampled_from([Fraction(1), Fraction(1, 2)]),
)
@settings(max_examples=400)
def test_random_programs_against_a_simulator_that_goes_step_by_step(
    actions: list[Action], connections: int, priorities: list[int], bandwidth: int, duplex: Fraction
) -> None:
    gpu = device(connections=connections, hbm_bytes_per_s=bandwidth * BYTE, duplex_factor=float(duplex))
    ops = issue_all(gpu, actions, priorities)
    settle(gpu)
    found = {place: (op.start_ns, op.end_ns) for place, op in enumerate(ops) if op is not None}
    assert found == step_by_step(actions, connections, priorities, bandwidth, duplex)


# What must hold, whatever the costs.

costs = st.fixed_dictionaries(
    {
        "launch_ns": st.integers(5, 20),
        "launch_lock_ns": st.integers(0, 5),
        "copy_call_ns": st.integers(5, 20),
        "record_ns": st.integers(0, 3),
        "wait_ns": st.integers(0, 3),
        "sync_wake_ns": st.integers(0, 5),
        "launch_blocking": st.booleans(),
        "queue_depth": st.integers(1, 8),
        "gpu_start_ns": st.integers(0, 20),
        "gap_ns": st.integers(0, 5),
        "record_device_ns": st.integers(0, 3),
        "wait_device_ns": st.integers(0, 3),
        "graph_gap_ns": st.integers(0, 3),
        "connections": st.integers(1, 8),
        "hbm_bytes_per_s": st.sampled_from([3 * BYTE, 1000 * BYTE]),
        "h2d_engines": st.integers(1, 2),
        "h2d_latency_ns": st.integers(0, 5),
        "duplex_factor": st.sampled_from([0.7, 1.0]),
    }
).map(lambda terms: profile(**terms))
graphs = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(DEMANDS), st.sets(st.integers(1, 6), max_size=3)), max_size=6
).map(
    lambda nodes: Graph(
        [
            Node(Kernel("node", length, demand), tuple(place - back for back in sorted(backs) if back <= place))
            for place, (length, demand, backs) in enumerate(nodes)
        ]
    )
)
programs = st.lists(st.one_of(kernels, copies, hand_overs, st.tuples(st.just("graph"), numbers, graphs)), max_size=12)
KINDS = ("non-blocking", "blocking", "blocking", "per-thread")
Rates = list[tuple[int, dict[Op, int]]]


class Watched(Device):
    """Notes, when something is issued, what it must come after: its own reading of the rules."""

    def __init__(self, terms: DeviceProfile) -> None:
        self.rates: Rates = []
        super().__init__(Clock(), terms, lambda now, running: self.rates.append((now, running)))
        self.order: list[tuple[Op, list[Op]]] = []
        self.records: dict[Event, Op] = {}

    def launch(self, stream: Stream, kernel: Kernel) -> Op:
        return self.note(super().launch(stream, kernel))

    def copy(self, stream: Stream, direction: Direction, size: int, pinned: bool = True) -> Op:
        return self.note(super().copy(stream, direction, size, pinned))

    def graph(self, stream: Stream, graph: Graph) -> Op:
        op = self.note(super().graph(stream, graph))
        self.order[-1][1].extend(other for other, _ in self.order[:-1] if other.what is graph)
        return op

    def record(self, event: Event, stream: Stream) -> Op:
        self.records[event] = op = self.note(super().record(event, stream))
        return op

    def wait(self, stream: Stream, event: Event) -> Op | None:
        op = super().wait(stream, event)
        if event not in self.records:
            assert op is None
        else:
            assert op is not None
            self.note(op)
            self.order[-1][1].append(self.records[event])
        return op

    def note(self, op: Op) -> Op:
        kinds = {"legacy": ("blocking", "per-thread"), "non-blocking": ()}.get(op.stream.kind, ("legacy",))
        before = [other for other, _ in self.order if other.stream is op.stream or other.stream.kind in kinds]
        self.order.append((op, before))
        return op


def drive(terms: DeviceProfile, scripts: Sequence[list[Action]]) -> Watched:
    """Host threads follow the scripts, on shared streams of all kinds."""
    gpu = Watched(terms)
    ring = [gpu.default_stream] + [gpu.stream(kind) for kind in KINDS[: STREAMS - 1]]
    marks = [Event() for _ in range(EVENTS)]

    def body(host: Host, script: list[Action]) -> Steps[None]:
        for what, number, *rest in script:
            stream = ring[number]
            if what == "graph":
                yield from host.graph(stream, rest[0])
            elif what == "record":
                yield from host.record(marks[rest[0]], stream)
            elif what == "wait":
                yield from host.wait(stream, marks[rest[0]])
            elif what == "copy":
                yield from host.copy(stream, rest[1], rest[0])
            else:
                length, demand, speed, _ = rest
                yield from host.launch(stream, Kernel("k", length, demand, speed * length))
        yield from host.device_done()

    run_hosts(gpu, *[lambda host, script=script: body(host, script) for script in scripts])
    settle(gpu)
    return gpu


@given(costs, st.lists(programs, min_size=1, max_size=3))
@settings(max_examples=200)
def test_nothing_starts_before_what_it_comes_after(terms: DeviceProfile, scripts: list[list[Action]]) -> None:
    gpu = drive(terms, scripts)
    for op, before in gpu.order:
        assert op.issue_ns + terms.gpu_start_ns <= op.start_ns <= op.end_ns
        for other in before:
            gap_ns = terms.gap_ns if {op.kind, other.kind}.isdisjoint({"record", "wait"}) else 0
            assert other.end_ns + (gap_ns if other.stream is op.stream else 0) <= op.start_ns
        if isinstance(op.what, Graph):
            nodes = [node for node in gpu.ops if node.parent is op]
            assert len(nodes) == len(op.what.nodes)
            for node, given_node in zip(nodes, op.what.nodes, strict=True):
                for place in given_node.after:
                    assert nodes[place].end_ns + terms.graph_gap_ns <= node.start_ns
            assert op.end_ns == max((node.end_ns for node in nodes), default=op.start_ns)
    # Of operations that share a hardware queue, an earlier one starts earlier.
    for number in range(terms.connections):
        starts = [op.start_ns for op, _ in gpu.order if op.stream.number % terms.connections == number]
        assert starts == sorted(starts)
    moments = sorted({op.issue_ns for op in gpu.ops})
    launched = [op for op in gpu.ops if op.parent is None]
    assert all(sum(op.issue_ns <= now < op.end_ns for op in launched) <= terms.queue_depth for now in moments)


@given(costs, st.lists(programs, min_size=1, max_size=3))
@settings(max_examples=200)
def test_work_is_the_integral_of_rates_within_the_capacities(terms: DeviceProfile, scripts: list[list[Action]]) -> None:
    gpu = drive(terms, scripts)
    rates = gpu.rates
    done: dict[Op, int] = {}
    fastest: dict[Op, int] = {}
    for (now, running), (then, _) in pairwise(rates):
        for op, rate in running.items():
            assert 0 < rate <= ONE
            done[op] = done.get(op, 0) + rate * (then - now)
            fastest[op] = max(fastest.get(op, 0), rate)
        kernels_now = {op: rate for op, rate in running.items() if isinstance(op.what, Kernel)}
        # A rate is a granted part of a demand, or less where memory is short.
        assert sum(rate * op.what.shares for op, rate in kernels_now.items()) <= ONE * FULL
        moved = sum(rate * op.what.hbm_bytes / max(op.what.ns, 1) for op, rate in kernels_now.items())
        wide_enough = all(op.what.hbm_bytes * BYTE <= terms.hbm_bytes_per_s * op.what.ns for op in kernels_now)
        if wide_enough:
            moved += sum(rate for op, rate in running.items() if op.kind == "copy" and op not in latent(op, now, terms))
            assert moved <= terms.hbm_bytes_per_s / BYTE * ONE * (1 + 1e-9)
        for direction in ("h2d", "d2h"):
            copying = [op for op in running if op.kind == "copy" and op.what.direction == direction]
            assert len(copying) <= (terms.h2d_engines if direction == "h2d" else terms.d2h_engines)
    assert not rates or not rates[-1][1]
    for op in gpu.ops:
        if isinstance(op.what, Kernel):
            assert abs(done.get(op, 0) - op.what.ns * ONE) <= fastest.get(op, 0) // 2 + 1000


def latent(op: Op, now: int, terms: DeviceProfile) -> list[Op]:
    """The copy itself, while it is not yet on the link."""
    latency_ns = terms.h2d_latency_ns if op.what.direction == "h2d" else terms.d2h_latency_ns
    return [op] if now < op.start_ns + latency_ns else []


@given(costs, st.lists(programs, min_size=1, max_size=3))
@settings(max_examples=20)
def test_ten_runs_are_one(terms: DeviceProfile, scripts: list[list[Action]]) -> None:
    histories: list[list[tuple[Any, ...]]] = []
    for _ in range(10):
        ops = drive(terms, scripts).ops
        histories.append([(op.number, op.kind, op.stream.number, op.issue_ns, op.start_ns, op.end_ns) for op in ops])
    assert all(history == histories[0] for history in histories)


@given(
    costs,
    st.lists(st.one_of(kernels, copies), min_size=1, max_size=12),
    st.data(),
)
def test_a_shorter_kernel_on_the_only_stream_makes_nothing_later(
    terms: DeviceProfile, script: list[Action], data: st.DataObject
) -> None:
    script = [(what, 0, *rest) for what, _, *rest in script]
    which = data.draw(st.integers(0, len(script) - 1))
    what, number, length, *rest = script[which]
    shorter = [*script[:which], (what, number, length // 2, *rest), *script[which + 1 :]]
    before, after = (drive(terms, [one]).ops for one in (script, shorter))
    assert all(fast.end_ns <= slow.end_ns for slow, fast in zip(before, after, strict=True))


def test_a_shorter_kernel_may_make_others_later() -> None:
    """Graham's anomaly (1966), so one stream is all that monotonicity is claimed for.

    When the first takes 40, the last starts at 30 beside it, and the wide one shares the device with it. When it takes
    30, the wide one finds the whole device free, and the last waits for it.
    """
    ends: list[int] = []
    for length in (40, 30):
        gpu = device()
        a, b, c = streams(gpu, 3)
        gpu.launch(a, Kernel("first", length, 0.5))
        gpu.launch(b, Kernel("other", 30, 0.5))
        gpu.launch(a, Kernel("wide", 30))
        gpu.launch(c, Kernel("last", 40, 0.5))
        ends.append(settle(gpu))
    assert ends == [85, 100]

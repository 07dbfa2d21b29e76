"""Lock order on traces written down by hand: the four smallest programs, the rules of dependencies, what orders what.

The expected verdicts are the definition of a deadlock applied by hand; random traces are judged by search in
test_against_reorderings.py.
"""

from __future__ import annotations

import pytest

from weft.checkers.lock_order import LockOrder, find
from weft.simcore.std_format import loads
from weft.simcore.trace import NOTHING, Header, ObjectInfo, Op, ThreadInfo, TraceBuilder

CYCLE = """
    T0 fork T1
    T0 fork T2
    T1 acq A
    T1 acq B
    T1 rel B
    T1 rel A
    T2 acq B
    T2 acq A
    T2 rel A
    T2 rel B
"""
GATE = """
    T0 fork T1
    T0 fork T2
    T1 acq G
    T1 acq A
    T1 acq B
    T1 rel B
    T1 rel A
    T1 rel G
    T2 acq G
    T2 acq B
    T2 acq A
    T2 rel A
    T2 rel B
    T2 rel G
"""
SAME_THREAD = """
    T0 fork T1
    T0 acq A
    T0 acq B
    T0 rel B
    T0 rel A
    T0 acq B
    T0 acq A
    T0 rel A
    T0 rel B
    T1 acq A
    T1 rel A
"""
JOIN_ORDERED = """
    T0 fork T1
    T1 acq A
    T1 acq B
    T1 rel B
    T1 rel A
    T0 join T1
    T0 fork T2
    T2 acq B
    T2 acq A
    T2 rel A
    T2 rel B
    T0 join T2
"""


def std(text: str) -> LockOrder:
    rows = [line.split() for line in text.strip().splitlines()]
    return find(loads("".join(f"{row[0]}|{row[1]}({row[2]})|{n}\n" for n, row in enumerate(rows, 1))))


def waits(order: LockOrder) -> list[dict[str, str]]:
    return [
        {state.name: state.waits.object for state in finding.threads if state.waits is not None}
        for finding in order.findings
    ]


@pytest.mark.parametrize(
    ("text", "found", "rejected"),
    [
        (CYCLE, [{"T1": "B", "T2": "A"}], {}),
        (GATE, [], {"gate": 1}),
        (SAME_THREAD, [], {"same thread": 1}),
        (JOIN_ORDERED, [], {"order": 1}),
    ],
    ids=["cycle", "gate", "same thread", "join-ordered"],
)
def test_the_four_variants(text: str, found: list[dict[str, str]], rejected: dict[str, int]) -> None:
    order = std(text)
    assert waits(order) == found
    assert order.rejected == rejected


def test_the_witness_is_told_as_steps() -> None:
    (finding,) = std(CYCLE).findings
    assert finding.rule == "D002"
    assert finding.certainty == "predicted"
    assert [(step.thread, step.operation, step.object, step.outcome) for step in finding.steps] == [
        ("T0", "start", "T1", ""),
        ("T0", "start", "T2", ""),
        ("T1", "acquire", "A", ""),
        ("T2", "acquire", "B", ""),
        ("T1", "acquire", "B", "blocked"),
        ("T2", "acquire", "A", "blocked"),
    ]
    assert [(state.name, state.holds[0].object, state.holds[0].at) for state in finding.threads] == [
        ("T1", "A", "trace.std:3"),
        ("T2", "B", "trace.std:7"),
    ]


def test_a_join_inside_a_lock_closes_a_ring_of_three() -> None:
    """The main thread holds L1 and joins T1, which wants L2; T2 holds L2 and wants L1. No lock set of one thread
    alone shows it, since T1 holds nothing."""
    order = std("""
        T0 fork T1
        T0 fork T2
        T1 acq L2
        T1 rel L2
        T2 acq L2
        T2 acq L1
        T2 rel L1
        T2 rel L2
        T0 acq L1
        T0 join T1
        T0 rel L1
    """)
    assert waits(order) == [{"T0": "T1", "T1": "L2", "T2": "L1"}]
    assert "join" in order.findings[0].suggestion


def test_a_thread_joined_under_the_lock_it_takes() -> None:
    order = std("""
        T0 fork T1
        T1 acq L
        T1 rel L
        T0 acq L
        T0 join T1
        T0 rel L
    """)
    assert waits(order) == [{"T0": "T1", "T1": "L"}]


def test_a_join_before_the_lock_is_no_ring() -> None:
    order = std("""
        T0 fork T1
        T1 acq L
        T1 rel L
        T0 join T1
        T0 acq L
        T0 rel L
    """)
    assert not order.findings


def test_releases_out_of_order_drop_only_their_own_lock() -> None:
    """sanitizers #814: A, B taken, A released, C taken: C was taken under B, not under A."""
    order = std("""
        T1 acq A
        T1 acq B
        T1 rel A
        T1 acq C
        T1 rel C
        T1 rel B
        T2 acq C
        T2 acq A
        T2 rel A
        T2 rel C
    """)
    assert not order.findings
    assert {(edge.held, edge.wanted) for edge in order.edges} == {("A", "B"), ("B", "C"), ("C", "A")}
    assert order.rejected == {"same thread": 1}, "the ring A, B, C needs T1 twice"


def test_a_lock_released_by_another_thread_is_a_signal() -> None:
    """Sulzmann's hand-over: T3 may release A for T2, so the crossed order of A and B need not be stuck."""
    order = std("""
        T1 acq A
        T1 acq B
        T1 rel B
        T1 rel A
        T2 acq B
        T2 acq A
        T3 rel A
        T2 rel B
    """)
    assert not order.findings
    assert any("A" in limit and "signals" in limit for limit in order.limits)


def test_re_entry_is_no_second_acquire() -> None:
    order = std("""
        T1 acq A
        T1 acq B
        T1 acq A
        T1 rel A
        T1 rel B
        T1 rel A
        T2 acq A
        T2 acq B
        T2 rel B
        T2 rel A
    """)
    assert not order.findings
    assert not order.rejected


def test_a_value_read_under_the_locks_orders_them() -> None:
    """T2 reads what T1 wrote before it let go: T2 cannot be at its inner acquire while T1 is at its own."""
    lines = """
        T1 acq A
        T1 acq B
        T1 w x
        T1 rel B
        T1 rel A
        T2 r x
        T2 acq B
        T2 acq A
        T2 rel A
        T2 rel B
    """
    assert std(lines).rejected == {"order": 1}
    assert len(std(lines.replace("r x", "r y")).findings) == 1


def test_a_section_that_has_to_be_over_first() -> None:
    """T2 reads what T1 wrote under M before it takes A and B. Reaching that read needs T1's first section of A to be
    over, not its second one: the second is what deadlocks."""
    order = std("""
        T1 acq A
        T1 w x
        T1 rel A
        T1 acq A
        T1 acq B
        T1 rel B
        T1 rel A
        T2 r x
        T2 acq B
        T2 acq A
        T2 rel A
        T2 rel B
    """)
    assert waits(order) == [{"T1": "B", "T2": "A"}]


def test_a_trace_that_ends_in_the_deadlock_predicts_it() -> None:
    order = std("""
        T1 acq A
        T2 acq B
        T1 req B
        T2 req A
    """)
    assert waits(order) == [{"T1": "B", "T2": "A"}]


def crossed(order: str) -> str:
    """Every lock is taken under the one before it, in a ring, each by a thread of its own and one after the other."""
    rows = [
        f"T{n}|{op}({lock})|{n}\n"
        for n, (first, second) in enumerate(zip(order, order[1:] + order[0], strict=True))
        for op, lock in (("acq", first), ("acq", second), ("rel", second), ("rel", first))
    ]
    return "".join(rows)


@pytest.mark.parametrize("length_max", [None, 8])
def test_a_ring_of_eight_is_predicted_and_nothing_was_left_out(length_max: int | None) -> None:
    order = find(loads(crossed("ABCDEFGH")), length_max=length_max)
    assert waits(order) == [{f"T{n}": "ABCDEFGH"[(n + 1) % 8] for n in range(8)}]
    assert order.limits == []


def test_cycles_longer_than_the_bound_are_not_searched_and_it_is_said() -> None:
    order = find(loads(crossed("ABCDE")), length_max=4)
    assert not order.findings
    assert order.limits == ["cycles of more than 4 locks were not all searched"]


def test_a_long_cycle_around_a_predicted_one_is_not_reported_as_well() -> None:
    rows = "".join(f"{row}\n" for row in ("T9|acq(C)|9", "T9|acq(A)|9", "T9|rel(A)|9", "T9|rel(C)|9"))
    assert [set(one) for one in waits(find(loads(crossed("ABCDE") + rows)))] == [{"T0", "T1", "T9"}]


# What the STD format has no words for.


class Log:
    """Builds a trace of two threads by hand."""

    def __init__(self, **kinds: str) -> None:
        self.builder = TraceBuilder(Header("test", "explored"))
        tables = self.builder.tables
        tables.threads += [ThreadInfo(f"T{n}") for n in range(3)]
        self.place = {name: index for index, name in enumerate(kinds)}
        for kind in kinds.values():
            kind, _, rest = kind.partition(" ")
            part_of = self.place.get(rest, NOTHING)
            capacity = int(rest) if rest.isdigit() else 0
            tables.objects.append(ObjectInfo(kind, "", capacity=capacity, part_of=part_of))
        tables.objects[:] = [
            ObjectInfo(row.kind, name, capacity=row.capacity, part_of=row.part_of)
            for name, row in zip(kinds, tables.objects, strict=True)
        ]

    def __call__(self, thread: int, op: Op, name: str, **extra: object) -> Log:
        outcome = extra.pop("outcome", 0)
        assert isinstance(outcome, int)
        self.builder.add(thread, op, self.place[name], outcome=outcome, extra=extra or None)
        return self

    def nested(self, thread: int, outer: str, inner: str, **extra: object) -> Log:
        self(thread, Op.ACQUIRE, outer)(thread, Op.ACQUIRE, inner, **extra)
        return self(thread, Op.RELEASE, inner)(thread, Op.RELEASE, outer)

    def find(self) -> LockOrder:
        return find(self.builder.build())


def test_a_try_cannot_wait_but_what_it_took_is_held() -> None:
    tried = Log(A="Lock", B="Lock").nested(1, "A", "B", blocking="try").nested(2, "B", "A")
    assert not tried.find().findings
    assert not tried.find().rejected
    guard = Log(A="Lock", B="Lock")
    guard(1, Op.ACQUIRE, "A", blocking="try")(1, Op.ACQUIRE, "B")(1, Op.RELEASE, "B")(1, Op.RELEASE, "A")
    assert len(guard.nested(2, "B", "A").find().findings) == 1


def test_a_timed_acquire_ends_by_itself() -> None:
    order = Log(A="Lock", B="Lock").nested(1, "A", "B", blocking="timed").nested(2, "B", "A").find()
    assert order.rejected == {"timed": 1}


def test_a_failed_acquire_is_nothing_but_saw_the_holder() -> None:
    log = Log(A="Lock", B="Lock")
    log(1, Op.ACQUIRE, "A")(2, Op.ACQUIRE_FAILED, "A")(1, Op.ACQUIRE, "B")(1, Op.RELEASE, "B")(1, Op.RELEASE, "A")
    assert len(log.nested(2, "B", "A").find().findings) == 1
    assert (
        not Log(A="Lock", B="Lock")(1, Op.ACQUIRE, "A")(1, Op.ACQUIRE_FAILED, "B").nested(2, "B", "A").find().edges[1:]
    )


@pytest.mark.parametrize(("modes", "found"), [(("shared", "shared"), 0), (("shared", ""), 1), (("", "shared"), 1)])
def test_readers_do_not_wait_for_readers(modes: tuple[str, str], found: int) -> None:
    log = Log(A="RWLock", B="Lock")
    held, wanted = ({"mode": mode} if mode else {} for mode in modes)
    log(1, Op.ACQUIRE, "A", **held)(1, Op.ACQUIRE, "B")(1, Op.RELEASE, "B")(1, Op.RELEASE, "A")
    log(2, Op.ACQUIRE, "B")(2, Op.ACQUIRE, "A", **wanted)(2, Op.RELEASE, "A")(2, Op.RELEASE, "B")
    order = log.find()
    assert len(order.findings) == found
    assert order.rejected == ({} if found else {"readers": 1})


def test_a_gate_that_both_only_read_keeps_nobody_out() -> None:
    log = Log(G="RWLock", A="Lock", B="Lock")
    for thread, outer, inner in ((1, "A", "B"), (2, "B", "A")):
        log(thread, Op.ACQUIRE, "G", mode="shared").nested(thread, outer, inner)(thread, Op.RELEASE, "G")
    assert len(log.find().findings) == 1


def test_waiting_on_a_condition_releases_its_lock_and_takes_it_back() -> None:
    """T1 holds A and waits: taking the lock back is an acquire under A."""
    log = Log(A="Lock", M="Lock", C="Condition M")
    log(1, Op.ACQUIRE, "A")(1, Op.ACQUIRE, "M")(1, Op.WAIT, "C")
    log(2, Op.ACQUIRE, "M")(2, Op.NOTIFY, "C", outcome=1)(2, Op.RELEASE, "M")
    log(1, Op.WAKE, "C")(1, Op.ACQUIRE, "M")(1, Op.RELEASE, "M")(1, Op.RELEASE, "A")
    log.nested(2, "M", "A")
    order = log.find()
    (finding,) = order.findings
    assert [state.holds[0].object for state in finding.threads] == ["A", "M"]
    inner = Log(A="Lock", M="Lock", C="Condition M")
    inner(1, Op.ACQUIRE, "M")(1, Op.WAIT, "C")(1, Op.ACQUIRE, "A")(1, Op.RELEASE, "A")
    assert not inner.find().edges, "while it waits it does not hold M"


def test_a_wake_up_orders_what_comes_before_the_notify() -> None:
    """T2 can take the locks only after it was woken by T1, which has been through both by then."""
    log = Log(A="Lock", B="Lock", M="Lock", C="Condition M")
    log(2, Op.ACQUIRE, "M")(2, Op.WAIT, "C").nested(1, "A", "B")
    log(1, Op.ACQUIRE, "M")(1, Op.NOTIFY, "C", outcome=1)(1, Op.RELEASE, "M")
    log(2, Op.WAKE, "C")(2, Op.ACQUIRE, "M")(2, Op.RELEASE, "M").nested(2, "B", "A")
    assert log.find().rejected == {"order": 1}


@pytest.mark.parametrize(
    ("kind", "give", "take"),
    [
        ("Event", Op.SET, Op.WAIT),
        ("Event", Op.SET, Op.ATOMIC),
        ("Queue", Op.PUT, Op.GET),
        ("Semaphore 0", Op.RELEASE, Op.ACQUIRE),
        ("Future", Op.SET, Op.RESULT),
        ("Barrier", Op.ARRIVE, Op.DEPART),
        ("Variable", Op.WRITE, Op.READ),
        ("Variable", Op.WRITE, Op.ATOMIC),
        ("Container", Op.ATOMIC, Op.ATOMIC),
        ("Container", Op.WRITE, Op.READ),
    ],
)
def test_a_hand_over_orders_the_sections(kind: str, give: Op, take: Op) -> None:
    ordered = Log(A="Lock", B="Lock", X=kind).nested(1, "A", "B")(1, give, "X")(2, take, "X").nested(2, "B", "A")
    assert ordered.find().rejected == {"order": 1}
    free = Log(A="Lock", B="Lock", X=kind)(1, give, "X").nested(1, "A", "B")(2, take, "X").nested(2, "B", "A")
    assert len(free.find().findings) == 1


def test_a_semaphore_of_one_is_a_mutex_and_of_two_a_pool() -> None:
    assert len(Log(A="Semaphore 1", B="Lock").nested(1, "A", "B").nested(2, "B", "A").find().findings) == 1
    pool = Log(A="Semaphore 2", B="Lock").nested(1, "A", "B").nested(2, "B", "A").find()
    assert not pool.findings
    assert any("pools of permits" in limit and "A" in limit for limit in pool.limits)


def test_the_permit_a_thread_took_came_from_whoever_gave_it() -> None:
    """The first permit was there from the start, the second T1 gave after its locks: only whoever took that is ordered."""
    log = Log(A="Lock", B="Lock", S="Semaphore 1")
    log(0, Op.ACQUIRE, "S").nested(1, "A", "B")(1, Op.RELEASE, "S")(2, Op.ACQUIRE, "S").nested(2, "B", "A")
    assert log.find().rejected == {"order": 1}


def test_a_result_awaited_under_the_lock_of_the_task() -> None:
    log = Log(L="Lock", P="ThreadPoolExecutor 1", F="Future P")
    log(0, Op.SUBMIT, "P")(1, Op.RUN, "F")(1, Op.ACQUIRE, "L")(1, Op.RELEASE, "L")(1, Op.SET, "F")
    log(0, Op.ACQUIRE, "L")(0, Op.RESULT, "F")(0, Op.RELEASE, "L")
    (finding,) = log.find().findings
    assert {state.name: state.waits.operation for state in finding.threads if state.waits} == {
        "T0": "Future.result",
        "T1": "acquire",
    }


def test_nothing_comes_of_an_empty_trace() -> None:
    order = find(TraceBuilder(Header("test", "real")).build())
    assert (order.findings, order.rejected, order.edges, order.locks) == ([], {}, [], [])

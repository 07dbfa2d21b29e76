"""What is reported of races: which are lost updates, which are notes, and every word a reader relies on."""

from __future__ import annotations

import pytest

from weft.checkers.race.findings import find
from weft.checkers.race.races import Severity, races
from weft.simcore.std_format import loads
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder

from .conftest import trace_of


def named(
    rows: list[tuple[str, Op, str, int, str]], *, extras: dict[int, dict[str, bool]] | None = None, **header: str
) -> Trace:
    """Rows of thread, operation, object, line and function; ``extras`` by row number."""
    builder = TraceBuilder(Header("test", **{"world": "explored", **header}))
    threads: list[str] = []
    objects: list[str] = []
    for number, (thread, operation, target, line, function) in enumerate(rows):
        if thread not in threads:
            threads.append(thread)
            builder.tables.threads.append(ThreadInfo(thread))
        if target not in objects:
            objects.append(target)
            kind = "Lock" if operation in (Op.ACQUIRE, Op.RELEASE) else "Variable"
            builder.tables.objects.append(ObjectInfo(kind, target))
        builder.add(
            threads.index(thread),
            operation,
            objects.index(target),
            builder.tables.location("shop.py", line, function),
            extra=(extras or {}).get(number),
        )
    return builder.build()


PAIR = {"pair": True}
BLIND = {"blind": True}
INCREMENT = [
    ("one", Op.READ, "counter.value", 7, "add"),
    ("two", Op.READ, "counter.value", 7, "add"),
    ("two", Op.WRITE, "counter.value", 7, "add"),
    ("one", Op.WRITE, "counter.value", 7, "add"),
]


def test_an_update_that_was_lost_is_confirmed() -> None:
    (finding,), notes = find(named(INCREMENT, extras={2: PAIR, 3: PAIR}))
    assert (finding.rule, finding.kind, finding.certainty) == ("R002", "lost-update", "confirmed")
    assert (
        finding.message == "one's update of counter.value at shop.py:7 overwrites the value that two wrote at shop.py:7"
    )
    assert finding.why == (
        "one reads counter.value at shop.py:7 and writes it; two wrote in between. "
        "No lock is held at either place, and nothing orders them."
    )
    assert finding.suggestion.startswith("Hold one lock from the read to the write, in both threads")
    assert [(step.step, step.thread, step.operation) for step in finding.steps] == [
        (1, "one", "read"),
        (3, "two", "write"),
        (4, "one", "write"),
    ]
    assert finding.switches == 2
    assert [related.stack for related in finding.related] == [["shop.py:7 in add"]] * 2
    assert notes == []


def test_an_update_that_went_well_may_be_lost_another_time() -> None:
    """The two increments one after the other: nothing was lost in this run."""
    one, two_read, two_write, one_write = INCREMENT
    (finding,), _ = find(named([one, one_write, two_read, two_write], extras={1: PAIR, 3: PAIR}))
    assert (finding.rule, finding.certainty) == ("R002", "predicted")
    assert "can overwrite" in finding.message
    assert "may write in between" in finding.why


def test_stamps_of_the_real_world_confirm_nothing() -> None:
    trace = named(INCREMENT, extras={2: PAIR, 3: PAIR}, world="real")
    stamped = Trace(trace.header, trace.tables, rows=[(*row[:-1], number) for number, row in enumerate(trace.rows())])
    (finding,), _ = find(stamped)
    assert (finding.rule, finding.certainty) == ("R002", "predicted")


def test_a_check_and_an_act_in_one_function_is_an_update_unless_it_writes_a_constant() -> None:
    (finding,), _ = find(named(INCREMENT))
    assert finding.certainty == "observed"
    assert "(if what it writes rests on what it read)" in finding.why
    findings, notes = find(named(INCREMENT, extras={2: BLIND, 3: BLIND}))
    assert findings == []
    assert notes == [
        "counter.value: two writes at shop.py:7 and one writes at shop.py:7, unordered; one step each while the GIL is held"
    ]


def test_a_read_elsewhere_is_no_half_of_an_update() -> None:
    rows = [
        ("one", Op.READ, "flag", 3, "look"),
        ("two", Op.WRITE, "flag", 9, "stop"),
        ("one", Op.WRITE, "flag", 9, "stop"),
    ]
    assert find(named(rows))[0] == []
    assert [finding.rule for finding in find(named(rows), strict=True)[0]] == ["R001"]


def test_locks_around_all_three_leave_nothing_to_report() -> None:
    """Read and write in two critical sections with a foreign one between: no race (it is R003's affair)."""
    rows: list[tuple[str, Op, str, int, str]] = []
    for access in (INCREMENT[0], INCREMENT[2], INCREMENT[3]):
        lock = (access[0], Op.ACQUIRE, "lock", 1, "add"), (access[0], Op.RELEASE, "lock", 2, "add")
        rows += [lock[0], access, lock[1]]
    assert find(named(rows), strict=True) == ([], [])


def test_the_locks_of_each_side_are_named() -> None:
    def locked(thread: str, lock: str) -> list[tuple[str, Op, str, int, str]]:
        return [
            (thread, Op.ACQUIRE, lock, 4, "put"),
            (thread, Op.WRITE, "stock", 5, "put"),
            (thread, Op.RELEASE, lock, 6, "put"),
        ]

    (finding,), _ = find(named([*locked("one", "a"), *locked("two", "b")]), strict=True)
    assert finding.message == "one writes stock at shop.py:5 and two writes it at shop.py:5, and nothing orders the two"
    assert finding.why.startswith("one holds a, two holds b: no common lock, and nothing orders them.")
    assert [[hold.object for hold in thread.holds] for thread in finding.threads] == [["a"], ["b"]]
    assert finding.suggestion.startswith("Hold a around both accesses, in both threads")
    mixed = [*locked("one", "a"), ("two", Op.WRITE, "stock", 9, "reset")]
    (finding,), _ = find(named(mixed), strict=True)
    assert finding.why.startswith("Only one holds a: no common lock")


def test_a_wait_gives_the_lock_up_for_what_others_hold() -> None:
    builder = TraceBuilder(Header("test", "explored"))
    builder.tables.threads += [ThreadInfo("one"), ThreadInfo("two")]
    builder.tables.objects += [
        ObjectInfo("Lock", "lock"),
        ObjectInfo("Condition", "ready", part_of=0),
        ObjectInfo("Variable", "x"),
    ]
    for thread, operation, target in ((0, Op.ACQUIRE, 0), (0, Op.WAIT, 1), (0, Op.WRITE, 2), (1, Op.WRITE, 2)):
        builder.add(thread, operation, target)
    (finding,), _ = find(builder.build(), strict=True)
    assert finding.why.startswith("No lock is held at either place")


def test_a_flag_that_shows_other_data_matters_without_the_gil() -> None:
    trace = trace_of("1 w data; 1 w flag; 2 r flag; 2 r data")
    (race,) = races(trace)
    assert race.severity is Severity.ORDERING
    assert [trace.object_name(target) for target in race.publishes] == ["data"]
    (finding,), _ = find(trace, strict=True)
    assert "makes data visible to the other thread: without the GIL" in finding.why
    assert find(trace)[1] == [
        "flag: T1 writes at prog.py:2 and T2 reads at prog.py:3, unordered; "
        "one step each while the GIL is held; without it data may show an old value"
    ]


def test_races_between_the_same_places_are_one_finding() -> None:
    rows = [
        (thread, Op.WRITE, f"accounts[{number}].cents", 5, "deposit")
        for number in range(5)
        for thread in ("one", "two")
    ]
    (finding,), _ = find(named(rows), strict=True)
    assert finding.seen == 5
    assert finding.why.endswith(
        "The same at the same places: accounts[1].cents, accounts[2].cents, accounts[3].cents and 1 more."
    )


def test_many_races_on_one_variable_are_one_finding_with_the_closest_pair() -> None:
    rows = [(f"t{number}", Op.WRITE, "x", 10 + number, "f") for number in range(8)]
    (finding,), _ = find(named(rows), strict=True)
    assert finding.seen == 7
    assert finding.steps[1].step - finding.steps[0].step == 1


def test_the_worst_comes_first_and_the_fingerprint_survives_moved_lines() -> None:
    benign = [("one", Op.WRITE, "flag", 1, "stop"), ("two", Op.READ, "flag", 2, "look")]
    findings, _ = find(named([*benign, *INCREMENT], extras={4: PAIR, 5: PAIR}), strict=True)
    assert [finding.rule for finding in findings] == ["R002", "R001"]
    moved = [
        (thread, operation, target, line + 10, function) for thread, operation, target, line, function in INCREMENT
    ]
    (again,), _ = find(named(moved, extras={2: PAIR, 3: PAIR}))
    assert again.fingerprint == findings[0].fingerprint


STD = """
main|fork(one)|1
main|fork(two)|2
one|r(x)|10
one|w(x)|11
two|acq(l)|20
two|r(x)|21
two|w(x)|22
two|rel(l)|23
main|join(one)|3
main|join(two)|4
main|r(x)|5
"""


@pytest.mark.parametrize("lock", [False, True])
def test_std_traces(lock: bool) -> None:
    text = STD
    if lock:
        text = text.replace("one|r(x)|10", "one|acq(l)|9\none|r(x)|10").replace(
            "one|w(x)|11", "one|w(x)|11\none|rel(l)|12"
        )
    findings, notes = find(loads(text), strict=True)
    assert notes == []
    assert [finding.rule for finding in findings] == ([] if lock else ["R002"])
    if findings:
        assert findings[0].why.endswith("Only two holds l: no common lock, and nothing orders them.")


def test_nothing_to_say_of_an_empty_trace() -> None:
    assert find(trace_of([]), strict=True) == ([], [])

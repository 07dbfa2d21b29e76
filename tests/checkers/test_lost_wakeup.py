"""D004: signals that came too early or went to the wrong waiter, in explored programs; their near twins are not it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from weft.checkers import deadlock, lost_wakeup
from weft.checkers.finding import Finding
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder

Findings = Callable[..., list[Finding]]

START = """\
import threading


def go(**works):
    threads = [threading.Thread(target=work, name=name) for name, work in works.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


changed = threading.Condition()
ready = False


"""
"""Fifteen lines before the program of a test."""

UNTESTED = """\
def consume():
    with changed:
        changed.wait()


def produce():
    with changed:
        changed.notify()


go(consumer=consume, producer=produce)
"""

TESTED_OUTSIDE = """\
def consume():
    while not ready:
        with changed:
            changed.wait()


def produce():
    global ready
    ready = True
    with changed:
        changed.notify()


go(consumer=consume, producer=produce)
"""

TESTED_UNDER_THE_LOCK = """\
def consume():
    with changed:
        while not ready:
            changed.wait()


def produce():
    global ready
    with changed:
        ready = True
        changed.notify()


go(consumer=consume, producer=produce)
"""

CLEARED = """\
woken = threading.Event()


def consume():
    woken.wait()


def produce():
    woken.set()
    woken.clear()


go(consumer=consume, producer=produce)
"""

NOT_CLEARED = CLEARED.replace("    woken.clear()\n", "")

ONE_CONDITION_FOR_BOTH = """\
items = []


def put(item):
    with changed:
        while items:
            changed.wait()
        items.append(item)
        changed.notify()


def get():
    with changed:
        while not items:
            changed.wait()
        items.pop()
        changed.notify()


go(a=get, b=get, c=lambda: put(1), d=lambda: put(2))
"""

ALL_NOTIFIED = ONE_CONDITION_FOR_BOTH.replace("notify()", "notify_all()")

NEVER_NOTIFIED = """\
def consume():
    with changed:
        while not ready:
            changed.wait()


go(consumer=consume)
"""

TAKEN_AND_WAITED_AGAIN = """\
items = []


def consume():
    for _ in range(2):
        with changed:
            while not items:
                changed.wait()
            items.pop()


def produce():
    with changed:
        items.append(1)
        changed.notify()


go(consumer=consume, producer=produce)
"""
"""The second item is never produced: nobody notifies, and no signal was lost."""


@pytest.mark.parametrize("body", [UNTESTED, TESTED_OUTSIDE], ids=["untested", "tested outside the lock"])
def test_a_notify_before_the_wait_is_lost(findings_in: Findings, body: str) -> None:
    (finding,) = findings_in(START + body)
    assert (finding.rule, finding.kind, finding.certainty) == ("D004", "lost-wakeup", "confirmed")
    lines = (START + body).split("\n")
    notify = next(number for number, line in enumerate(lines, 1) if "changed.notify" in line)
    wait = next(number for number, line in enumerate(lines, 1) if "changed.wait" in line)
    assert finding.message == (
        f"the notify of changed at prog.py:{notify} came before consumer's wait at prog.py:{wait}"
    )
    assert [thread.name for thread in finding.threads][:2] == ["consumer", "producer"]
    rows = [(row.thread, row.operation, row.outcome) for row in finding.steps]
    signal = rows.index(("producer", "notify", ""))
    assert rows[signal:].index(("consumer", "wait", "")) < rows[signal:].index(
        ("consumer", "Condition.wait", "blocked")
    )
    assert "loop" in finding.suggestion


@pytest.mark.parametrize(
    "body", [TESTED_UNDER_THE_LOCK, NOT_CLEARED, ALL_NOTIFIED], ids=["tested", "not cleared", "all notified"]
)
def test_the_clean_twins_are_clean(findings_in: Findings, body: str) -> None:
    assert findings_in(START + body, max_executions=3_000) == []


def test_a_flag_cleared_before_anybody_looked(findings_in: Findings) -> None:
    (finding,) = findings_in(START + CLEARED)
    assert finding.rule == "D004"
    assert finding.message == (
        "the set of woken at prog.py:24 was cleared at prog.py:25 before consumer's wait at prog.py:20"
    )


def test_a_notify_that_woke_a_waiter_of_the_other_kind(findings_in: Findings) -> None:
    found = findings_in(START + ONE_CONDITION_FOR_BOTH, max_executions=3_000)
    assert {finding.rule for finding in found} == {"D004"}
    assert all("woke" in finding.message and "notify_all" in finding.suggestion for finding in found)


@pytest.mark.parametrize("body", [NEVER_NOTIFIED, TAKEN_AND_WAITED_AGAIN], ids=["never", "once too few"])
def test_a_signal_that_never_came_is_not_lost(findings_in: Findings, body: str) -> None:
    found = findings_in(START + body)
    assert {finding.rule for finding in found} == {"D003"}


def test_the_reason_of_a_wait_without_end_names_who_did_it_last(findings_in: Findings) -> None:
    for finding in findings_in(START + TAKEN_AND_WAITED_AGAIN):
        assert "producer last notified it at prog.py:30 and has ended." in finding.why
    (finding,) = findings_in(START + NEVER_NOTIFIED)
    assert "Nobody ever notifies it." in finding.why


# With accesses to variables, by hand.


def flag_changed(*steps: tuple[int, Op, int]) -> Trace:
    """A consumer reads ``ready`` and waits; then what ``steps`` say happens."""
    builder = TraceBuilder(Header("hand.py", "explored"))
    builder.tables.threads += [ThreadInfo("consumer"), ThreadInfo("producer", 0)]
    builder.tables.objects += [
        ObjectInfo("RLock", "lock"),
        ObjectInfo("Condition", "changed", part_of=0),
        ObjectInfo("Variable", "ready"),
        ObjectInfo("Variable", "other"),
    ]
    waits = [(0, Op.ACQUIRE, 0), (0, Op.READ, 2), (0, Op.WAIT, 1)]
    for line, (thread, operation, target) in enumerate([*waits, *steps, (0, Op.REQUEST, 1)], 1):
        extra = {"operation": "Condition.wait"} if operation is Op.REQUEST else None
        place = builder.tables.location("hand.py", line, "f")
        builder.add(thread, operation, target, place, outcome=int(operation is Op.NOTIFY), extra=extra)
    return builder.build()


def test_a_change_after_the_notify_is_a_lost_signal() -> None:
    """The consumer was woken, looked and waited again; only then the flag went up."""
    again = [(0, Op.WAKE, 1), (0, Op.ACQUIRE, 0), (0, Op.READ, 2), (0, Op.WAIT, 1)]
    trace = flag_changed((1, Op.ACQUIRE, 0), (1, Op.NOTIFY, 1), (1, Op.RELEASE, 0), *again, (1, Op.WRITE, 2))
    (finding,) = deadlock.find(trace)
    assert finding.rule == "D004"
    assert finding.message == (
        "the notify of changed at hand.py:5 came before ready was changed at hand.py:11: consumer waits at hand.py:12"
    )


def test_a_change_without_a_notify_is_named() -> None:
    (finding,) = deadlock.find(flag_changed((1, Op.WRITE, 2), (1, Op.END, 2)))
    assert finding.rule == "D003"
    assert "producer changed ready at hand.py:4 while it waited, without a notify." in finding.why


@pytest.mark.parametrize(
    "steps",
    [
        [(1, Op.WRITE, 3)],
        [(0, Op.WRITE, 2)],
        [(1, Op.WRITE, 2), (1, Op.NOTIFY, 1), (0, Op.WAKE, 1), (0, Op.ACQUIRE, 0), (0, Op.READ, 2), (0, Op.WAIT, 1)],
    ],
    ids=["another variable", "its own write", "announced"],
)
def test_a_change_that_was_announced_or_not_tested_is_no_cause(steps: list[tuple[int, Op, int]]) -> None:
    trace = flag_changed(*steps)
    (finding,) = deadlock.find(trace)
    assert finding.rule == "D003"
    assert "without a notify" not in finding.why


def test_looking_for_lost_signals_alone() -> None:
    assert lost_wakeup.find(flag_changed()) == []


@pytest.mark.parametrize(("woken", "rule"), [([], "D004"), ([2], "D003")])
def test_a_trace_of_real_threads_says_who_was_woken(woken: list[int], rule: str) -> None:
    """With two waiters at one place the notify chose the other, or found nobody before both came."""
    builder = TraceBuilder(Header("hand.py", "real"))
    builder.tables.threads += [ThreadInfo("consumer"), ThreadInfo("producer", 0), ThreadInfo("second", 0)]
    builder.tables.objects += [ObjectInfo("RLock", "lock"), ObjectInfo("Condition", "changed", part_of=0)]
    place = builder.tables.location("/nowhere/hand.py", 7, "f")
    notify = [(1, Op.ACQUIRE, 0), (1, Op.NOTIFY, 1), (1, Op.RELEASE, 0), (1, Op.END, -1)]
    wait = [(0, Op.ACQUIRE, 0), (0, Op.WAIT, 1)]
    second = [(2, Op.ACQUIRE, 0), (2, Op.WAIT, 1)]
    steps = (
        [*second, *notify, (2, Op.WAKE, 1), (2, Op.ACQUIRE, 0), (2, Op.RELEASE, 0), *wait]
        if woken
        else [*notify, *wait]
    )
    for thread, operation, target in steps:
        extra = {"woken": woken} if operation is Op.NOTIFY else None
        builder.add(thread, operation, target, place, extra=extra)
    builder.add(0, Op.REQUEST, 1, place, extra={"operation": "Condition.wait"})
    (finding,) = deadlock.find(builder.build())
    assert finding.rule == rule


@pytest.mark.parametrize(("answer", "rule"), [(0, "D004"), (1, "D003")])
def test_a_flag_that_was_seen_up_is_not_lost(answer: int, rule: str) -> None:
    builder = TraceBuilder(Header("hand.py", "explored"))
    builder.tables.threads += [ThreadInfo("consumer"), ThreadInfo("producer", 0)]
    builder.tables.objects.append(ObjectInfo("Event", "go"))
    place = builder.tables.location("hand.py", 1, "f")
    builder.add(1, Op.SET, 0, place)
    builder.add(0, Op.ATOMIC, 0, place, outcome=answer)
    builder.add(1, Op.CLEAR, 0, place)
    builder.add(1, Op.END, -1, place)
    builder.add(0, Op.REQUEST, 0, place, extra={"operation": "Event.wait"})
    (finding,) = deadlock.find(builder.build())
    assert finding.rule == rule

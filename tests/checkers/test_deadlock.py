"""D001, D003, D005 and D006: from traces written by hand, and from explored programs, with names, lines and reasons."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from weft.checkers import deadlock
from weft.checkers.finding import Finding
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder

Findings = Callable[..., list[Finding]]


class Written:
    """Writes a trace by hand: threads and objects by name, a line number for each step."""

    def __init__(self, *threads: str, daemons: str = "") -> None:
        self.builder = TraceBuilder(Header("hand.py", "explored"))
        self.threads = {name: index for index, name in enumerate(threads)}
        self.objects: dict[str, int] = {}
        for name in threads:
            self.builder.tables.threads.append(
                ThreadInfo(name, 0 if self.builder.tables.threads else -1, name in daemons)
            )
        for name in threads:
            self.object("Thread", name, thread=self.threads[name])

    def object(self, kind: str, name: str, **more: int) -> None:
        self.objects[name] = len(self.builder.tables.objects)
        self.builder.tables.objects.append(ObjectInfo(kind, name, **more))

    def step(self, thread: str, operation: Op, target: str, line: int = 1) -> Written:
        place = self.builder.tables.location("hand.py", line, "work")
        self.builder.add(self.threads[thread], operation, self.objects[target], place)
        return self

    def blocked(self, thread: str, operation: str, target: str, line: int = 1, detail: str = "") -> Written:
        place = self.builder.tables.location("hand.py", line, "work")
        extra = {"operation": operation, "detail": detail}
        self.builder.add(self.threads[thread], Op.REQUEST, self.objects[target], place, extra=extra)
        return self

    def trace(self) -> Trace:
        return self.builder.build()


def waits(finding: Finding) -> dict[str, tuple[str, str]]:
    return {thread.name: (thread.waits.object, thread.waits.at) for thread in finding.threads if thread.waits}


def holds(finding: Finding) -> dict[str, list[tuple[str, str]]]:
    return {thread.name: [(hold.object, hold.at) for hold in thread.holds] for thread in finding.threads}


def ring(size: int) -> Written:
    """``size`` threads, each with one lock and waiting for the next one's."""
    written = Written(*(f"t{number}" for number in range(size)))
    for number in range(size):
        written.object("Lock", f"lock{number}")
    for number in range(size):
        written.step(f"t{number}", Op.ACQUIRE, f"lock{number}", 10 + number)
    for number in range(size):
        written.blocked(f"t{number}", "acquire", f"lock{(number + 1) % size}", 20 + number)
    return written


# Written by hand.


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_ring_of_locks_is_one_cycle(size: int) -> None:
    (finding,) = deadlock.find(ring(size).trace())
    assert (finding.rule, finding.kind, finding.certainty) == ("D001", "deadlock", "confirmed")
    assert finding.message.startswith(f"{size} threads wait for each other: t0 for lock1, t1 for lock{2 % size}")
    assert holds(finding)["t1"] == [("lock1", "hand.py:11")]
    assert waits(finding)["t1"] == (f"lock{2 % size}", "hand.py:21")
    assert [step.step for step in finding.steps] == list(range(1, 2 * size + 1))
    assert finding.steps[-1].outcome == "blocked"
    assert all(f"lock{number}" in finding.suggestion for number in range(size))


def test_two_cycles_are_two_findings() -> None:
    written = Written("a", "b", "c", "d")
    for name in ("one", "two", "three", "four"):
        written.object("Lock", name)
    for thread, lock in zip("abcd", ("one", "two", "three", "four"), strict=True):
        written.step(thread, Op.ACQUIRE, lock)
    for thread, lock in zip("abcd", ("two", "one", "four", "three"), strict=True):
        written.blocked(thread, "acquire", lock)
    found = deadlock.find(written.trace())
    assert [sorted(waits(finding)) for finding in found] == [["a", "b"], ["c", "d"]]


def test_who_waits_behind_a_cycle_is_a_victim() -> None:
    written = ring(2)
    written.threads["late"] = 2
    written.builder.tables.threads.append(ThreadInfo("late", 0))
    written.blocked("late", "acquire", "lock0", 30)
    (finding,) = deadlock.find(written.trace())
    assert sorted(waits(finding)) == ["t0", "t1"]
    assert "Also blocked behind it: late." in finding.why


def test_a_lock_that_its_holder_wants_again() -> None:
    written = Written("main")
    written.object("Lock", "lock")
    written.step("main", Op.ACQUIRE, "lock", 3).blocked("main", "acquire", "lock", 4)
    (finding,) = deadlock.find(written.trace())
    assert finding.rule == "D006"
    assert finding.message == "main waits for lock, which it holds itself"
    assert "RLock" in finding.suggestion


def test_a_lock_whose_holder_has_ended() -> None:
    written = Written("main", "gone")
    written.object("Lock", "lock")
    written.step("gone", Op.ACQUIRE, "lock", 3).step("gone", Op.END, "gone").blocked("main", "acquire", "lock", 9)
    (finding,) = deadlock.find(written.trace())
    assert finding.rule == "D003"
    assert "main waits for ever in acquire of lock: nobody is left who could release it" in finding.message
    assert "gone took it (hand.py:3) and has ended without releasing it" in finding.why


def test_a_lock_handed_over_is_not_held_any_more() -> None:
    written = Written("main", "other")
    written.object("Lock", "lock")
    written.object("Event", "event")
    written.step("main", Op.ACQUIRE, "lock").step("other", Op.RELEASE, "lock").step("other", Op.END, "other")
    written.blocked("main", "Event.wait", "event", detail="not set")
    (finding,) = deadlock.find(written.trace())
    assert finding.rule == "D003"
    assert holds(finding) == {"main": []}


def test_several_holders_of_permits_that_wait_for_one_another() -> None:
    written = Written("a", "b", "c")
    written.object("Semaphore", "permits", capacity=3)
    for thread in "abc":
        written.step(thread, Op.ACQUIRE, "permits", 5)
    for thread in "abc":
        written.blocked(thread, "Semaphore.acquire", "permits", 6)
    (finding,) = deadlock.find(written.trace())
    assert finding.rule == "D001"
    assert sorted(waits(finding)) == ["a", "b", "c"]
    assert "permit" in finding.suggestion


def test_one_holder_of_permits_may_still_help() -> None:
    """c holds a permit and waits for an event: that is the cause, and the others are behind it."""
    written = Written("a", "c")
    written.object("Semaphore", "permits", capacity=1)
    written.object("Event", "go")
    written.step("c", Op.ACQUIRE, "permits").blocked("c", "Event.wait", "go").blocked(
        "a", "Semaphore.acquire", "permits"
    )
    (finding,) = deadlock.find(written.trace())
    assert finding.rule == "D003"
    assert "c waits for ever in Event.wait on go: nobody is left who could set it" in finding.message


def test_a_daemon_that_waits_for_work_is_no_deadlock() -> None:
    written = Written("main", "daemon", daemons="daemon")
    written.object("Queue", "work")
    written.step("main", Op.END, "main").blocked("daemon", "Queue.get", "work")
    assert deadlock.find(written.trace()) == []


def test_a_daemon_that_somebody_joins_is_part_of_it() -> None:
    written = Written("main", "daemon", daemons="daemon")
    written.object("Queue", "work")
    written.blocked("daemon", "Queue.get", "work", 4).blocked("main", "join", "daemon", 9)
    (finding,) = deadlock.find(written.trace())
    assert finding.rule == "D003"
    assert "daemon waits for ever in Queue.get on work" in finding.message


def test_while_others_run_only_cycles_are_certain() -> None:
    written = Written("main", "a", "b", "reader")
    written.object("Queue", "work")
    written.object("Lock", "one")
    written.object("Lock", "two")
    written.step("a", Op.ACQUIRE, "one").step("b", Op.ACQUIRE, "two")
    written.blocked("a", "acquire", "two").blocked("b", "acquire", "one").blocked("reader", "Queue.get", "work")
    (finding,) = deadlock.find(written.trace(), all_stuck=False)
    assert finding.rule == "D001"
    assert sorted(waits(finding)) == ["a", "b"]


def test_a_trace_that_ended_well_holds_nothing() -> None:
    written = Written("main")
    written.object("Lock", "lock")
    written.step("main", Op.ACQUIRE, "lock").step("main", Op.RELEASE, "lock").step("main", Op.END, "main")
    assert deadlock.find(written.trace()) == []


# From explored programs.

START = """\
import queue
import threading
from concurrent.futures import ThreadPoolExecutor


def go(**works):
    threads = [threading.Thread(target=work, name=name) for name, work in works.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


"""
"""Thirteen lines before the program of a test."""


def test_the_report_names_objects_as_the_program_does(findings_in: Findings) -> None:
    (finding,) = findings_in(
        START
        + """\
class Account:
    def __init__(self):
        self.lock = threading.Lock()


accounts = [Account(), Account()]


def transfer(a, b):
    with a.lock:
        with b.lock:
            pass


go(one=lambda: transfer(*accounts), other=lambda: transfer(*reversed(accounts)))
"""
    )
    assert finding.rule == "D001"
    assert holds(finding) == {
        "one": [("accounts[0].lock", "prog.py:23")],
        "other": [("accounts[1].lock", "prog.py:23")],
    }
    assert waits(finding) == {
        "one": ("accounts[1].lock", "prog.py:24"),
        "other": ("accounts[0].lock", "prog.py:24"),
    }


def test_a_join_in_the_cycle(findings_in: Findings) -> None:
    (finding,) = findings_in(
        """\
import threading

lock = threading.Lock()
thread = threading.Thread(target=lock.acquire, name="worker")
with lock:
    thread.start()
    thread.join()
"""
    )
    assert finding.rule == "D001"
    assert waits(finding)["MainThread"] == ("worker", "prog.py:7")
    assert waits(finding)["worker"][0] == "lock"
    assert "join" in finding.why
    assert "Release the lock before join()" in finding.suggestion


COMMUNICATION = {
    "queue get": (
        "items = queue.Queue()\ngo(reader=items.get)\n",
        "reader waits for ever in Queue.get on items: nobody is left who could put an item.",
    ),
    "simple queue": (
        "items = queue.SimpleQueue()\ngo(reader=items.get)\n",
        "reader waits for ever in SimpleQueue.get on items: nobody is left who could put an item.",
    ),
    "put on a full queue": (
        "items = queue.Queue(1)\n\n\ndef put():\n    items.put(1)\n    items.put(2)\n\n\ngo(writer=put)\n",
        "writer waits for ever in Queue.put on items: nobody is left who could take an item out.",
    ),
    "queue join": (
        "items = queue.Queue()\nitems.put(1)\nitems.join()\n",
        "MainThread waits for ever in Queue.join on items: nobody is left who could call task_done().",
    ),
    "event": (
        "ready = threading.Event()\ngo(waiter=ready.wait)\n",
        "waiter waits for ever in Event.wait on ready: nobody is left who could set it.",
    ),
    "condition": (
        "changed = threading.Condition()\n\n\ndef wait():\n    with changed:\n        changed.wait()\n\n\ngo(waiter=wait)\n",
        "waiter waits for ever in Condition.wait on changed: nobody is left who could notify it.",
    ),
    "barrier": (
        "gate = threading.Barrier(2)\ngo(runner=gate.wait)\n",
        "runner waits for ever in Barrier.wait on gate: nobody is left who could arrive.",
    ),
    "a future that nobody sets": (
        "from concurrent.futures import Future\n\nanswer = Future()\ngo(asker=answer.result)\n",
        "asker waits for ever in Future.result on answer: nobody is left who could complete it.",
    ),
    "a semaphore without permits": (
        "permits = threading.Semaphore(0)\ngo(taker=permits.acquire)\n",
        "taker waits for ever in Semaphore.acquire on permits: nobody is left who could release it.",
    ),
    "wait_for": (
        "changed = threading.Condition()\nchanged.acquire()\nchanged.wait_for(int)\n",
        "MainThread waits for ever in Condition.wait on changed: nobody is left who could notify it.",
    ),
    "several futures": (
        "from concurrent.futures import Future, wait\n\nanswer = Future()\ngo(asker=lambda: wait([answer]))\n",
        "asker waits for ever in wait for futures: nobody is left who could complete them.",
    ),
    "reading a pipe": (
        "import os\n\nout, into = os.pipe()\ngo(reader=lambda: os.read(out, 1))\n",
        "reader waits for ever in Pipe.read on Pipe (prog.py:16): nobody is left who could write to it or close it.",
    ),
    "writing to a full pipe": (
        "import os\n\nout, into = os.pipe()\ngo(writer=lambda: os.write(into, bytes(1 << 20)))\n",
        "writer waits for ever in Pipe.write on Pipe (prog.py:16): nobody is left who could read from it.",
    ),
    "receiving": (
        "import socket\n\nhere, there = socket.socketpair()\ngo(reader=lambda: here.recv(1))\n",
        "reader waits for ever in Socket.recv on Socket (prog.py:16)#2: nobody is left who could send to it or close it.",
    ),
    "sending": (
        "import socket\n\nhere, there = socket.socketpair()\ngo(writer=lambda: here.sendall(bytes(1 << 20)))\n",
        "writer waits for ever in Socket.send on Socket (prog.py:16): nobody is left who could receive from it.",
    ),
    "select": (
        "import os, select\n\nout, into = os.pipe()\ngo(looker=lambda: select.select([out], [], []))\n",
        "looker waits for ever in select: nobody is left who could make one of them ready.",
    ),
}


@pytest.mark.parametrize(("body", "message"), COMMUNICATION.values(), ids=COMMUNICATION)
def test_nobody_is_left_who_could(findings_in: Findings, body: str, message: str) -> None:
    (finding,) = findings_in(START + body)
    assert (finding.rule, finding.kind) == ("D003", "communication-deadlock")
    assert f"{finding.message}." == message
    assert finding.why
    assert "calls set()" not in finding.why or "Event" in message
    assert finding.suggestion != deadlock._advice("no such operation")[1]


def test_put_on_a_full_queue_under_the_consumers_lock_names_both(findings_in: Findings) -> None:
    found = findings_in(
        START
        + """\
lock = threading.Lock()
items = queue.Queue(1)


def produce():
    with lock:
        items.put(1)
        items.put(2)


def consume():
    with lock:
        items.get()


go(producer=produce, consumer=consume)
"""
    )
    assert {finding.rule for finding in found} == {"D003"}
    assert len(found) == 2, "the producer first, or the consumer first"
    (finding,) = [finding for finding in found if "Queue.put" in finding.message]
    assert waits(finding)["producer"] == ("items", "prog.py:21")
    assert waits(finding)["consumer"] == ("lock", "prog.py:25")
    assert holds(finding)["producer"] == [("lock", "prog.py:19")]
    assert finding.threads[0].waits is not None
    assert finding.threads[0].waits.detail == "full 1/1"


@pytest.mark.parametrize(
    ("workers", "message"),
    [
        (1, "the only worker of pool waits for a task that is queued behind it"),
        (2, "all 2 workers of pool wait for tasks that are queued behind them"),
    ],
)
def test_a_pool_starved_by_its_own_tasks(findings_in: Findings, workers: int, message: str) -> None:
    (finding,) = findings_in(
        START
        + f"""\
pool = ThreadPoolExecutor({workers})


def outer():
    return pool.submit(int).result()


for future in [pool.submit(outer) for _ in range({workers})]:
    future.result()
"""
    )
    assert (finding.rule, finding.kind) == ("D005", "pool-starvation")
    assert finding.message == message
    assert len(finding.threads) == workers
    assert {at for _, at in waits(finding).values()} == {"prog.py:18"}
    assert "second pool" in finding.suggestion


@pytest.mark.parametrize(("kind", "rules"), [("Lock", ["D006"]), ("RLock", [])])
def test_a_lock_taken_twice_is_a_deadlock_and_a_reentrant_one_is_not(
    findings_in: Findings, kind: str, rules: list[str]
) -> None:
    found = findings_in(f"import threading\n\nlock = threading.{kind}()\nwith lock:\n    with lock:\n        pass\n")
    assert [finding.rule for finding in found] == rules
    for finding in found:
        assert holds(finding) == {"MainThread": [("lock", "prog.py:4")]}
        assert waits(finding) == {"MainThread": ("lock", "prog.py:5")}


ORDERS = START + (
    "one, two = threading.Lock(), threading.Lock()\n\n\ndef forwards():\n    with one, two:\n        pass\n\n\n"
    "def backwards():\n    with two, one:\n        pass\n\n\ngo(a=forwards, b=backwards)\n"
)


def test_a_fingerprint_stays_when_lines_and_names_of_threads_change(findings_in: Findings) -> None:
    (before,) = findings_in(ORDERS)
    (shifted,) = findings_in("# a line more\n\n" + ORDERS)
    (renamed,) = findings_in(ORDERS.replace("go(a=", "go(first="))
    (other,) = findings_in(ORDERS.replace("def forwards", "def ahead").replace("=forwards", "=ahead"))
    assert before.fingerprint == shifted.fingerprint == renamed.fingerprint
    assert other.fingerprint != before.fingerprint
    assert waits(before) != waits(shifted), "the lines did change"

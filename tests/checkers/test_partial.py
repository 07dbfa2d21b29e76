"""Deadlocks of some threads while others go on: by reduction of traces written by hand, and in explored executions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.checkers import deadlock, partial, reduction
from weft.checkers.exploration.sampling import Uniform
from weft.checkers.holding import Situation, read
from weft.simcore.explored import ExploredWorld, Outcome
from weft.simcore.recorder import Recorder
from weft.simcore.takeover import takeover
from weft.simcore.target import parse_target
from weft.simcore.trace import Header, ObjectInfo, Op, ThreadInfo, Trace, TraceBuilder

# By hand.


def situation(threads: int, objects: list[ObjectInfo], *events: tuple[int, Op, int]) -> Situation:
    builder = TraceBuilder(Header("hand.py", "explored"))
    builder.tables.threads += [ThreadInfo(f"t{number}", number - 1) for number in range(threads)]
    builder.tables.objects += objects
    for line, (thread, operation, target) in enumerate(events, 1):
        extra = {"operation": "wait"} if operation is Op.REQUEST else None
        builder.add(thread, operation, target, builder.tables.location("hand.py", line, "f"), extra=extra)
    return read(builder.build())


LOCKS = [ObjectInfo("Lock", "a"), ObjectInfo("Lock", "b")]
CROSSED = [(1, Op.ACQUIRE, 0), (2, Op.ACQUIRE, 1), (1, Op.REQUEST, 1), (2, Op.REQUEST, 0)]


def test_a_cycle_is_dead_while_another_thread_runs() -> None:
    assert reduction.dead(situation(3, LOCKS, (0, Op.BEGIN, 0), *CROSSED)) == {1, 2}


def test_a_waiter_behind_a_running_thread_is_alive() -> None:
    assert reduction.dead(situation(2, LOCKS, (0, Op.ACQUIRE, 0), (1, Op.REQUEST, 0))) == set()


def test_a_semaphore_somebody_else_released_is_a_signal() -> None:
    permits = [ObjectInfo("Semaphore", "permits", capacity=1)]
    mutex = [(1, Op.ACQUIRE, 0), (1, Op.REQUEST, 0)]
    assert reduction.dead(situation(2, permits, (0, Op.BEGIN, 0), *mutex)) == {1}
    handed = [(0, Op.RELEASE, 0), (1, Op.ACQUIRE, 0), (1, Op.REQUEST, 0)]
    assert reduction.dead(situation(2, permits, *handed)) == set()


def test_a_pool_of_permits_is_dead_only_when_all_holders_are() -> None:
    permits = [ObjectInfo("Semaphore", "permits", capacity=2)]
    taken = [(1, Op.ACQUIRE, 0), (2, Op.ACQUIRE, 0), (1, Op.REQUEST, 0)]
    assert reduction.dead(situation(3, permits, *taken)) == set()
    assert reduction.dead(situation(3, permits, *taken, (2, Op.REQUEST, 0))) == {1, 2}
    assert reduction.dead(situation(3, permits, (1, Op.ACQUIRE, 0), (1, Op.REQUEST, 0))) == set()


def test_a_wait_that_anybody_may_end_is_dead_only_in_a_closed_world() -> None:
    queue = [ObjectInfo("Queue", "items")]
    assert reduction.dead(situation(1, queue, (0, Op.REQUEST, 0))) == set()
    assert reduction.dead(situation(1, queue, (0, Op.REQUEST, 0)), closed=True) == {0}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_reduction_finds_what_no_order_of_releases_can_free(data: st.DataObject) -> None:
    """Oracle: let every thread that can, finish and release all it holds, in any order; who is left is dead."""
    threads = data.draw(st.integers(2, 6))
    locks = data.draw(st.integers(1, 6))
    owner = [data.draw(st.integers(-1, threads - 1)) for _ in range(locks)]
    wants = [data.draw(st.integers(-1, locks - 1)) for _ in range(threads)]
    events = [(0, Op.BEGIN, 0)] + [(thread, Op.BEGIN, 0) for thread in range(threads)]
    events += [(thread, Op.ACQUIRE, lock) for lock, thread in enumerate(owner) if thread >= 0]
    events += [(thread, Op.REQUEST, lock) for thread, lock in enumerate(wants) if lock >= 0]
    found = reduction.dead(situation(threads, [ObjectInfo("RLock", f"l{n}") for n in range(locks)], *events))
    waiting = {thread: lock for thread, lock in enumerate(wants) if lock >= 0}
    while True:
        free = [thread for thread, lock in waiting.items() if owner[lock] < 0 or owner[lock] not in waiting]
        if not free:
            break
        del waiting[free[0]]
    assert found == set(waiting)


# Explored.

DAEMONS = """\
import threading
import time

one, two = threading.Lock(), threading.Lock()
met = threading.Barrier(2)


def forwards():
    with one:
        met.wait()
        with two:
            pass


def backwards():
    with two:
        met.wait()
        with one:
            pass


for work in (forwards, backwards):
    threading.Thread(target=work, name=work.__name__, daemon=True).start()
"""

KEEP_ALIVE = (
    DAEMONS.replace(", daemon=True", "")
    + """\


def beat():
    queue.put(1)
    queue.get()


import queue as queues

queue = queues.Queue()
while True:
    beat()
"""
)

WAITING_FOR_WORK = """\
import queue
import threading

jobs = queue.Queue()
threading.Thread(target=jobs.get, name="worker", daemon=True).start()
"""


def execute(tmp_path: Path, source: str, seed: int = 0, steps: int = 300) -> tuple[Trace, Outcome, bool]:
    """One execution with everything recorded: its trace, how it ended, and whether a cycle of waits was left."""
    path = tmp_path / "prog.py"
    path.write_text(source, encoding="utf-8")
    target = parse_target(str(path))
    target.prepare()
    left = False

    class Ending(Recorder):
        """Looks for a cycle while the threads still stand where they are."""

        def ended(self, world: ExploredWorld) -> None:
            nonlocal left
            left = bool(partial.cycle(world.live))
            super().ended(world)

    recorder = Ending(Header("prog.py", "explored"), target)
    try:
        with takeover():
            world = ExploredWorld(Uniform(seed), max_steps=steps, observer=recorder)
            execution = world.run(lambda: target.run({}))
    finally:
        target.close()
    assert not execution.failures, execution.failures[0].failure
    assert bool(partial.cycle(execution.threads)) is left, "the same answer afterwards"
    return recorder.trace(), execution.outcome, left


@pytest.mark.parametrize(
    ("source", "outcome"), [(DAEMONS, Outcome.COMPLETED), (KEEP_ALIVE, Outcome.STEP_LIMIT)], ids=["daemons", "beat"]
)
def test_a_cycle_beside_threads_that_go_on(tmp_path: Path, source: str, outcome: Outcome) -> None:
    for seed in range(20):
        trace, ended, left = execute(tmp_path, source, seed)
        assert ended is outcome
        found = deadlock.find(trace, all_stuck=False)
        assert [finding.rule for finding in found] == (["D001"] if left else [])
        for finding in found:
            assert sorted(thread.name for thread in finding.threads) == ["backwards", "forwards"]
            assert ("Meanwhile MainThread goes on." in finding.why) is (source is KEEP_ALIVE)
        if left:
            return
    pytest.fail("no schedule in which both threads took their first lock")


def test_a_daemon_that_waits_for_work_is_left_alone(tmp_path: Path) -> None:
    for seed in range(5):
        trace, ended, left = execute(tmp_path, WAITING_FOR_WORK, seed)
        assert ended is Outcome.COMPLETED
        assert not left
        assert deadlock.find(trace, all_stuck=False) == []
        assert deadlock.find(trace, all_stuck=None) == []


FORGOTTEN = """\
import queue
import threading

beats = queue.Queue()


def serve(answers):
    answers.get()


def ask():
    threading.Thread(target=serve, args=(queue.Queue(),), name="forgotten").start()


ask()
while True:
    beats.put(1)
    beats.get()
"""

KEPT = FORGOTTEN.replace("args=(queue.Queue(),)", "args=(spare,)").replace("beats =", "spare = queue.Queue()\nbeats =")
HANDED_ON = """\
import queue
import threading

beats = queue.Queue()


def ask():
    answers = queue.Queue()
    threading.Thread(target=answers.get, name="forgotten").start()
    return answers


def main():
    answers = [ask()]
    while True:
        beats.put(1)
        beats.get()


main()
"""


def test_a_wait_for_what_nobody_can_reach_is_dead(tmp_path: Path) -> None:
    """No thread that runs has a path to the queue: nobody will ever put."""
    trace, ended, _ = execute(tmp_path, FORGOTTEN)
    assert ended is Outcome.STEP_LIMIT
    (finding,) = deadlock.find(trace, all_stuck=False)
    assert finding.rule == "D003"
    assert finding.message.startswith("forgotten waits for ever in Queue.get on")
    assert "No thread that still runs can reach it. Nobody ever puts anything into it." in finding.why
    assert "Meanwhile MainThread goes on." in finding.why


@pytest.mark.parametrize("source", [KEPT, HANDED_ON], ids=["a global", "a local variable of the main thread"])
def test_a_wait_for_what_somebody_can_reach_is_not(tmp_path: Path, source: str) -> None:
    trace, ended, _ = execute(tmp_path, source)
    assert ended is Outcome.STEP_LIMIT
    assert deadlock.find(trace, all_stuck=False) == []


def test_what_is_worth_recording_at_a_step_limit(tmp_path: Path) -> None:
    """A cycle where there is one, else the waits that somebody might end or not."""

    def suspects(source: str, seed: int = 0) -> list[str]:
        path = tmp_path / "prog.py"
        path.write_text(source, encoding="utf-8")
        target = parse_target(str(path))
        target.prepare()
        try:
            with takeover():
                execution = ExploredWorld(Uniform(seed), max_steps=300).run(lambda: target.run({}))
        finally:
            target.close()
        return [label for _, label, _ in partial.suspects(execution.threads)]

    assert suspects(FORGOTTEN) == ["Queue.get"]
    assert suspects(WAITING_FOR_WORK) == []
    assert any(suspects(KEEP_ALIVE, seed) == ["acquire", "acquire"] for seed in range(20))

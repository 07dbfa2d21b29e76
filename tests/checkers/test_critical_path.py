"""The critical path: programs whose path is known, random ones against an oracle, and what holds for every program."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft
from weft.checkers.critical_path import CriticalPath, Part, critical_path, duration_ns
from weft.checkers.timed_states import NoTimeline
from weft.simcore.profile import IDEAL, Profile
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.trace import Header, Op, ThreadInfo, Trace, TraceBuilder

MS = 1_000_000


def trace_of(
    program: Callable[[], Any],
    *,
    cores: int = 8,
    gil: bool = False,
    profile: Profile = IDEAL,
    handover: Literal["barging", "fifo"] = "barging",
) -> Trace:
    with takeover():
        world = TimedWorld(
            cores=cores, gil=gil, profile=profile, measure=False, scheduler_events=True, handover=handover
        )
        result = world.run(program)
    assert result.completed, result.gave_up or result.stuck
    assert not result.failures
    assert result.trace is not None
    return result.trace


def path_of(program: Callable[[], Any], *, profile: Profile = IDEAL, **machine: Any) -> CriticalPath:
    trace = trace_of(program, profile=profile, **machine)
    path = critical_path(trace)
    check(path, profile.context_switch_ns)
    assert path.duration_ns == duration_ns(trace)
    return path


def check(path: CriticalPath, switch_ns: int = 0) -> None:
    """What holds for every path: no gap, no overlap, every nanosecond in one part, and the bounds are bounds.

    Getting a core back (``switch_ns``) is running, before the step that the thread was woken for: it is on the path but
    not in a chain of steps.
    """
    for earlier, later in itertools.pairwise(path.links):
        assert earlier.end_ns == later.start_ns
    assert all(link.start_ns < link.end_ns for link in path.links)
    assert sum(part.duration_ns for part in path.parts) == path.duration_ns
    assert sum(part.share for part in path.parts) == pytest.approx(1 if path.parts else 0)
    assert [part.duration_ns for part in path.parts] == sorted((part.duration_ns for part in path.parts), reverse=True)
    assert path.gil_ns <= min(path.work_ns, path.duration_ns)
    assert path.span_ns <= path.duration_ns
    busy = sum(link.end_ns - link.start_ns for link in path.links if link.kind in ("compute", "sleep"))
    assert busy <= path.span_ns + switch_ns * len(path.links)
    assert sum(part.duration_ns for part in path.parts if part.kind == "compute") <= path.work_ns
    for part in path.parts:
        if part.kind in ("lock", "gil") and part.object_kind != "Semaphore":
            assert sum(holder.duration_ns for holder in part.holders) <= part.duration_ns


def milliseconds(path: CriticalPath) -> list[tuple[str, str, float]]:
    """(kind, thread or object, ms) of each link, neighbours of one kind taken together."""
    return [(part.kind, part.object_kind or part.threads[0], part.duration_ns / MS) for part in path.parts]


def only(path: CriticalPath, kind: str) -> Part:
    (part,) = [part for part in path.parts if part.kind == kind]
    return part


def together(*bodies: Callable[[], None]) -> None:
    threads = [threading.Thread(target=body, name=f"t{number}") for number, body in enumerate(bodies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# Programs whose path is known.


def test_the_longest_of_several_threads_is_the_path() -> None:
    def program() -> None:
        weft.work(0.001)
        together(*(lambda length=length: weft.work(length * 0.001, gil=False) for length in (2, 5, 3)))
        weft.work(0.002)

    path = path_of(program)
    assert [(link.thread, (link.end_ns - link.start_ns) // MS) for link in path.links] == [(0, 1), (2, 5), (0, 2)]
    assert (path.duration_ns, path.work_ns, path.span_ns) == (8 * MS, 13 * MS, 8 * MS)
    assert {part.kind for part in path.parts} == {"compute"}
    assert path.parts[0].place.startswith("test_critical_path.py:")


def contended(inside: float = 0.003, outside: float = 0.001, threads: int = 2) -> Callable[[], None]:
    def program() -> None:
        lock = threading.Lock()

        def body() -> None:
            weft.work(outside, gil=False)
            with lock:
                weft.work(inside, gil=False)

        together(*[body] * threads)

    return program


def test_a_wait_for_a_lock_is_a_part_with_its_holders() -> None:
    path = path_of(contended(threads=4))
    lock = only(path, "lock")
    assert (lock.name, lock.object_kind, lock.objects) == ("lock", "Lock", ("lock",))
    assert lock.place.startswith("test_critical_path.py:")
    assert lock.duration_ns == 9 * MS
    assert lock.share == pytest.approx(9 / 13)
    assert lock.threads == ("t3",)
    assert [(holder.thread, holder.duration_ns) for holder in lock.holders] == [
        (name, 3 * MS) for name in ("t0", "t1", "t2")
    ]
    assert path.span_ns == 4 * MS, "which thread goes first is no chain of steps"


@pytest.mark.parametrize("handover", ["barging", "fifo"])
def test_a_lock_that_is_handed_over_is_the_same(handover: Literal["barging", "fifo"]) -> None:
    path = path_of(contended(threads=3), handover=handover, profile=Profile(lock_ns=0))
    assert only(path, "lock").duration_ns == pytest.approx(6 * MS, rel=0.05)
    assert len(only(path, "lock").holders) == 2


def test_a_thread_that_loses_the_race_for_a_lock_goes_on_waiting_for_it() -> None:
    """The hog takes it again before the woken thread has a chance, ten times."""

    def program() -> None:
        lock = threading.Lock()

        def hog() -> None:
            for _ in range(10):
                with lock:
                    weft.work(0.001, gil=False)

        def victim() -> None:
            weft.work(0.0005, gil=False)
            with lock:
                weft.work(0.002, gil=False)

        together(hog, victim)

    path = path_of(program, profile=Profile())
    lock = only(path, "lock")
    assert lock.duration_ns == pytest.approx(9.5 * MS, rel=0.02)
    assert [holder.thread for holder in lock.holders] == ["t0"]
    assert lock.threads == ("t1",)


def test_locks_made_at_one_place_are_one_part() -> None:
    def program() -> None:
        locks = [threading.Lock() for _ in range(2)]

        def body() -> None:
            for lock in locks:
                with lock:
                    weft.work(0.001, gil=False)

        together(body, body, body)

    lock = only(path_of(program), "lock")
    assert set(lock.objects) <= {"locks[0]", "locks[1]"}
    assert lock.duration_ns == 2 * MS


def test_waiting_for_the_gil_names_who_had_it() -> None:
    def program() -> None:
        together(lambda: weft.work(0.012), lambda: weft.work(0.012))

    path = path_of(program, gil=True)
    gil = only(path, "gil")
    assert gil.share == pytest.approx(0.5, abs=0.01)
    assert {holder.thread for holder in gil.holders} <= {"t0", "t1", "MainThread"}
    assert path.gil_ns == path.work_ns == 24 * MS
    assert path.span_ns == 12 * MS


def test_waiting_for_a_core() -> None:
    def program() -> None:
        together(*[lambda: weft.work(0.01, gil=False)] * 4)

    path = path_of(program, cores=2)
    assert only(path, "core").share == pytest.approx(0.5, abs=0.01)
    assert path.work_ns == 40 * MS
    assert path.span_ns == 10 * MS


def test_sleeping_is_on_the_path_and_in_the_span_but_no_work() -> None:
    def program() -> None:
        weft.work(0.001)
        time.sleep(0.003)

    path = path_of(program)
    assert milliseconds(path) == [("sleep", "MainThread", 3), ("compute", "MainThread", 1)]
    assert (path.work_ns, path.span_ns) == (MS, 4 * MS)


def test_starting_and_waking_up_cost_what_the_profile_says() -> None:
    def program() -> None:
        together(lambda: weft.work(0.001, gil=False))

    path = path_of(program, profile=Profile(thread_create_ns=10, thread_start_ns=110, handover_ns=5, lock_ns=0))
    assert only(path, "start").duration_ns == 100
    wake_up = only(path, "wake-up")
    assert (wake_up.duration_ns, wake_up.name, wake_up.object_kind) == (5, "t0", "Thread")


def test_a_time_out_is_its_own_kind() -> None:
    def program() -> None:
        asked, full = threading.Event(), threading.Lock()
        asked.wait(timeout=0.002)
        full.acquire()
        full.acquire(timeout=0.001)

    path = path_of(program)
    assert sorted((part.name, part.duration_ns) for part in path.parts if part.kind == "time-out") == [
        ("asked", 2 * MS),
        ("full", 1 * MS),
    ]


def test_a_lock_used_as_a_message_leads_to_its_sender() -> None:
    def program() -> None:
        done = threading.Lock()
        done.acquire()

        def sender() -> None:
            weft.work(0.004, gil=False)
            done.release()

        threading.Thread(target=sender, name="sender").start()
        done.acquire()
        weft.work(0.001)

    path = path_of(program)
    assert [(part.threads[0], part.duration_ns // MS) for part in path.parts] == [("sender", 4), ("MainThread", 1)]


@pytest.mark.parametrize("permits", [1, 2])
def test_permits_of_a_semaphore_are_held(permits: int) -> None:
    def program() -> None:
        slots = threading.Semaphore(permits)

        def body() -> None:
            with slots:
                weft.work(0.002, gil=False)

        together(*[body] * 4)

    path = path_of(program)
    slots = only(path, "lock")
    assert (slots.name, slots.object_kind) == ("slots", "Semaphore")
    assert slots.duration_ns == (4 // permits - 1) * 2 * MS
    assert len(slots.holders) == 4 - permits
    assert path.span_ns == 2 * MS


def test_a_semaphore_used_as_a_message_is_a_step() -> None:
    def program() -> None:
        ready = threading.Semaphore(0)

        def sender() -> None:
            weft.work(0.003, gil=False)
            ready.release()

        threading.Thread(target=sender, name="sender").start()
        ready.acquire()
        weft.work(0.001)

    path = path_of(program)
    assert path.span_ns == path.duration_ns == 4 * MS
    assert {part.kind for part in path.parts} == {"compute"}


def test_a_full_queue_leads_to_its_consumer() -> None:
    def program() -> None:
        import queue

        pending: queue.Queue[int] = queue.Queue(1)

        def consumer() -> None:
            for _ in range(4):
                pending.get()
                weft.work(0.005, gil=False)

        thread = threading.Thread(target=consumer, name="consumer")
        thread.start()
        for number in range(4):
            weft.work(0.001, gil=False)
            pending.put(number)
        thread.join()

    path = path_of(program)
    assert [(part.kind, part.threads[0], part.duration_ns // MS) for part in path.parts] == [
        ("compute", "consumer", 20),
        ("compute", "MainThread", 1),
    ]
    assert path.span_ns == 21 * MS


def test_a_condition_leads_to_who_notified_it_and_its_lock_to_who_had_it() -> None:
    def program() -> None:
        changed = threading.Condition()
        items: list[int] = []

        def waiter() -> None:
            with changed:
                changed.wait_for(lambda: bool(items))
            weft.work(0.001, gil=False)

        thread = threading.Thread(target=waiter, name="waiter")
        thread.start()
        weft.work(0.002, gil=False)
        with changed:
            items.append(1)
            changed.notify()
            weft.work(0.004, gil=False)
        thread.join()

    path = path_of(program)
    assert [(link.kind, link.thread, (link.end_ns - link.start_ns) // MS) for link in path.links] == [
        ("compute", 0, 2),
        ("lock", 1, 4),
        ("compute", 1, 1),
    ]
    assert only(path, "lock").holders[0].thread == "MainThread"


def test_a_barrier_leads_to_the_last_to_arrive() -> None:
    def program() -> None:
        meet = threading.Barrier(3)

        def body(length: int) -> None:
            weft.work(length * 0.001, gil=False)
            meet.wait()
            weft.work(0.001 * (4 - length), gil=False)

        together(*(lambda length=length: body(length) for length in (1, 2, 3)))

    path = path_of(program)
    assert [(link.thread, (link.end_ns - link.start_ns) // MS) for link in path.links] == [(3, 3), (1, 3)]
    assert path.span_ns == 6 * MS


def test_a_pool_leads_through_its_tasks() -> None:
    def program() -> None:
        from concurrent.futures import ThreadPoolExecutor, as_completed

        with ThreadPoolExecutor(2) as pool:
            weft.work(0.001, gil=False)
            futures = [pool.submit(weft.work, length * 0.001, False) for length in (1, 4, 2)]
            for future in as_completed(futures):
                future.result()
            weft.work(0.002, gil=False)

    path = path_of(program)
    assert sorted(part.duration_ns // MS for part in path.parts) == [1, 2, 4]
    assert path.duration_ns == path.span_ns == 7 * MS
    assert path.work_ns == 10 * MS


def test_the_end_of_the_main_thread_is_not_the_end_of_the_run() -> None:
    def program() -> None:
        threading.Thread(target=weft.work, args=(0.003, False), name="later").start()
        threading.Thread(target=time.sleep, args=(1,), name="forgotten", daemon=True).start()

    path = path_of(program)
    assert milliseconds(path) == [("compute", "later", 3)]


def test_a_slowed_down_computation_is_one_piece() -> None:
    """What took longer than was noted for it is counted where it was noted; what nothing was noted for, where it led."""
    builder = TraceBuilder(Header("", "timed"))
    builder.tables.threads.append(ThreadInfo("MainThread"))
    first, second = builder.tables.location("a.py", 1), builder.tables.location("a.py", 2)
    builder.add(0, Op.READY, time_ns=0)
    builder.add(0, Op.RUN, time_ns=0)
    builder.add(0, Op.COMPUTE, -1, first, 0, 0, {"class": "mem", "ns": 100})
    builder.add(0, Op.PREEMPT, time_ns=60)
    builder.add(0, Op.RUN, time_ns=70)
    builder.add(0, Op.MARK, -1, second, 150, 0, "here")
    builder.add(0, Op.COMPUTE, -1, first, 150, 0, {"class": "py", "ns": 10})
    builder.add(0, Op.MARK, -1, second, 250, 0, "there")
    builder.add(0, Op.END, time_ns=250)
    path = critical_path(builder.build())
    check(path)
    assert {(part.kind, part.place, part.duration_ns) for part in path.parts} == {
        ("compute", "a.py:1", 150),
        ("compute", "a.py:2", 90),
        ("core", "", 10),
    }


def test_a_trace_without_a_machine_is_refused() -> None:
    builder = TraceBuilder(Header("", "explored"))
    builder.tables.threads.append(ThreadInfo("MainThread"))
    builder.add(0, Op.BEGIN)
    with pytest.raises(NoTimeline, match="weft predict"):
        critical_path(builder.build())


# Random programs.


def run_steps(threads: list[list[tuple[Any, ...]]], locks: int = 2) -> Callable[[], None]:
    """Each thread's steps: ("work", ms), ("sleep", ms), ("set", event), ("wait", event), ("lock", number, ms)."""

    def program() -> None:
        events = {step[1]: threading.Event() for steps in threads for step in steps if step[0] in ("set", "wait")}
        held = [threading.Lock() for _ in range(locks)]

        def body(steps: list[tuple[Any, ...]]) -> None:
            for step in steps:
                if step[0] == "work":
                    weft.work(step[1] / 1000, gil=False)
                elif step[0] == "python":
                    weft.work(step[1] / 1000)
                elif step[0] == "sleep":
                    time.sleep(step[1] / 1000)
                elif step[0] == "set":
                    events[step[1]].set()
                elif step[0] == "wait":
                    events[step[1]].wait()
                else:
                    with held[step[1]]:
                        weft.work(step[2] / 1000, gil=False)

        together(*(lambda steps=steps: body(steps) for steps in threads))

    return program


def longest_chain(threads: list[list[tuple[Any, ...]]]) -> int:
    """By brute force: every chain of steps through program order and events, tried one by one."""

    def after(thread: int, step: int) -> int:
        if step == len(threads[thread]):
            return 0
        kind, value, *_ = threads[thread][step]
        rest = after(thread, step + 1)
        if kind == "set":
            for other, steps in enumerate(threads):
                for place, (its_kind, its_value, *_) in enumerate(steps):
                    if (its_kind, its_value) == ("wait", value):
                        rest = max(rest, after(other, place + 1))
        return rest + (value if kind in ("work", "sleep") else 0)

    return max(after(thread, 0) for thread in range(len(threads)))


@st.composite
def graphs(draw: st.DrawFn) -> list[list[tuple[Any, ...]]]:
    """Threads that wait only for events of threads before them, so that none waits for ever; all work is a different
    power of two, so that no two chains are equally long and the length of one says what is in it."""
    lengths = iter(1 << power for power in range(16))
    threads: list[list[tuple[Any, ...]]] = []
    events: list[int] = []
    for _ in range(draw(st.integers(1, 4))):
        known = len(events)
        steps: list[tuple[Any, ...]] = []
        for kind in draw(st.lists(st.sampled_from(["work", "work", "set", "wait", "sleep"]), min_size=1, max_size=5)):
            if kind == "set":
                events.append(len(events))
                steps.append(("set", events[-1]))
            elif kind == "wait" and known:
                steps.append(("wait", draw(st.integers(0, known - 1))))
            elif kind in ("work", "sleep"):
                length = next(lengths, None)
                if length is not None:
                    steps.append((kind, length))
        threads.append(steps)
    order = draw(st.permutations(range(len(threads))))
    return [threads[number] for number in order]


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_the_path_of_a_random_graph_is_its_longest_chain(threads: list[list[tuple[Any, ...]]]) -> None:
    path = path_of(run_steps(threads))
    longest = longest_chain(threads)
    assert path.duration_ns == path.span_ns == longest * MS
    assert path.work_ns == MS * sum(step[1] for steps in threads for step in steps if step[0] == "work")
    found = sorted((link.end_ns - link.start_ns) // MS for link in path.links)
    assert found == [1 << power for power in range(16) if longest >> power & 1]


STEP = st.one_of(
    st.tuples(st.sampled_from(["work", "python", "sleep"]), st.integers(1, 20)),
    st.tuples(st.just("lock"), st.integers(0, 1), st.integers(1, 20)),
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(STEP, max_size=6), min_size=1, max_size=5),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([IDEAL, Profile()]),
    st.sampled_from(["barging", "fifo"]),
)
def test_every_nanosecond_is_in_one_part_whatever_the_program_does(
    threads: list[list[tuple[Any, ...]]], cores: int, gil: bool, profile: Profile, handover: Any
) -> None:
    path = path_of(run_steps(threads), cores=cores, gil=gil, profile=profile, handover=handover)
    assert path.duration_ns >= path.work_ns // cores
    kinds = {part.kind for part in path.parts}
    assert "wait" not in kinds
    if not gil:
        assert "gil" not in kinds
        assert path.gil_ns == 0
    if cores > len(threads):
        assert "core" not in kinds
    if not any(step[0] == "lock" for steps in threads for step in steps):
        assert "lock" not in kinds


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 4))
def test_work_and_span_bound_every_number_of_cores(lengths: list[int], cores: int) -> None:
    """Measured once on many cores, they hold for any other; and no greedy schedule is worse than their sum (Graham)."""
    program = run_steps([[("work", length)] for length in lengths])
    whole = path_of(program)
    found = path_of(program, cores=cores)
    assert found.duration_ns >= max(whole.work_ns / cores, whole.span_ns)
    assert found.duration_ns <= whole.work_ns / cores + whole.span_ns

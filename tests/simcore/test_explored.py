"""The explored world: the same schedule gives the same execution, in this process and in another one."""

from __future__ import annotations

import os
import queue
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from weft.checkers.exploration.explore import record
from weft.simcore.explored import Divergence, ExploredWorld, Outcome
from weft.simcore.takeover import takeover
from weft.simcore.threads import State, VirtualThread
from weft.simcore.trace import Header, Op
from weft.simcore.world import Operation

HEADER = Header("test", "explored", seed=3)


class Drawn:
    """Chooses at random, but always the same for one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
        threads = [thread for thread in world.live if world.enabled(thread)]
        if not threads and world.release_patient():
            threads = [thread for thread in world.live if world.enabled(thread)]
        return self.random.choice(threads) if threads else None

    def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None:
        return


def busy() -> list[Any]:
    """A bit of everything; what it returns depends on the schedule, and on nothing else."""
    import concurrent.futures

    said: list[Any] = []
    work: queue.Queue[int | None] = queue.Queue(2)
    lock, ready = threading.Lock(), threading.Event()
    local = threading.local()

    def worker() -> None:
        local.count = 0
        while (item := work.get()) is not None:
            with lock:
                said.append(
                    (threading.current_thread().name, threading.get_ident(), item, random.random(), time.time())
                )
            local.count += 1
            work.task_done()
        said.append(local.count)
        ready.set()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for item in range(4):
        work.put(item)
    work.join()
    for _ in threads:
        work.put(None)
    ready.wait(1)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        said += [
            sorted({*pool.map(hash, ["a", "b"])}),
            [future.result() for future in {pool.submit(int), pool.submit(int)}],
        ]
    for thread in threads:
        thread.join()
    return said


def execute(program: Callable[[], Any], seed: int = 0) -> tuple[Any, Any]:
    returned: list[Any] = []
    with takeover():
        world = ExploredWorld(Drawn(seed), seed=seed)
        execution = world.run(lambda: returned.append(program()))
    return execution, returned[0] if returned else None


@pytest.mark.parametrize("seed", range(3))
def test_ten_executions_of_one_schedule_are_one_trace(seed: int) -> None:
    execution, _ = execute(busy, seed)
    assert execution.outcome is Outcome.COMPLETED
    index = {thread.uid: thread.index for thread in execution.threads}
    schedule = tuple(index[uid] for uid in execution.schedule)
    traces = {record(lambda: _drop(busy()), schedule, HEADER).trace.to_json_lines() for _ in range(10)}
    assert len(traces) == 1


def _drop(_: object) -> None:
    return


def test_one_seed_gives_one_execution_and_another_seed_another() -> None:
    assert execute(busy, 1)[1] == execute(busy, 1)[1]
    assert execute(busy, 1)[0].schedule == execute(busy, 1)[0].schedule
    assert execute(busy, 1)[0].schedule != execute(busy, 2)[0].schedule


@pytest.mark.slow
def test_another_process_with_the_same_hash_seed_sees_the_same(tmp_path: Path) -> None:
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('busy_program', {__file__!r})\n"
        "module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
        "execution, said = module.execute(module.busy, 5)\nprint(execution.schedule, said)\n"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": "3"},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(3)
    }
    assert len(answers) == 1
    assert "Thread-1 (worker)" in answers.pop()


# What a program sees.


def test_threads_are_numbered_from_one_in_every_execution() -> None:
    def program() -> list[str]:
        threads = [threading.Thread(target=int) for _ in range(2)] + [threading.Timer(1, int)]
        return [thread.name for thread in threads]

    assert execute(program)[1] == execute(program)[1] == ["Thread-1 (int)", "Thread-2 (int)", "Thread-3"]


def test_identifiers_and_objects_are_numbered_alike() -> None:
    def program() -> list[int]:
        lock = threading.Lock()
        lock.acquire()
        return [threading.get_ident(), lock.uid]  # type: ignore[attr-defined]

    assert execute(program)[1] == execute(program)[1]


def test_the_main_thread_is_the_main_thread() -> None:
    def program() -> tuple[bool, bool, int, list[str]]:
        return (
            threading.current_thread() is threading.main_thread(),
            threading.main_thread().is_alive(),
            threading.active_count(),
            [thread.name for thread in threading.enumerate()],
        )

    assert execute(program)[1] == (True, True, 1, ["MainThread"])


def test_threads_are_listed_while_they_live() -> None:
    def program() -> list[list[str]]:
        go = threading.Event()
        thread = threading.Thread(target=go.wait, name="waiter")
        thread.start()
        during = sorted(thread.name for thread in threading.enumerate())
        go.set()
        thread.join()
        return [during, [thread.name for thread in threading.enumerate()]]

    assert execute(program)[1] == [["MainThread", "waiter"], ["MainThread"]]


def test_after_an_execution_the_process_is_as_before() -> None:
    before = (threading.enumerate(), threading.current_thread(), threading.get_ident(), threading.active_count())

    def program() -> None:
        threading.Thread(target=threading.Lock().acquire).start()
        stuck = threading.Lock()
        threading.Thread(target=lambda: (stuck.acquire(), stuck.acquire())).start()

    execution, _ = execute(program)
    assert execution.outcome is Outcome.DEADLOCK
    assert (
        threading.enumerate(),
        threading.current_thread(),
        threading.get_ident(),
        threading.active_count(),
    ) == before


def test_what_is_left_at_the_end_is_unwound_without_moving_on() -> None:
    said: list[str] = []

    def program() -> None:
        lock, gate = threading.Lock(), threading.Lock()
        gate.acquire()

        def work() -> None:
            try:
                with lock:
                    gate.acquire()
                    said.append("never")
            finally:
                said.append("cleaned up")

        threading.Thread(target=work).start()

    execution, _ = execute(program)
    assert execution.outcome is Outcome.DEADLOCK
    assert [thread.name for thread in execution.stuck] == ["Thread-1 (work)"]
    assert said == ["cleaned up"]


def test_a_thread_has_five_states() -> None:
    states: dict[str, State] = {}

    def program() -> None:
        lock = threading.Lock()
        lock.acquire()
        thread = threading.Thread(target=lock.acquire)
        thread.start()
        virtual: Any = thread._weft_thread  # type: ignore[attr-defined]
        states["started"] = virtual.state
        states["main"] = threading.main_thread()._weft_thread.state  # type: ignore[attr-defined]
        time.sleep(1)
        lock.release()
        thread.join()
        states["joined"] = virtual.state

    execute(program)
    assert states == {"started": State.READY, "main": State.RUNNING, "joined": State.TERMINATED}


def test_random_numbers_do_not_depend_on_the_order_of_threads() -> None:
    def program() -> dict[str, float]:
        drawn: dict[str, float] = {}

        def draw() -> None:
            drawn[threading.current_thread().name] = random.random()

        threads = [threading.Thread(target=draw, name=name) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return drawn

    first, second = execute(program, 1)[1], execute(program, 1)[1]
    assert first == second
    assert first["a"] != first["b"]


def test_steps_are_limited() -> None:
    def program() -> None:
        lock = threading.Lock()
        while True:
            with lock:
                pass

    with takeover():
        execution = ExploredWorld(Drawn(0), max_steps=50).run(program)
    assert execution.outcome is Outcome.STEP_LIMIT
    assert execution.steps == 50


def test_two_worlds_cannot_be_active_at_once() -> None:
    def program() -> None:
        ExploredWorld(Drawn(0)).run(int)

    execution, _ = execute(program)
    (thread,) = execution.failures
    assert isinstance(thread.failure[0], AssertionError)


def test_objects_made_before_the_world_enter_it_as_they_are() -> None:
    lock, ready, items = threading.Lock(), threading.Event(), queue.Queue[int]()
    assert isinstance(lock.acquire(blocking=False), bool)

    def program() -> str:
        return "done"

    assert execute(program)[1] == "done"
    lock.release()
    ready.set()
    items.put(1)
    assert items.get() == 1


def test_a_strategy_may_give_up() -> None:
    class Never(Drawn):
        def choose(self, world: ExploredWorld, last: VirtualThread) -> VirtualThread | None:
            world.outcome = Outcome.REDUNDANT
            return None

    def program() -> None:
        threading.Lock().acquire()

    with takeover():
        assert ExploredWorld(Never(0)).run(program).outcome is Outcome.REDUNDANT


def test_a_divergence_ends_the_execution_and_comes_out() -> None:
    class Wrong(Drawn):
        def took(self, world: ExploredWorld, thread: VirtualThread, operation: Operation, code: int) -> None:
            if operation.op is Op.ACQUIRE:
                raise world.abort(Divergence("not so"))

    def program() -> None:
        threading.Lock().acquire()

    with takeover(), pytest.raises(Divergence, match="not so"):
        ExploredWorld(Wrong(0)).run(program)
    assert threading.get_ident() == threading.main_thread().ident


def test_an_executor_imported_before_the_takeover_is_the_real_one() -> None:
    """Why a program runs in a fresh process: a name that was imported earlier keeps the real thing."""
    import concurrent.futures

    with takeover():
        assert concurrent.futures.ThreadPoolExecutor is not ThreadPoolExecutor

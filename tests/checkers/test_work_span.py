"""Work and span: what they are for programs with locks, semaphores and queues, at any number of cores."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import weft
from weft.checkers.tenures import held
from weft.checkers.timed_states import histories
from weft.checkers.work_span import WorkSpan, work_and_span
from weft.simcore.prediction import Configuration, timeline
from weft.simcore.profile import IDEAL

MS = 1_000_000


def measured(program: Callable[[], None], cores: int = 8, *, gil: bool = False) -> WorkSpan:
    trace = timeline(lambda _: program(), Configuration({}, cores, gil), profile=IDEAL, measure=False)
    return work_and_span(trace, histories(trace), held(trace).signals)


def together(*bodies: Callable[[], None]) -> None:
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def locked() -> None:
    lock = threading.Lock()

    def body() -> None:
        weft.work(0.001, gil=False)
        with lock:
            weft.work(0.002, gil=False)

    together(body, body, body)


def piped() -> None:
    import queue

    pending: queue.Queue[int] = queue.Queue()

    def consumer() -> None:
        for _ in range(3):
            pending.get()
            weft.work(0.002, gil=False)

    def producer() -> None:
        for number in range(3):
            weft.work(0.001, gil=False)
            pending.put(number)

    together(consumer, producer)


@pytest.mark.parametrize("cores", [1, 2, 8])
@pytest.mark.parametrize(("program", "work_ms", "span_ms"), [(locked, 9, 3), (piped, 9, 7)])
def test_both_are_the_same_on_any_number_of_cores(
    program: Callable[[], None], work_ms: int, span_ms: int, cores: int
) -> None:
    found = measured(program, cores)
    assert (found.work_ns, found.span_ns, found.gil_ns) == (work_ms * MS, span_ms * MS, 0)


def test_only_what_needs_the_gil_counts_for_it() -> None:
    def program() -> None:
        together(lambda: weft.work(0.004), lambda: weft.work(0.003, gil=False))
        weft.work(0.002)

    found = measured(program, gil=True)
    assert (found.work_ns, found.span_ns, found.gil_ns) == (9 * MS, 6 * MS, 6 * MS)


def test_a_daemon_that_is_left_behind_is_work_but_no_chain() -> None:
    def program() -> None:
        threading.Thread(target=weft.work, args=(5, False), daemon=True).start()
        weft.work(0.002, gil=False)

    found = measured(program)
    assert (found.work_ns, found.span_ns) == (4 * MS, 2 * MS)

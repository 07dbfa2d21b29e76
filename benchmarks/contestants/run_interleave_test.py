"""interleave-test in its own process: the same functions as weft, under the strategy that suits the row.

Its bounded depth-first search (with its default bound of two preemptions) where all orders are asked for, its random
search (the default) where a failure is. These programs share nothing outside their locks, so it is told not to switch
inside this folder's files but at synchronisation only, as weft does: that takes it fewer schedules than its default.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from time import monotonic, perf_counter, process_time
from typing import Any

from answer import Answer, question
from programs import Orders, program

# Imported by name: type checkers of this repository do not have it.
interleave_test: Any = importlib.import_module("interleave_test")
ENDLESS = 10**9


def until(strategy: Any, limit: float) -> Any:
    """The strategy, with no more schedules once ``limit`` seconds have passed (it has a limit on their number only)."""
    more = strategy.more
    deadline = monotonic() + limit
    strategy.more = lambda: more() is not False and monotonic() < deadline
    return strategy


def main() -> None:
    asked = question()
    if asked.row == "dining-all":
        Answer("cannot", note="stops at first finding").send()
    systematic = asked.row == "dining-ordered" or asked.row.startswith("append-")
    orders: Orders = set()
    run = program(asked.row, asked.philosophers, orders)
    kind: Any = interleave_test.DFSStrategy if systematic else interleave_test.RandomStrategy
    began, began_cpu = perf_counter(), process_time()
    result: Any = interleave_test.explore(
        run,
        iterations=ENDLESS,
        strategy=until(kind(), asked.limit),
        seed=asked.seed,
        exclude=[str(Path(__file__).parent)],
        raise_on_failure=False,
    )
    seconds, cpu_seconds = perf_counter() - began, process_time() - began_cpu
    failure = result.failure
    verdict = "clean" if result.exhausted else "unfinished"
    if failure is not None:
        verdict = "finding" if failure.kind == "deadlock" else "inconclusive"
    note = "" if failure is None else f"{failure.kind}: {failure.exception or failure.details}"[:200]
    seen = len(orders) if asked.row.startswith("append-") else None
    Answer(verdict, result.schedules_run, seconds, cpu_seconds, seen, note).send()


if __name__ == "__main__":
    main()

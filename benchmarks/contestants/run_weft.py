"""weft in its own process: the explorer as ``weft check`` runs it, with all bookkeeping, and the report of findings."""

from __future__ import annotations

import importlib
from time import perf_counter, process_time

from answer import Answer, Question, question
from programs import Orders, Program, program

from weft.checkers.exploration.explore import Budget, Exploration, explore, record_problems
from weft.simcore.explored import quiet_garbage
from weft.simcore.trace import Header


class FirstFinding(Exception):
    """Raised between two executions, once there is something to report."""


def main() -> None:
    asked = question()
    orders: Orders = set()
    run = program(asked.row, asked.philosophers, orders)
    # What weft imports with its first report; no contestant's imports are timed.
    importlib.import_module("networkx")
    importlib.import_module("numpy")
    quiet_garbage()
    began, began_cpu = perf_counter(), process_time()
    explored = to_first_finding(run, asked) if asked.row == "dining-first" else exploration(run, asked)
    findings = record_problems(run, explored, Header(asked.row, "explored", "", {}, asked.seed))
    seconds, cpu_seconds = perf_counter() - began, process_time() - began_cpu
    if explored.gave_up:
        Answer("inconclusive", note=explored.gave_up).send()
    Answer(
        "finding" if findings else "clean" if explored.exhaustive else "unfinished",
        explored.executions,
        seconds,
        cpu_seconds,
        len(orders) if asked.row.startswith("append-") else None,
        ", ".join(sorted({finding.rule for finding, _, _ in findings})),
    ).send()


def exploration(run: Program, asked: Question) -> Exploration:
    return explore(run, "dpor", Budget(max_seconds=asked.limit, keep_going=True), seed=asked.seed)


def to_first_finding(run: Program, asked: Question) -> Exploration:
    reached: list[Exploration] = []

    def look(now: Exploration) -> None:
        if now.problems:
            reached.append(now)
            raise FirstFinding

    try:
        return explore(run, "dpor", Budget(max_seconds=asked.limit), seed=asked.seed, progress=look)
    except FirstFinding:
        return reached[0]


if __name__ == "__main__":
    main()

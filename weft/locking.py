"""One run of a target for its lock order, in the child process: predict, confirm by replay, save what was reached.

The command line (weft.cli_traces) asks for it through weft.worker.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from . import __version__
from .checkers.exploration.directed import predict_and_confirm
from .checkers.exploration.explore import Problem, Recorded
from .checkers.finding import Finding, Result
from .checkers.lock_order import LockOrder
from .checking import GaveUp, _save
from .failure_file import FAILURES
from .lock_graph import graph_of
from .options import Options
from .simcore.explored import Outcome
from .simcore.trace import Header
from .sources import program_files


def answer(target: Any, job: dict[str, Any]) -> dict[str, Any]:
    """The result and the lock graph, as builtins; the files of the run's trace, when the job says where to put it.

    Raises:
        GaveUp: the program could not be run in the explored world.
        TargetError, Divergence: as for a check.
    """
    started = perf_counter()
    options = Options(**job["options"])
    parameters = job["parameters"]
    header = Header(target.text, "explored", __version__, parameters, options.seed)
    forecast = predict_and_confirm(
        lambda: target.run(parameters),
        header,
        target=target,
        budget=options.budget(),
        accesses=options.races,
        length_max=job["length_max"],
    )
    execution = forecast.first.execution
    if execution.outcome in (Outcome.REFUSED, Outcome.STALLED):
        raise GaveUp(execution.refusal)
    rows = [(finding, first_problem(forecast.first), forecast.first) for finding in forecast.first.findings]
    rows += forecast.confirmed
    findings = [*forecast.first.findings, *forecast.findings]
    limits = list(forecast.order.limits)
    if options.save:
        for finding, problem, recorded in rows:
            try:
                finding.replay = str(_save(target, parameters, job["argv"], options, finding, problem, recorded))
            except OSError as error:
                limits.append(f"nothing to replay: {FAILURES} could not be written ({error.strerror})")
                break
    result = result_of("locks", target.text, findings, limits, forecast.order)
    result.seed, result.parameters = options.seed, parameters
    result.executions, result.steps = forecast.executions, forecast.steps
    result.seconds = round(perf_counter() - started, 3)
    result.files = program_files(target, [forecast.first.trace])
    traces: list[str] = []
    if job.get("traces_in"):
        path = Path(job["traces_in"]) / "run.weft"
        forecast.first.trace.save(path)
        traces.append(str(path))
    graph = msgspec.to_builtins(graph_of(forecast.order))
    return {"result": msgspec.to_builtins(result), "graph": graph, "traces": traces}


def first_problem(recorded: Recorded) -> Problem:
    """The fair run itself, when it already failed."""
    execution = recorded.execution
    index_of = {thread.uid: thread.index for thread in execution.threads}
    return Problem(tuple(index_of[uid] for uid in execution.schedule), execution.outcome, (), 0)


def result_of(
    command: str, target: str, findings: list[Finding], limits: list[str], order: LockOrder | None = None
) -> Result:
    """A result about one run: never exhaustive, so without findings it is ``incomplete``."""
    return Result(
        weft=__version__,
        command=command,
        target=target,
        seed=0,
        verdict="findings" if findings else "incomplete",
        exhaustive=False,
        executions=1,
        steps=0 if order is None else len(order.trace),
        seconds=0.0,
        engine="trace" if command == "analyze" else "lock order",
        limits=limits,
        findings=findings,
    )

"""What ``weft check`` says of every shipped program, and in how many executions it has seen them all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weft.checkers.finding import Result
from weft.models import WORKLOADS, Workload

Weft = Callable[..., dict[str, Any]]
Checked = Callable[..., Result]

EXECUTIONS = {
    "weft.models.dining:deadlocking": 7,
    "weft.models.dining:ordered": 6,
    "weft.models.bank_transfer:wrong": 3,
    "weft.models.bank_transfer:right": 2,
    "weft.models.queue_pool:wrong": 1,
    "weft.models.queue_pool:right": 36,
    "weft.models.condition_pool:wrong": 134,
    "weft.models.condition_pool:right": 872,
    "weft.models.producer_consumer:wrong": 4,
    "weft.models.producer_consumer:right": 6,
    "weft.models.executor:nested": 6,
    # 23 would do: the explorer does not tell which pool an idle worker belongs to.
    "weft.models.executor:two_pools": 30,
    "weft.models.executor:run": 13,
    "weft.models.hashing:run": 1,
    "weft.models.service:wrong": 154,
    "weft.models.service:right": 236,
    "weft.models.pool_map:run": 13,
    "weft.models.task_bag:run": 16,
    "weft.models.task_bag:longest_first": 16,
    "weft.models.condition_buffer:run": 88,
    "weft.models.lock_bound:run": 6,
    "weft.models.lock_striping:run": 3,
    "weft.models.pipeline:run": 1,
    "weft.models.uneven_barrier:run": 2,
    "weft.models.mixed:run": 1,
    "weft.models.pure_python:run": 1,
    "weft.models.cached_service:run": 76,
    "weft.models.cached_service:coalesced": 12,
    "weft.models.work_stealing:run": 9,
    "weft.models.work_stealing:static": 1,
    "weft.models.open_loop:run": 8,
    "weft.models.data_parallel:run": 4,
    "weft.models.fork_join:run": 1,
}
"""Fewer means that schedules were missed, more that some were run twice. test_schedule_counts.py and
test_workload_counts.py count most of them a second time, without weft."""

SAYS = {
    "dining": {("philosopher-0", "forks[0]", "forks[1]"), ("philosopher-2", "forks[2]", "forks[0]")},
    "bank_transfer": {
        ("teller-0", "accounts[0].lock", "accounts[1].lock"),
        ("teller-1", "accounts[1].lock", "accounts[0].lock"),
    },
    "queue_pool": {("MainThread", "", "pending")},
    "condition_pool": {("worker-0", "", "EndlessPool.changed"), ("worker-1", "", "EndlessPool.changed")},
    "producer_consumer": {("producer-0", "lock", "slots"), ("consumer", "lock", "slots")},
    "pool_starvation": {("ThreadPoolExecutor-0_0", "", "Future of pool")},
    "service": {("reporter", "Metrics.lock", "Cache.lock"), ("worker-0", "Cache.lock", "Metrics.lock")},
}
"""Thread, what it holds, what it waits for: rows that the findings must contain, in the program's own names."""

WRONG = [workload for workload in WORKLOADS if workload.wrong]


def named(workload: Workload) -> str:
    return workload.name


@pytest.mark.parametrize("workload", WRONG, ids=named)
def test_the_wrong_program_is_found_with_names_and_lines(weft: Weft, workload: Workload) -> None:
    assert workload.wrong is not None
    result = weft("check", workload.wrong)
    assert (result["code"], result["verdict"], result["exhaustive"]) == (1, "findings", True)
    assert result["executions"] == EXECUTIONS[workload.wrong]
    assert {(finding["rule"], finding["certainty"]) for finding in result["findings"]} == {(workload.rule, "confirmed")}
    waiting = [thread for finding in result["findings"] for thread in finding["threads"] if thread.get("waits")]
    holds = [" ".join(hold["object"] for hold in thread["holds"]) for thread in waiting]
    said = {(thread["name"], held, thread["waits"]["object"]) for thread, held in zip(waiting, holds, strict=True)}
    assert said >= SAYS[workload.name]
    file = workload.wrong.partition(":")[0].rpartition(".")[2] + ".py:"
    assert all(thread["waits"]["at"].startswith(file) for thread in waiting)


@pytest.mark.slow
@pytest.mark.parametrize("workload", WRONG, ids=named)
def test_every_failure_is_reproduced(weft: Weft, workload: Workload) -> None:
    assert workload.wrong is not None
    for finding in weft("check", workload.wrong)["findings"]:
        again = weft("replay", finding["replay"])
        assert again["code"] == 1
        assert [found["fingerprint"] for found in again["findings"]] == [finding["fingerprint"]]


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_the_right_program_is_clean_in_every_schedule(checked: Checked, workload: Workload) -> None:
    result = checked(workload.right, **workload.small)
    assert (result.verdict, result.exhaustive, result.findings) == ("clean", True, [])
    assert result.executions == EXECUTIONS[workload.right]


EXAMPLES = [path.stem for path in (Path(__file__).parents[2] / "examples").glob("*.py")]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in EXAMPLES if not name.startswith("gpu_")])
def test_an_example_gets_the_verdict_that_its_readme_promises(weft: Weft, repository: Path, name: str) -> None:
    readme = (repository / "examples" / "README.md").read_text()
    (row,) = (line for line in readme.splitlines() if f"]({name}.py)" in line)
    promised = row.split("|")[2].strip()
    example = repository / "examples" / f"{name}.py"
    command = re.search(rf"`weft check examples/{name}\.py(.*)`", example.read_text())
    options = command[1].split() if command else []
    target = f"{example}{options.pop(0)}" if options and options[0].startswith(":") else str(example)
    result = weft("check", target, *options)
    rules = {finding["rule"] for finding in result["findings"]} or {result["verdict"]}
    assert (rules, result["exhaustive"], result["code"]) == ({promised}, True, 0 if promised == "clean" else 1)


@pytest.mark.slow
def test_the_same_check_gives_the_same_result_but_for_the_time(weft: Weft) -> None:
    results = [weft("check", "weft.models.service:wrong") for _ in range(2)]
    for result in results:
        del result["seconds"]
    assert json.dumps(results[0]) == json.dumps(results[1])

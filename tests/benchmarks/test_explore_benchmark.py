"""benchmarks/explore.py: it runs, its answers about weft are right, its table fits. Nothing here is about speed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = "benchmarks/explore.py"


def run(repository: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, "--rounds", "1", "--python312", "no-such-python", *options],
        cwd=repository,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=240,
    )


@pytest.fixture(scope="module")
def script(repository: Path) -> Any:
    """The script as a module, for its report."""
    spec = importlib.util.spec_from_file_location("explore_benchmark", repository / SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = ModuleType(spec.name)
    module.__file__ = str(repository / SCRIPT)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.slow
def test_every_row_for_weft(repository: Path, tmp_path: Path) -> None:
    kept = tmp_path / "samples.json"
    done = run(repository, "--philosophers", "3", "--limit", "60", "--machine", "a test", "--json", str(kept))
    assert done.returncode == 0, done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    content = json.loads(kept.read_text(encoding="utf-8"))
    assert content["machine"].startswith("a test, ")
    samples = {sample["row"]: sample for sample in content["samples"] if sample["contestant"] == "weft"}
    counted = {row: sample["executions"] for row, sample in samples.items()}
    # The closed forms: 2^n - 2 and 2^n - 1 tables, (NK)!/(K!)^N orders.
    assert counted["dining-ordered"] == 6
    assert counted["dining-all"] == 7
    assert 1 <= counted["dining-first"] <= 7
    orders = {row.removeprefix("append-"): sample["orders"] for row, sample in samples.items() if "append" in row}
    assert orders == {"2x1": 2, "2x2": 6, "3x1": 6, "3x2": 90}
    assert all(counted[f"append-{size}"] == number for size, number in orders.items())
    rules = {row: sample["note"] for row, sample in samples.items() if sample["verdict"] == "finding"}
    assert rules == {
        "dining-first": "D001",
        "dining-all": "D001",
        "put-under-lock": "D003",
        "queue-join": "D003",
        "lost-wakeup": "D004",
        "pool-in-pool": "D005",
        "cold-start": "",
    }


@pytest.mark.slow
def test_a_rival_that_cannot_be_installed_is_named_with_the_reason(repository: Path) -> None:
    done = run(repository, "--rows", "append-2x1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "interleave-test: not installed: --python312 no-such-python cannot be run" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith("append 2x1"))
    assert "2 of 2, clean, 2" in row
    assert row.endswith("not installed")


def test_an_unknown_row_is_named(repository: Path) -> None:
    done = run(repository, "--rows", "append-2x1,dinning")
    assert done.returncode == 1
    assert done.stderr.startswith("no row called 'dinning'; there are dining-ordered, ")


def test_verdicts_orders_times_and_ratios_in_a_full_table(script: Any) -> None:
    contestants = [script.Contestant(name, "python", "1.0", "3.12.1") for name in script.NAMES]
    rows = {row.name: row for row in script.rows(4)}
    chosen = [rows[name] for name in ("append-3x2", "lost-wakeup", "dining-all")]

    def sample(row: str, name: str, verdict: str, executions: int, seconds: float, orders: int | None = None) -> Any:
        note = "stops at first finding" if verdict == "cannot" else ""
        return script.Sample(0, row, name, verdict, executions, seconds, seconds, orders, seconds, note)

    samples = [
        sample("append-3x2", "weft", "clean", 90, 0.015, 90),
        sample("append-3x2", "frontrun", "clean", 123_776, 3.0, 30),
        sample("append-3x2", "interleave-test", "unfinished", 3703, 10.0, 60),
        sample("lost-wakeup", "weft", "finding", 1, 0.002),
        sample("lost-wakeup", "weft", "finding", 3, 0.004),
        sample("lost-wakeup", "weft", "finding", 1, 0.001),
        sample("lost-wakeup", "frontrun", "clean", 3, 0.007),
        sample("lost-wakeup", "interleave-test", "inconclusive", 1, 0.001),
        sample("lost-wakeup", "interleave-test", "unfinished", 1, 0.001),
        sample("dining-all", "weft", "finding", 15, 0.005),
        sample("dining-all", "frontrun", "failed", 0, 1.0),
        sample("dining-all", "interleave-test", "cannot", 0, 0.0),
    ]
    assert "\n".join(script.table(contestants, chosen, samples)[3:]) == (
        "append 3x2, one lock:   90 of 90, clean, 90      30 of 90, clean, 123,776 60 of 90, cut off, 3,703\n"
        "90 orders exist         15 ms, 6,000/s           3 s, 41,259/s (200x)     10 s, 370/s (>670x)\n"
        "Condition: notify       found, 1 run             MISSED, 3 runs           cut off/inconclusive\n"
        "before the wait         2 ms                     7 ms (3.5x)              1 ms (>0.5x)\n"
        "dining, n=4, deadlock:  found, 15 runs           failed                   cannot:\n"
        "to exhaustion           5 ms, 3,000/s            its end is in the JSON   stops at first finding"
    )


def test_only_the_right_answer_counts_for_weft(script: Any) -> None:
    chosen = script.rows(4)

    def right(row: str, verdict: str, orders: int | None = None) -> bool:
        return script.right(script.Sample(0, row, "weft", verdict, 1, 1.0, 1.0, orders, 1.0, ""), chosen)

    assert right("append-3x2", "clean", 90)
    assert not right("append-3x2", "clean", 89)
    assert not right("append-3x2", "unfinished", 90)
    assert right("queue-join", "finding")
    assert not right("queue-join", "clean")
    assert not right("dining-ordered", "finding")

"""benchmarks/gpu.py: it runs, measures every program beside torch and keeps its samples. Nothing here is about speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
pytest.importorskip("torch", reason="torch is in the test extra for Python 3.11 only")


def test_it_prints_a_row_for_each_program_and_keeps_every_sample(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "samples.json"
    sizes = ["--rounds", "2", "--operations", "200", "--remembered", "2000"]
    command = [sys.executable, "benchmarks/gpu.py", *sizes, "--json", str(file)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    values = json.loads(file.read_text())
    assert set(values["programs"]) == {"z = x + y", "training step", "8 streams, events"}
    for name, row in values["programs"].items():
        assert {len(row[kind]) for kind in ("plain_s", "recorded_s", "checked_s", "rival_s")} == {2}
        assert row["operations_checked"] >= row["operations"] >= 150
        assert row["rival_errors"] == 0, "these programs have no race"
        assert done.stdout.count(name) >= 2
    assert all(row["rows_mb"] > 0 for row in values["remembered"]["programs"].values())
    assert all(len(line) <= 90 for line in done.stdout.splitlines())

"""benchmarks/rewriting.py: it runs, measures every row and keeps its samples. Nothing here is about speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_it_prints_a_row_for_each_loop_and_keeps_every_sample(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "samples.json"
    command = [sys.executable, "benchmarks/rewriting.py", "--iterations", "50", "--rounds", "2", "--json", str(file)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "self.number += 1" in lines[4]
    assert lines[4].endswith("<= 8.0x")
    assert len(lines) == 9
    assert all(len(line) <= 80 for line in lines)
    samples = json.loads(file.read_text())["samples_ns"]
    assert {len(each) for row in samples.values() for each in row.values()} == {2}
    assert set(samples["attribute"]) == {"plain", "passive", "logged"}

"""benchmarks/fasttrack.py and benchmarks/recording.py: they run and their tables say what was measured; nothing about speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def run(repository: Path, script: str, folder: Path, *options: str) -> tuple[str, dict[str, Any]]:
    result = folder / "result.json"
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}", "--rounds", "1", "--json", str(result), *options],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(result.read_text())


def test_fasttrack(repository: Path, tmp_path: Path) -> None:
    text, values = run(repository, "fasttrack.py", tmp_path, "--events", "20000")
    rows = {row["name"]: row for row in values["rows"]}
    for name in ("weft, compiled", "weft, plain"):
        assert rows[name]["events"] >= 20_000
        assert rows[name]["bytes_an_event"] > 0
        assert len(rows[name]["seconds"]) == 1
        assert f"{name:<28}" in text
    for name in ("C program alone", "Helgrind", "DRD", "ThreadSanitizer"):
        assert rows[name]["reason"] or rows[name]["events"] >= 20_000, "measured, or the reason why not"


def test_recording(repository: Path, tmp_path: Path) -> None:
    text, values = run(repository, "recording.py", tmp_path)
    assert set(values["programs"]) >= {"with lock", "lock every 2 us", "compute"}
    for name, row in values["programs"].items():
        assert row["events"] > 0
        assert len(row["plain_s"]) == len(row["recorded_s"]) == 1
        assert name in text

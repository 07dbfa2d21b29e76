"""The programs with streams in ``examples/``: the planted bugs are found, by the installed command, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAMS = {
    "gpu_prefetching_trainer": {("G001", "self.inputs"), ("G001", "self.labels"), ("G002", "on_device")},
    "gpu_inference_server": {("G001", "Server.model"), ("G001", "answer"), ("G002", "Server.model")},
    "gpu_pipelined_stages": {("G001", "scaled"), ("G001", "self.out")},
}
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is in the test extra for Python 3.11 only"
)


def check(program: str, place: Path, *more: str) -> dict[str, object]:
    target = f"{ROOT}/examples/{program}.py:main"
    result = place / "result.json"
    command = [sys.executable, "-m", "weft", "check", target, "--gpu", "virtual", "--json", str(result), *more]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(result.read_text())


def told(result: dict[str, object]) -> set[tuple[str, str]]:
    """Of each finding the rule and the tensor that it speaks of."""
    found: set[tuple[str, str]] = set()
    findings = result["findings"]
    assert isinstance(findings, list)
    for finding in findings:
        name = re.search(r"(?:reads|writes) ([\w.]+)", finding["message"])
        assert name is not None, finding["message"]
        found.add((finding["rule"], name[1]))
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_planted_bugs_are_found_and_nothing_else(program: str, tmp_path: Path) -> None:
    result = check(program, tmp_path)
    assert told(result) == PROGRAMS[program]
    rules = ", ".join(sorted({rule for rule, _ in PROGRAMS[program]}))
    page = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    assert f"[{program}.py]({program}.py) | {rules} |" in page


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_careful_one_is_clean(program: str, tmp_path: Path) -> None:
    result = check(program, tmp_path, "--set", "careful=True")
    assert (result["verdict"], result["exhaustive"], result["findings"]) == ("clean", True, [])

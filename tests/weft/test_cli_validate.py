"""validate and calibrate from the outside: what they refuse, what they look for, and one small run of each."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from weft import suite_command
from weft.cli_validate import calibration_table
from weft.real_runs import interpreter
from weft.real_runs.suite_plan import Plan
from weft.simcore.profile import Profile
from weft.suite_command import shown

from .conftest import Weft


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--suite", "prog.py"], "leave the TARGET out"),
        (["--suite", "--set", "a=1"], "--set has no meaning with --suite"),
        (["--suite", "--cores", "2"], "--cores has no meaning with --suite"),
        (["--suite", "--pinned"], "--pinned has no meaning with --suite"),
        (["--suite", "--gil", "both"], "one mode of the GIL at a time"),
        (["--suite", "--family", "pipelines"], "did you mean 'pipeline'?"),
        (["--suite", "--python", "/nowhere/python"], "no Python at '/nowhere/python'"),
        (["--suite", "--machine", "laptop"], "no machine profile 'laptop'"),
        (["--suite", "--machine", "ideal", "--repeat", "100000"], "write --yes to go on"),
        (["--suite", "--json", "none/x.json"], "there is no folder"),
        (["--quick", "prog.py"], "write --suite, too"),
        (["--family", "pool", "prog.py"], "--family chooses from the suite"),
        (["prog.py:main", "--python", "/nowhere/python"], "no Python at '/nowhere/python'"),
        ([], "no target"),
    ],
)
def test_what_validate_refuses(weft: Weft, options: list[str], message: str) -> None:
    weft.write("prog.py", "def main():\n    pass\n")
    done = weft("validate", *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.message


def test_an_interpreter_with_a_gil_cannot_do_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(interpreter, "gil_enabled", lambda: True)
    monkeypatch.setattr(interpreter, "gil_optional", lambda: False)
    suite_command._check_own(gil=True)
    with pytest.raises(click.exceptions.Exit):
        suite_command._check_own(gil=False)
    assert "--gil off: this interpreter has a GIL" in capsys.readouterr().err


def test_a_profile_that_lies_here_is_used(weft: Weft) -> None:
    weft.write("machine.json", '{"schema": "weft.profile/1", "lock_ns": -1}')
    for arguments in (["--suite"], ["prog.py:main"]):
        weft.write("prog.py", "def main():\n    pass\n")
        done = weft("validate", *arguments)
        assert done.code == 2
        assert "machine.json: lock_ns is -1" in done.message


@pytest.mark.slow
def test_one_program_of_the_suite(weft: Weft) -> None:
    options = ["--suite", "--quick", "--family", "barrier", "--repeat", "2", "--machine", "default"]
    done = weft("validate", *options, "--json", "r.json", "--html", "r.html", limit_s=200)
    assert done.code == 0
    assert "about " in done.err
    result = weft.result("r.json")
    assert result["schema"] == "weft.suite/1"
    assert {row["workload"] for row in result["rows"]} == {"uneven barrier"}
    assert all(row["raw_seconds"] > 0 for row in result["rows"])
    assert {row["verdict"] for row in result["rows"]} <= {"no verdict", "bound only"}, "two runs are no verdict"
    assert all("clean runs of" in row["note"] for row in result["rows"] if row["verdict"] == "no verdict")
    assert (weft.folder / result["frozen"]["predictions_file"]).is_file()
    assert "uneven barrier" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    assert "<svg" in (weft.folder / "r.html").read_text(encoding="utf-8")
    assert result["timelines"]["real"].endswith("real.weft")


@pytest.mark.slow
def test_validate_on_a_bare_interpreter_says_so(weft: Weft) -> None:
    script = weft.folder / "python"
    script.write_text(f'#!/bin/sh\nunset PYTHONPATH\nexec {os.path.realpath(sys.executable)} -S "$@"\n')
    script.chmod(0o755)
    weft.write(
        "prog.py",
        "import sys, time\ndef main():\n    time.sleep(0.02)\n"
        "    assert 'weft.worker' in sys.modules or 'msgspec' not in sys.modules\n",
    )
    done = weft("validate", "prog.py:main", "--python", str(script), "--repeat", "2", "--pinned", "--json", "r.json")
    assert done.code == 0
    result = weft.result("r.json")
    assert result["pinned"] is True
    (run,) = result["runs"]
    assert run["verdict"] == "no verdict"
    assert run["note"], "the evidence"


def sample(unit: str, median: float) -> dict[str, Any]:
    return {"unit": unit, "median": median, "interval": [median * 0.9, median * 1.1], "n": 42}


def test_the_table_of_a_calibration() -> None:
    machine = {
        "cpu": "A processor",
        "cores": 2,
        "kernel": "Linux 6",
        "implementation": "CPython",
        "python": "3.11.7",
        "load_average": [0.1, 0.2, 0.3],
        "date": "2030-01-01T00:00:00+00:00",
    }
    profile = Profile(machine=machine, samples={"lock": sample("ns", 1234.5), "co_run_hash_2": sample("ratio", 1.02)})
    lines = calibration_table(profile).splitlines()
    assert lines[1].split() == ["lock", "1,234", "ns", "1,111", "ns", "..", "1,358", "ns", "42"]
    assert lines[2].split() == ["co_run_hash_2", "1.020", "0.918", "..", "1.122", "42"]
    assert lines[3] == "A processor, 2 cores, Linux 6, CPython 3.11.7"
    assert lines[4] == "load 0.1, 0.2, 0.3; 2030-01-01T00:00:00+00:00; valid for 30 days"
    assert max(map(len, lines)) <= 80


def test_progress_says_how_long_a_step_still_takes() -> None:
    clock = iter([0.0, 10.0, 20.0])
    said: list[str] = []
    progress = shown(said.append, lambda: next(clock))
    progress("measuring pipeline", 0, 4)
    progress("measuring pipeline", 1, 4)
    progress("measuring pipeline", 4, 4)
    assert said == [
        "measuring pipeline: 0 of 4",
        "measuring pipeline: 1 of 4, 30 seconds left in this step",
        "measuring pipeline: 4 of 4",
    ]


def test_a_plan_keeps_its_files_in_our_own_folder() -> None:
    assert Plan(workloads=(), counts=(1,), profile=Profile()).folder == Path(".weft")

"""``weft locks`` and ``weft analyze`` from the outside: what they print, write and refuse, and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from weft import cli_traces
from weft.simcore import std_format
from weft.simcore.trace import load

from .conftest import LIMIT_S

COMMAND = Path(sys.executable).parent / "weft"

PROGRAM = """\
    import threading

    g, a, b = threading.Lock(), threading.Lock(), threading.Lock()

    def nested(*locks):
        for lock in locks:
            lock.acquire()
        for lock in reversed(locks):
            lock.release()

    def run(*rounds):
        for bodies in rounds:
            threads = [
                threading.Thread(target=nested, args=locks, name=name) for name, locks in zip(("one", "two"), bodies)
            ]
            for thread in threads: thread.start()
            for thread in threads: thread.join()

    def cycle():
        run([(a, b), (b, a)])

    def gate():
        run([(g, a, b), (g, b, a)])

    def same_thread():
        nested(a, b); nested(b, a)
        run([(a,), (b,)])

    def join_ordered():
        run([(a, b)], [(b, a)])

    def no_lock(times=1):
        run()

    def stuck():
        a.acquire(); a.acquire()

    def loops():
        while True: pass
    """
CROSSED = "".join(f"{line}\n" for line in (
    "T1|acq(A)|1", "T1|acq(B)|2", "T1|rel(B)|3", "T1|rel(A)|4", "T2|acq(B)|5", "T2|acq(A)|6", "T2|rel(A)|7", "T2|rel(B)|8"
))  # fmt: skip


class Weft:
    """Runs the installed command in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, code: int) -> str:
        """Standard output, or for an error the message, which has to be one."""
        done = subprocess.run(
            [str(COMMAND), *arguments],
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "80"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        if code > 1:
            assert done.stdout == ""
            return done.stderr
        assert all(len(line) <= 80 for line in done.stdout.splitlines()) or {"--format", "--json"} & {*arguments}
        return done.stdout

    def json(self, *arguments: str, code: int) -> dict[str, Any]:
        return json.loads(self(*arguments, "--json", "-", code=code))


@pytest.fixture
def weft(tmp_path: Path) -> Weft:
    (tmp_path / "prog.py").write_text(textwrap.dedent(PROGRAM))
    (tmp_path / "crossed.std").write_text(CROSSED)
    return Weft(tmp_path)


@pytest.mark.parametrize(
    ("function", "code", "last", "rejected"),
    [
        ("cycle", 1, "1 finding: D002", ""),
        ("gate", 0, "nothing predicted from this run", "1 gate lock"),
        ("same_thread", 0, "nothing predicted from this run", "1 one thread only"),
        ("join_ordered", 0, "nothing predicted from this run", "1 start, join, value"),
    ],
)
def test_the_four_variants(weft: Weft, function: str, code: int, last: str, rejected: str) -> None:
    out = weft("locks", f"prog.py:{function}", code=code)
    assert out.rstrip().splitlines()[-1] == last
    assert ("rejected" in out) == bool(rejected)
    assert rejected in " ".join(out.split())


@pytest.mark.slow
def test_a_confirmed_prediction_reads_well_and_replays(weft: Weft) -> None:
    out = weft("locks", "prog.py:cycle", code=1)
    assert out.startswith("D002 lock-order (confirmed) at prog.py:7\n")
    assert "one holds a (prog.py:7), wants b (prog.py:7)" in out
    assert "two holds b (prog.py:7), wants a (prog.py:7)" in out
    assert "a → b  one prog.py:7  in a predicted deadlock" in out
    command = next(line for line in out.splitlines() if "replay: weft replay" in line).split()[2:]
    again = weft(*command, code=1)
    assert "D001 deadlock" in again
    assert "reproduced" in again


@pytest.mark.slow
def test_json_holds_the_graph(weft: Weft) -> None:
    result = weft.json("locks", "prog.py:gate", code=0)
    assert (result["schema"], result["command"], result["verdict"]) == ("weft.result/1", "locks", "incomplete")
    assert {(row["held"], row["wanted"]) for row in result["graph"]["edges"]} >= {("a", "b"), ("b", "a"), ("g", "a")}
    assert result["graph"]["rejected"] == [{"locks": ["a", "b"], "reason": "gate"}]
    assert sorted(result["graph"]["locks"]) == ["a", "b", "g"]


def test_pictures(weft: Weft) -> None:
    weft("locks", "prog.py:cycle", "--dot", "x.dot", "--mermaid", "x.mmd", "--svg", "x.svg", "-q", code=1)
    assert '"a" -> "b"' in (weft.folder / "x.dot").read_text()
    assert (weft.folder / "x.mmd").read_text().startswith("flowchart LR\n")
    assert ElementTree.fromstring((weft.folder / "x.svg").read_text()).tag.endswith("svg")


@pytest.mark.slow
def test_explain_names_the_rejected_cycles(weft: Weft) -> None:
    assert "a → b → a: gate lock" in weft("locks", "prog.py:gate", "--explain", code=0)


@pytest.mark.slow
def test_a_run_that_ends_badly_is_reported_as_such(weft: Weft) -> None:
    assert weft("locks", "prog.py:stuck", code=1).rstrip().splitlines()[-1] == "1 finding: D006"


@pytest.mark.slow
def test_a_program_without_locks(weft: Weft) -> None:
    assert "0 locks, 0 taken while another was held" in weft("locks", "prog.py:no_lock", code=0)


def test_a_trace_is_read_and_nothing_is_run(weft: Weft) -> None:
    out = weft("locks", "crossed.std", "--svg", "x.svg", code=1)
    assert "D002 lock-order (predicted) at crossed.std:2" in out
    assert "T1 holds A (crossed.std:1), wants B (crossed.std:2)" in out
    assert not (weft.folder / ".weft").exists()


@pytest.mark.slow
def test_github_format(weft: Weft) -> None:
    out = weft("locks", "prog.py:cycle", "--format", "github", code=1)
    assert "::error" in out
    assert "line=7" in out
    assert "D002 lock-order" in out


@pytest.mark.slow
def test_sarif_and_a_report_of_a_target(weft: Weft) -> None:
    weft("locks", "prog.py:cycle", "--sarif", "x.sarif", "--html", "x.html", "-q", code=1)
    run = json.loads((weft.folder / "x.sarif").read_text())["runs"][0]
    (one,) = run["results"]
    assert (one["ruleId"], one["level"]) == ("D002", "error")
    assert one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "prog.py"
    assert run["invocations"][0]["exitCode"] == 1
    report = (weft.folder / "x.html").read_text()
    assert "lock-order" in report
    assert "weft locks prog.py:cycle" in report


@pytest.mark.parametrize(("command", "code"), [("locks", 1), ("analyze", 1)])
def test_sarif_and_a_report_of_a_trace(tmp_path: Path, command: str, code: int) -> None:
    (tmp_path / "crossed.std").write_text(CROSSED)
    places = {"--sarif": tmp_path / "x.sarif", "--html": tmp_path / "x.html"}
    arguments = [str(tmp_path / "crossed.std"), *(str(part) for pair in places.items() for part in pair)]
    done = CliRunner().invoke({"locks": cli_traces.locks, "analyze": cli_traces.analyze}[command], arguments)
    assert done.exit_code == code
    (one,) = json.loads(places["--sarif"].read_text())["runs"][0]["results"]
    assert (one["ruleId"], one["level"]) == ("D002", "warning")
    assert "crossed.std:2" in places["--html"].read_text()


@pytest.mark.slow
def test_a_comment_suppresses(weft: Weft) -> None:
    path = weft.folder / "prog.py"
    path.write_text(path.read_text().replace("lock.acquire()", "lock.acquire()  # weft: ignore[D002] never both"))
    out = weft("locks", "prog.py:cycle", code=0)
    assert out.rstrip().splitlines()[-1] == "nothing but 1 suppressed finding predicted from this run"
    assert "D002 by # weft: ignore[D002] (prog.py:7)" in out
    weft("record", "prog.py:cycle", "-o", "run.weft", code=0)
    for command in ("locks", "analyze"):
        result = weft.json(command, "run.weft", code=0)
        assert [each["rule"] for each in result["suppressed"]] == ["D002"]
        assert (result["findings"], result["verdict"]) == ([], "incomplete")


@pytest.mark.parametrize("command", ["locks", "analyze"])
def test_the_configuration_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("crossed.std").write_text(CROSSED)
    Path("pyproject.toml").write_text('[tool.weft]\nignore = ["D002:A"]\n')
    Path("other.toml").write_text('[tool.weft]\nignore = ["D002:C"]\nseed = 3\n')
    Path("wrong.toml").write_text("[tool.weft]\nsed = 3\n")
    run = {"locks": cli_traces.locks, "analyze": cli_traces.analyze}[command]
    aside = CliRunner().invoke(run, ["crossed.std"])
    assert (aside.exit_code, "D002 by D002:A (pyproject.toml)" in aside.stdout) == (0, True)
    assert CliRunner().invoke(run, ["crossed.std", "--config", "other.toml"]).exit_code == 1
    wrong = CliRunner().invoke(run, ["crossed.std", "--config", "wrong.toml"])
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "did you mean seed?" in wrong.stderr


@pytest.mark.slow
def test_options_of_the_configuration_hold_until_the_command_line_says_otherwise(weft: Weft) -> None:
    (weft.folder / "pyproject.toml").write_text("[tool.weft]\nseed = 7\ntimeout = 0.3\nstrategy = 'pct'\n")
    result = weft.json("locks", "prog.py:cycle", code=1)
    assert (result["seed"], result["engine"]) == (7, "lock order")
    assert weft.json("locks", "prog.py:cycle", "--seed", "2", code=1)["seed"] == 2
    assert "--timeout" in weft("locks", "prog.py:loops", code=4)


@pytest.mark.slow
def test_what_record_wrote_is_analyzed(weft: Weft) -> None:
    weft("record", "prog.py:join_ordered", "-o", "run.weft", code=0)
    assert weft("analyze", "run.weft", code=0).rstrip().splitlines()[-1] == "nothing found in this trace"
    assert "1 start, join, value" in " ".join(weft("locks", "run.weft", code=0).split())
    (weft.folder / "whole.weft").write_bytes((weft.folder / "run.weft").read_bytes())
    weft("analyze", "run.weft", "--std", "run.std", code=0)
    exported = std_format.load(weft.folder / "run.std")
    assert {row.name for row in exported.tables.objects if row.kind == "Lock"} == {"a", "b"}
    assert len(exported) < len(load(weft.folder / "run.weft")), "begin and end have no word in STD"


@pytest.mark.slow
def test_analyze_tells_of_every_checker(weft: Weft) -> None:
    (weft.folder / "stuck.std").write_text("T1|acq(A)|1\nT2|acq(B)|2\nT1|req(B)|3\nT2|req(A)|4\n")
    result = weft.json("analyze", "stuck.std", code=1)
    assert [finding["rule"] for finding in result["findings"]] == ["D001"], "what was reached need not be predicted"
    assert (result["command"], result["steps"]) == ("analyze", 4)
    assert weft("locks", "stuck.std", code=1).rstrip().splitlines()[-1] == "1 finding: D002"


VALUE = """\
    import threading

    a, b, first = threading.Lock(), threading.Lock(), threading.Lock()

    class Box:
        seen = False

    box = Box()

    def one():
        with a:
            with b:
                box.full = True
        box.seen = True

    def two():
        with first:
            pass
        if box.seen:
            with b:
                with a:
                    pass

    def main():
        threads = [threading.Thread(target=body, name=body.__name__) for body in (one, two)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """


@pytest.mark.slow
def test_a_value_that_keeps_the_sections_apart_is_seen(weft: Weft) -> None:
    """Two takes the locks only after it read what one wrote at its end."""
    (weft.folder / "value.py").write_text(textwrap.dedent(VALUE))
    assert "1 start, join, value" in " ".join(weft("locks", "value.py:main", code=0).split())


def test_a_race_without_harm_is_a_note(weft: Weft) -> None:
    (weft.folder / "race.std").write_text("T1|w(x)|1\nT2|w(x)|2\n")
    result = weft.json("analyze", "race.std", code=0)
    assert result["findings"] == []
    assert len(result["notes"]) == 1
    assert "x" in result["notes"][0]


@pytest.mark.slow
def test_a_trace_cut_short_is_read_as_far_as_it_goes(weft: Weft) -> None:
    weft("record", "prog.py:gate", "-o", "run.weft", code=0)
    data = (weft.folder / "run.weft").read_bytes()
    (weft.folder / "cut.weft").write_bytes(data[:-30])
    assert "cut.weft was cut short: read" in " ".join(weft("analyze", "cut.weft", code=0).split())
    (weft.folder / "cut.weft").write_bytes(data[:60])
    assert "cut.weft" in weft("analyze", "cut.weft", code=2)


BAD_FILES = [
    ("empty.weft", b"", "empty.weft is not a trace"),
    ("empty.std", b"", "empty.std holds no event"),
    ("picture.weft", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "picture.weft is not a trace"),
    ("other.weft", b"PK\x03\x04 and no more", "other.weft"),
    ("foreign.jsonl", b'{"traceEvents": []}\n', "the first line must hold a weft trace header"),
    ("wrong.std", b"T1|acq(A)|1\nT1|cas(A)|2\n", "wrong.std:2: unknown operation 'cas'"),
    ("torn.std", b"T1|acq(A)|1\nT1|rel(", "torn.std:2: not an event of the STD format"),
    ("notes.txt", b"T1|acq(A)|1\nhello\n", "notes.txt:2: not an event"),
]


@pytest.mark.parametrize("command", ["locks", "analyze"])
def test_a_bad_file_is_refused_in_one_line(weft: Weft, command: str) -> None:
    name, content, says = BAD_FILES[5]
    (weft.folder / name).write_bytes(content)
    message = weft(command, name, code=2)
    assert message.startswith(f"weft: {says}")
    assert message.count("\n") == 1


@pytest.mark.parametrize(("name", "content", "says"), BAD_FILES)
def test_bad_files(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    """The same without a process each."""
    (tmp_path / name).write_bytes(content)
    for command in (cli_traces.locks, cli_traces.analyze):
        done = CliRunner().invoke(command, [str(tmp_path / name)])
        assert done.exit_code == 2
        assert says in done.stderr
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["locks"], "no target"),
        (["locks", "missing.weft"], "cannot read the trace missing.weft"),
        (["analyze", "missing.std"], "cannot read the trace missing.std"),
        (["analyze"], "Missing argument"),
        (["locks", "prog.py:no_lock", "--set", "times=1,2"], "give one value for each --set"),
        (["locks", "prog.py:cycle", "--svg", "nowhere/x.svg"], "there is no folder"),
        (["locks", "prog.py:cycle", "--length-max", "1"], "--length-max"),
        (["locks", "prog.py:cycle", "--sarif", "nowhere/x.sarif"], "there is no folder"),
        (["analyze", "run.weft", "--html", "nowhere/x.html"], "there is no folder"),
        (["analyze", "run.weft", "--config", "nowhere.toml"], "cannot read nowhere.toml"),
    ],
)
def test_wrong_usage(arguments: list[str], says: str) -> None:
    command = {"locks": cli_traces.locks, "analyze": cli_traces.analyze}[arguments[0]]
    done = CliRunner().invoke(command, arguments[1:])
    assert done.exit_code == 2
    assert says in done.stderr


@pytest.mark.slow
def test_a_target_that_is_not_there(weft: Weft) -> None:
    assert "missing.py" in weft("locks", "missing.py", code=2)


@pytest.mark.slow
def test_a_program_that_does_not_reach_an_operation_is_given_up(weft: Weft) -> None:
    assert "--timeout" in weft("locks", "prog.py:loops", "--timeout", "0.3", code=4)

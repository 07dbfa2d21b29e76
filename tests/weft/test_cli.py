"""The installed ``weft`` command from the outside: what it prints, where, and the exit code it ends with."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = Path(sys.executable).parent / "weft"
EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.py"))

AB_BA = """\
    import threading

    a = threading.Lock()
    b = threading.Lock()

    def one():
        with a:
            with b:
                pass

    def two():
        with b:
            with a:
                pass

    def main(crossed=True):
        first = threading.Thread(target=one, name="one")
        second = threading.Thread(target=two if crossed else one, name="two")
        first.start(); second.start()
        first.join(); second.join()

    if __name__ == "__main__":
        main()
    """
LONG = """\
    import threading
    locks = [threading.Lock() for _ in range(3)]

    def work():
        for lock in locks:
            with lock:
                pass

    def main(threads=5):
        open("executions.txt", "a").write("x")
        for _ in range(threads):
            threading.Thread(target=work).start()
    """
"""Far more schedules than anybody has time for; every execution leaves a letter in a file."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """Standard error as one line, for messages whose place of wrapping does not matter."""
        return " ".join(self.err.split())

    def verdict(self) -> str:
        """The last sentence of the text output: one line, or two when it does not fit."""
        lines = self.out.rstrip("\n").split("\n")
        start = max(number for number, line in enumerate(lines) if not line.startswith("  "))
        return " ".join(line.strip() for line in lines[start:])


@dataclass(frozen=True, slots=True)
class Weft:
    """Runs the command in a folder of its own."""

    folder: Path

    def write(self, name: str, source: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return name

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(COMMAND), *arguments],
            **{
                "cwd": self.folder,
                "env": environment(),
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                **options,
            },
        )

    def __call__(self, *arguments: str, limit_s: float = 60, **options: Any) -> Done:
        return ended(self.start(*arguments, **options), limit_s)

    def interrupted(self, *arguments: str, once: Callable[[], bool]) -> Done:
        """Run the command and press Ctrl-C as soon as ``once`` holds."""
        process = self.start(*arguments)
        deadline = time.monotonic() + 30
        while not once():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "the program never got so far"
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        return ended(process, 20)

    def size(self, name: str) -> int:
        path = self.folder / name
        return path.stat().st_size if path.exists() else 0

    def result(self, name: str = "result.json") -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    return {**kept, **more}


def ended(process: subprocess.Popen[str], limit_s: float) -> Done:
    try:
        out, err = process.communicate(timeout=limit_s)
    finally:
        process.kill()
    assert "Traceback" not in err
    assert "internal error" not in err
    return Done(process.returncode, out or "", err)


@pytest.fixture
def weft(tmp_path: Path) -> Weft:
    assert COMMAND.exists(), "weft is not installed here: pip install -e '.[test]'"
    return Weft(tmp_path)


@pytest.fixture
def ab_ba(weft: Weft) -> str:
    return weft.write("ab_ba.py", AB_BA)


def slowly(*values: Any) -> list[Any]:
    """Further parameters of a test, each quick but too many to be run every time."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


READERS = ["check", *slowly("predict", "record", "validate")]
"""Every command that reads a target."""

# Bad input: exit code 2, one message that names the thing and says what to do.


@pytest.mark.parametrize("command", READERS)
class TestUnreadableTarget:
    def test_missing_file(self, weft: Weft, command: str) -> None:
        done = weft(command, "nowhere.py")
        assert (done.code, done.out) == (2, "")
        assert done.err == f"weft: no such file: {weft.folder}/nowhere.py\n"

    def test_syntax_error(self, weft: Weft, command: str) -> None:
        done = weft(command, weft.write("bad.py", "x = 1\ndef f(:\n"))
        assert (done.code, done.out) == (2, "")
        assert done.err == f"weft: syntax error in {weft.folder}/bad.py:2: invalid syntax: def f(:\n"

    def test_function_not_found(self, weft: Weft, ab_ba: str, command: str) -> None:
        done = weft(command, "ab_ba.py:mian")
        assert (done.code, done.out) == (2, "")
        assert done.err == f"weft: no function 'mian' in {weft.folder}/ab_ba.py; did you mean 'main'?\n"

    def test_required_parameters(self, weft: Weft, command: str) -> None:
        done = weft(command, weft.write("f.py", "def f(depth, size, *, quick=True): pass\n") + ":f")
        assert (done.code, done.err) == (2, "weft: f() needs depth, size; give --set depth=VALUE --set size=VALUE\n")

    def test_unknown_parameter(self, weft: Weft, command: str) -> None:
        done = weft(command, weft.write("f.py", "def f(depth=1, *, quick=True): pass\n") + ":f", "--set", "dept=2")
        assert done.code == 2
        assert "f() cannot be called so" in done.err
        assert "'dept'" in done.err
        assert "it takes depth, quick" in done.err

    def test_no_target(self, weft: Weft, command: str) -> None:
        done = weft(command)
        assert (done.code, done.out) == (2, "")
        assert "weft: no target; write path.py, path.py:function, package.module:function or -m package" in done.err

    def test_unknown_module(self, weft: Weft, command: str) -> None:
        done = weft(command, "nowhere.at_all:main")
        assert done.code == 2
        assert "no module named 'nowhere" in done.err

    def test_what_is_no_target_at_all(self, weft: Weft, command: str) -> None:
        done = weft(command, "program")
        assert done.code == 2
        assert "'program' is not a target; write path.py" in done.err


@pytest.mark.parametrize("command", READERS)
def test_syntax_error_in_an_imported_module_of_the_program(weft: Weft, command: str) -> None:
    weft.write("part.py", "def f(:\n")
    done = weft(command, weft.write("whole.py", "import part\n"))
    assert done.code == 2
    assert done.err == f"weft: syntax error in {weft.folder}/part.py:1: invalid syntax: def f(:\n"


def test_a_folder_is_not_a_program(weft: Weft) -> None:
    (weft.folder / "folder.py").mkdir()
    done = weft("check", "folder.py")
    assert (done.code, done.err) == (2, f"weft: cannot read {weft.folder}/folder.py: Is a directory\n")


def test_bytes_that_are_not_python(weft: Weft) -> None:
    (weft.folder / "picture.py").write_bytes(b"\x89PNG\x00\xff")
    done = weft("check", "picture.py")
    assert done.code == 2
    assert done.err.startswith(f"weft: syntax error in {weft.folder}/picture.py: ")


def test_a_name_that_is_no_function(weft: Weft) -> None:
    done = weft("check", weft.write("f.py", "main = 3\n") + ":main")
    assert (done.code, done.err) == (2, f"weft: 'main' in {weft.folder}/f.py is a int, not a function\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "ab_ba.py", "--bogus"], "No such option"),
        (["chek", "ab_ba.py"], "No such command 'chek'"),
        (["check", "ab_ba.py:main", "--set", "crossed"], "--set 'crossed' must be NAME=VALUE"),
        (["check", "ab_ba.py:main", "--set", "=1"], "--set '=1' must be NAME=VALUE"),
        (["check", "ab_ba.py:main", "--set", "crossed="], "--set 'crossed=' must be NAME=VALUE"),
        (["check", "ab_ba.py:main", "--set", "n=1", "--set", "n=2"], "--set n is given twice"),
        (["check", "ab_ba.py", "--strategy", "best"], "'best' is not one of 'dpor', 'random', 'pct', 'pos', 'once'"),
        (["check", "ab_ba.py", "--max-executions", "0"], "0 is not in the range x>=1"),
        (["check", "ab_ba.py", "--max-seconds", "0"], "0.0 is not in the range x>0"),
        (["check", "ab_ba.py", "--timeout", "soon"], "'soon' is not a valid float"),
        (["check", "ab_ba.py", "--seed", "-1"], "-1 is not in the range x>=0"),
        (["predict", "ab_ba.py:main", "--cores", "0"], "0 is too small; it must be 1 or more"),
        (["predict", "ab_ba.py:main", "--cores", "1,,2"], "'' is not a whole number; write e.g. 1,2,4"),
        (["predict", "ab_ba.py:main", "--cores", "two"], "'two' is not a whole number; write e.g. 1,2,4"),
        (["predict", "ab_ba.py:main", "--gil", "maybe"], "'maybe' is not one of 'on', 'off', 'both'"),
        (["predict", "ab_ba.py:main", "--machine", "cray"], "no machine profile 'cray'"),
        (["validate", "ab_ba.py:main", "--machine", "cray"], "no machine profile 'cray'"),
        (["record", "ab_ba.py:main", "--set", "crossed=True,False"], "record runs the program once"),
    ],
)
def test_wrong_usage(weft: Weft, ab_ba: str, arguments: list[str], says: str) -> None:
    done = weft(*arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.message


def test_a_machine_profile_that_is_none(weft: Weft, ab_ba: str) -> None:
    (weft.folder / "machine.json").write_text("{")
    done = weft("predict", "ab_ba.py:main", "--machine", "machine.json")
    assert done.code == 2
    assert "machine.json" in done.err


@pytest.mark.parametrize("command", ["check", "predict", "validate"])
def test_a_missing_folder_is_noticed_before_the_work(weft: Weft, command: str) -> None:
    weft.write("f.py", "def main(): open('ran', 'w')\n")
    done = weft(command, "f.py:main", "--json", "none/result.json")
    assert done.code == 2
    assert done.err == f"weft: cannot write none/result.json: there is no folder {weft.folder}/none\n"
    assert not (weft.folder / "ran").exists()


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("check", "--html"),
        ("predict", "--html"),
        ("predict", "--perfetto"),
        ("record", "--html"),
        ("record", "--perfetto"),
        ("record", "--output"),
    ],
)
def test_a_missing_folder_for_a_picture_is_noticed_before_the_work(weft: Weft, command: str, option: str) -> None:
    weft.write("f.py", "def main(): open('ran', 'w')\n")
    done = weft(command, "f.py:main", option, "none/picture")
    assert done.code == 2
    assert done.err == f"weft: cannot write none/picture: there is no folder {weft.folder}/none\n"
    assert not (weft.folder / "ran").exists()


# What cannot be controlled: exit code 4, the call and its place named.

REFUSED = {
    "import socket\nsocket.socket()\n": "opens a socket at refused.py:2",
    "import subprocess\nsubprocess.run(['true'])\n": "starts a child process at refused.py:2",
    "import os\nos.system('true')\n": "runs a shell command at refused.py:2",
    "import os\nos.fork()\n": "forks the process at refused.py:2",
    "import os\nos.execv('/bin/true', ['true'])\n": "replaces the process by another program at refused.py:2",
    "name = input('name? ')\n": "reads from the keyboard at refused.py:1",
}


@pytest.mark.parametrize(("source", "says"), REFUSED.items(), ids=[says.split(" at")[0] for says in REFUSED.values()])
def test_what_cannot_be_simulated_is_named(weft: Weft, source: str, says: str) -> None:
    done = weft("check", weft.write("refused.py", source))
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith(f"weft: the program {says}, which cannot be simulated; ")
    assert len(done.err.splitlines()) == 1


def test_a_refusal_counts_although_the_program_catches_it(weft: Weft) -> None:
    source = "import socket\ntry:\n    socket.socket()\nexcept BaseException:\n    pass\n"
    done = weft("check", weft.write("refused.py", source))
    assert done.code == 4
    assert "opens a socket at refused.py:3" in done.err


def test_a_refusal_in_a_thread(weft: Weft) -> None:
    source = "import socket, threading\nthreading.Thread(target=socket.socket).start()\n"
    done = weft("check", weft.write("refused.py", source))
    assert done.code == 4
    assert "opens a socket" in done.err


def test_predict_refuses_the_same_calls(weft: Weft) -> None:
    done = weft("predict", weft.write("refused.py", "import socket\nsocket.socket()\n"))
    assert (done.code, done.out) == (4, "")
    assert "opens a socket at refused.py:2" in done.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "place"),
    [("check", r"at spin\.py:[23] in spin\(\)"), ("predict", r'spin\.py", line [23] in spin')],
)
def test_an_endless_loop_is_stopped_and_its_place_named(weft: Weft, command: str, place: str) -> None:
    done = weft(
        command, weft.write("spin.py", "def spin():\n    while True:\n        pass\nspin()\n"), "--timeout", "1"
    )
    assert (done.code, done.out) == (4, "")
    assert re.search(place, done.err)
    assert "1 s" in done.err


@pytest.mark.slow
def test_an_endless_loop_that_swallows_every_exception_is_stopped(weft: Weft) -> None:
    source = "while True:\n    try:\n        while True: pass\n    except BaseException: print('not me')\n"
    done = weft("check", weft.write("spin.py", source), "--timeout", "1", "--max-seconds", "1", limit_s=40)
    assert (done.code, done.out) == (4, "")
    assert re.search(r"spin\.py:[34]", done.err)


@pytest.mark.parametrize("command", ["check", "predict"])
def test_a_program_that_ends_the_process(weft: Weft, command: str) -> None:
    done = weft(command, weft.write("leave.py", "import os\nos._exit(3)\n"))
    assert (done.code, done.out) == (4, "")
    assert done.err == "weft: the program ended the process with exit code 3 (os._exit?) before a verdict\n"


def test_a_program_that_is_killed(weft: Weft) -> None:
    done = weft("check", weft.write("leave.py", "import os\nos.kill(os.getpid(), 9)\n"))
    assert (done.code, done.err) == (4, "weft: the program was ended by signal SIGKILL before a verdict\n")


def test_sys_exit_is_an_ordinary_end(weft: Weft) -> None:
    done = weft("check", weft.write("leave.py", "import sys\nsys.exit(3)\n"))
    assert (done.code, done.verdict().split(":")[0]) == (0, "clean")


# Verdicts.


def test_findings_end_with_1_and_the_verdict_is_the_last_line(weft: Weft, ab_ba: str) -> None:
    done = weft("check", ab_ba)
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert lines[0] == "D001 deadlock (confirmed) at ab_ba.py:8"
    assert "  - one holds a (ab_ba.py:7), wants b (ab_ba.py:8)" in lines
    assert "  - two holds b (ab_ba.py:12), wants a (ab_ba.py:13)" in lines
    assert re.fullmatch(r"  ran: 3 executions, \d+ steps, [\d.]+ s, dpor, exhaustive", lines[-2])
    assert lines[-1] == "1 finding: D001"


def test_nothing_found_in_all_schedules_is_clean(weft: Weft, ab_ba: str) -> None:
    done = weft("check", "ab_ba.py:main", "--set", "crossed=False", "--json", "result.json")
    assert (done.code, done.err) == (0, "")
    assert done.verdict().startswith("clean: ")
    assert (weft.result()["verdict"], weft.result()["exhaustive"]) == ("clean", True)


@pytest.mark.parametrize("strategy", ["random", *slowly("pct", "pos", "once")])
def test_sampling_is_never_clean(weft: Weft, ab_ba: str, strategy: str) -> None:
    limits = ["--strategy", strategy, "--max-executions", "20"]
    done = weft("check", "ab_ba.py:main", "--set", "crossed=False", *limits, "--json", "result.json")
    assert done.code == 0
    assert done.verdict().startswith("incomplete: nothing found, but not every schedule was run")
    result = weft.result()
    assert (result["verdict"], result["exhaustive"], result["engine"]) == ("incomplete", False, strategy)


@pytest.mark.parametrize("limit", [["--max-executions", "50"], ["--max-seconds", "0.2"]])
def test_an_exploration_cut_short_is_incomplete_and_says_so(weft: Weft, limit: list[str]) -> None:
    done = weft("check", weft.write("long.py", LONG) + ":main", *limit, "--json", "result.json")
    assert done.code == 0
    assert done.verdict().startswith("incomplete: ")
    result = weft.result()
    assert (result["verdict"], result["exhaustive"]) == ("incomplete", False)
    assert limit[1] in " ".join(result["limits"])


def test_a_loop_that_gets_nothing_done_is_a_livelock(weft: Weft) -> None:
    source = """\
        import threading
        first, second = threading.Lock(), threading.Lock()
        def work(one, other):
            while True:
                with one:
                    if other.acquire(blocking=False):
                        other.release()
        for pair in ((first, second), (second, first)):
            threading.Thread(target=work, args=pair).start()
        """
    done = weft("check", weft.write("polite.py", source), "--max-steps", "500", "--max-executions", "40")
    assert done.code == 1
    assert done.out.startswith("L001 livelock (observed) at polite.py:")


def test_a_program_without_end_is_incomplete_and_says_so(weft: Weft) -> None:
    source = "import threading\nlock = threading.Lock()\nwhile True:\n    with lock:\n        pass\n"
    done = weft("check", weft.write("serve.py", source), "--max-steps", "500", "--max-executions", "5")
    assert done.code == 0
    assert done.verdict().startswith("incomplete: ")
    assert "executions longer than 500 steps were cut off (--max-steps)" in done.out


@pytest.mark.parametrize(
    ("call", "name"), [("fail()", "MainThread"), ("threading.Thread(target=fail, name='worker').start()", "worker")]
)
def test_an_exception_shows_the_users_frames_only(weft: Weft, call: str, name: str) -> None:
    source = f"import threading\ndef fail():\n    raise KeyError('lost')\n{call}\n"
    done = weft("check", weft.write("fails.py", source))
    assert done.code == 1
    assert "E001 exception (confirmed) at fails.py:3" in done.out
    assert f"{name} failed at fails.py:3: KeyError: 'lost'" in done.out
    assert done.out.count('File "') == (2 if name == "MainThread" else 1)


def test_quiet_prints_nothing(weft: Weft, ab_ba: str) -> None:
    assert weft("check", ab_ba, "--quiet") == Done(1, "", "")


def test_what_the_program_prints_stays_out_of_the_result(weft: Weft) -> None:
    done = weft("check", weft.write("loud.py", "import sys\nprint('OUT')\nprint('ERR', file=sys.stderr)\n"))
    assert done.code == 0
    assert "OUT" not in done.out
    assert "ERR" not in done.err


# Ctrl-C.


def test_ctrl_c_prints_and_writes_what_is_known(weft: Weft) -> None:
    weft.write("long.py", LONG)
    done = weft.interrupted(
        "check", "long.py:main", "--json", "result.json", once=lambda: weft.size("executions.txt") > 50
    )
    assert done.code == 130
    assert done.verdict().startswith("incomplete: ")
    result = weft.result()
    assert (result["verdict"], result["exhaustive"]) == ("incomplete", False)
    assert result["executions"] > 0
    assert result["limits"][0] == "interrupted by the user"


def test_ctrl_c_keeps_the_findings(weft: Weft) -> None:
    weft.write("long.py", textwrap.dedent(LONG) + "    raise KeyError('lost')\n")
    done = weft.interrupted(
        "check",
        "long.py:main",
        "--keep-going",
        "--json",
        "result.json",
        once=lambda: weft.size("executions.txt") > 50,
    )
    assert done.code == 130
    assert done.verdict() == "1 finding: E001"
    assert [finding["rule"] for finding in weft.result()["findings"]] == ["E001"]
    assert weft.result()["exhaustive"] is False


def test_ctrl_c_in_a_program_that_does_not_answer(weft: Weft) -> None:
    weft.write("stuck.py", "open('executions.txt', 'w').write('x')\nwhile True: pass\n")
    done = weft.interrupted("check", "stuck.py", once=lambda: weft.size("executions.txt") > 0)
    assert done.code == 130
    assert "interrupted" in done.message


def test_ctrl_c_during_predict(weft: Weft) -> None:
    weft.write("long.py", LONG)
    done = weft.interrupted(
        "predict", "long.py:main", "--repeat", "100000", once=lambda: weft.size("executions.txt") > 5
    )
    assert (done.code, done.err) == (130, "weft: interrupted\n")


@pytest.mark.slow
def test_ctrl_c_during_record_keeps_the_trace(weft: Weft) -> None:
    source = """\
        import threading, time
        lock = threading.Lock()
        with lock:
            open("begun", "w").write("x")
            time.sleep(60)
        """
    weft.write("sleeper.py", source)
    done = weft.interrupted("record", "sleeper.py", once=lambda: weft.size("begun") > 0)
    assert done.code == 130
    assert "interrupted" in done.message
    assert weft.size("trace.weft") > 0


# JSON.


RESULT_KEYS = {"schema", "weft", "command", "target", "seed", "verdict", "exhaustive"} | {
    "executions",
    "steps",
    "seconds",
    "engine",
    "limits",
    "notes",
    "findings",
}
FINDING_KEYS = {"rule", "kind", "certainty", "message", "fingerprint", "threads", "steps", "switches", "replay"}


def without_time(text: str) -> str:
    return re.sub(r'"seconds": [0-9.e-]+', '"seconds": 0', text)


@pytest.mark.parametrize(
    "options",
    [[], ["--seed", "7", "--strategy", "random", "--max-executions", "50"], *slowly(["--keep-going"])],
    ids=str,
)
def test_json_on_standard_output_is_pure_and_repeatable(weft: Weft, ab_ba: str, options: list[str]) -> None:
    first, second = (weft("check", ab_ba, "--json", "-", *options) for _ in range(2))
    assert (first.code, first.err) == (1, "")
    result = json.loads(first.out)
    assert result["schema"] == "weft.result/1"
    assert [finding["rule"] for finding in result["findings"]] == ["D001"]
    assert without_time(first.out) == without_time(second.out)


def test_the_keys_of_the_contract(weft: Weft, ab_ba: str) -> None:
    result = json.loads(weft("check", ab_ba, "--json", "-").out)
    assert set(result) >= RESULT_KEYS
    (finding,) = result["findings"]
    assert set(finding) >= FINDING_KEYS
    waits = {"object": "b", "operation": "acquire", "at": "ab_ba.py:8"}
    one = next(thread for thread in finding["threads"] if thread["name"] == "one")
    assert one["state"] == "blocked"
    assert one["holds"] == [{"object": "a", "at": "ab_ba.py:7"}]
    assert waits.items() <= one["waits"].items()
    assert set(finding["steps"][0]) >= {"step", "thread", "operation", "object", "at"}


def test_a_sweep_is_merged_into_one_result(weft: Weft, ab_ba: str) -> None:
    done = weft("check", "ab_ba.py:main", "--set", "crossed=False,True", "--json", "result.json")
    assert done.code == 1
    result = weft.result()
    assert result["parameters"] == {"crossed": [False, True]}
    assert [finding["rule"] for finding in result["findings"]] == ["D001"]
    assert result["exhaustive"] is True
    assert result["executions"] == 2 + 3
    assert weft("replay", result["findings"][0]["replay"]).code == 1


def test_github_annotations(weft: Weft, ab_ba: str) -> None:
    done = weft("check", ab_ba, "--format", "github")
    assert done.code == 1
    first, *rest = done.out.splitlines()
    assert first.startswith("::error file=ab_ba.py,line=8,title=D001 deadlock::2 threads wait for each other")
    assert rest[-1] == "1 finding: D001"


# Targets other than a script.


def test_a_package_as_python_m_would(weft: Weft) -> None:
    weft.write("pack/__init__.py", "")
    weft.write("pack/part.py", "ANSWER = 42\n")
    weft.write(
        "pack/__main__.py", "import sys\nfrom .part import ANSWER\nassert sys.argv[1:] == ['a', '-b'], sys.argv\n"
    )
    done = weft("check", "-m", "pack", "--", "a", "-b")
    assert (done.code, done.verdict().split(":")[0]) == (0, "clean")
    done = weft("check", "-m", "pack", "--", "c")
    assert done.code == 1
    assert done.out.startswith("E002 assertion")


def test_a_function_of_a_module_in_the_working_folder(weft: Weft, ab_ba: str) -> None:
    assert weft("check", "ab_ba:main").code == 1


def test_arguments_of_the_script(weft: Weft) -> None:
    weft.write("args.py", "import sys\nassert sys.argv[1:] == ['-x', 'y'], sys.argv\n")
    assert weft("check", "args.py", "--", "-x", "y").code == 0
    assert weft("check", "args.py", "--", "-x").code == 1


def test_a_models_package_of_the_users_own_is_not_disturbed(weft: Weft) -> None:
    weft.write("models/__init__.py", "NAME = 'mine'\n")
    weft.write("simcore.py", "NAME = 'mine too'\n")
    weft.write("user.py", "import models, simcore\nassert (models.NAME, simcore.NAME) == ('mine', 'mine too')\n")
    assert weft("check", "user.py").code == 0


# Replay.


@pytest.fixture
def failure(weft: Weft, ab_ba: str) -> str:
    assert weft("check", ab_ba, "--quiet", "--json", "result.json").code == 1
    return weft.result()["findings"][0]["replay"]


def test_replay_reproduces(weft: Weft, failure: str) -> None:
    done = weft("replay", failure, "--json", "again.json")
    assert done.code == 1
    assert done.out.startswith("D001 deadlock (confirmed) at ab_ba.py:8")
    assert re.fullmatch(r"reproduced: \d+ steps as recorded", done.out.splitlines()[-1])
    found, again = weft.result()["findings"], weft.result("again.json")["findings"]
    assert [finding["fingerprint"] for finding in again] == [finding["fingerprint"] for finding in found]
    assert again[0]["steps"] == found[0]["steps"]


def test_replay_of_an_edited_program_names_the_first_step_that_differs(weft: Weft, failure: str) -> None:
    weft.write("ab_ba.py", AB_BA.replace("with b:\n            with a:", "with a:\n            with b:"))
    done = weft("replay", failure)
    assert (done.code, done.out) == (2, "")
    assert re.search(r"step \d+", done.err)
    assert "two" in done.err


def test_replay_of_a_program_that_is_gone(weft: Weft, failure: str) -> None:
    (weft.folder / "ab_ba.py").unlink()
    done = weft("replay", failure)
    assert (done.code, done.err) == (2, f"weft: no such file: {weft.folder}/ab_ba.py\n")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[: len(text) // 2], "it is not JSON, or cut short"),
        (lambda _: "[]", "its \"schema\" must be 'weft.failure/1'"),
        (lambda text: re.sub(r'"schedule": \[.*?\]', '"schedule": [0, 99]', text, flags=re.DOTALL), "step"),
        (
            lambda text: re.sub(r'"parameters": {}', '"parameters": {"crosed": 1}', text),
            "unexpected keyword argument 'crosed'",
        ),
    ],
)
def test_replay_of_a_file_that_is_no_whole_failure(
    weft: Weft, failure: str, change: Callable[[str], str], says: str
) -> None:
    (weft.folder / "changed.json").write_text(change((weft.folder / failure).read_text()))
    done = weft("replay", "changed.json")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("weft: ")
    assert says in done.err


def test_replay_of_a_missing_file(weft: Weft) -> None:
    done = weft("replay", "none.json")
    assert (done.code, done.err) == (2, "weft: cannot read none.json: No such file or directory\n")


def test_replay_with_pdb_stops_where_the_thread_failed(weft: Weft) -> None:
    weft.write("fails.py", "def main():\n    culprit = 'butter'\n    assert culprit == 'jam'\n")
    assert weft("check", "fails.py:main", "--quiet", "--json", "result.json").code == 1
    process = weft.start("replay", weft.result()["findings"][0]["replay"], "--pdb", stdin=subprocess.PIPE)
    out, err = process.communicate("p culprit\nc\n", timeout=30)
    assert process.returncode == 1
    assert "'butter'" in out
    assert "Traceback" not in err


# Explain.


def test_explain_a_rule(weft: Weft) -> None:
    done = weft("explain", "d001")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("D001 deadlock\n")
    assert "Cure:" in done.out


def test_explain_lists_the_rules(weft: Weft) -> None:
    lines = weft("explain").out.splitlines()
    assert {line.split()[0] for line in lines} >= {"D001", "D003", "D005", "D006", "E001", "E002", "L001"}


def test_explain_an_unknown_rule_names_a_near_one(weft: Weft) -> None:
    assert weft("explain", "D0O1") == Done(2, "", "weft: no rule 'D0O1'; did you mean D001?\n")
    assert weft("explain", "zebra") == Done(2, "", "weft: no rule 'zebra'; `weft explain` lists them\n")


# Terminals.


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_fits_80_columns_and_ends_in_its_verdict(weft: Weft, example: Path) -> None:
    done = weft("check", str(example))
    assert done.err == ""
    assert [line for line in done.out.splitlines() if len(line) > 80] == []
    assert done.out.splitlines()[-2].endswith(", exhaustive")
    verdict = r"clean: .* in any schedule" if done.code == 0 else r"\d+ findings?: [A-Z]\d{3}(, [A-Z]\d{3})*"
    assert re.fullmatch(verdict, done.verdict())


@pytest.mark.parametrize(
    "command", [[], ["check"], *slowly(["replay"], ["predict"], ["validate"], ["record"], ["tour"])]
)
def test_help_has_examples(weft: Weft, command: list[str]) -> None:
    done = weft(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert max(len(line) for line in done.out.splitlines()) <= 80
    if command:
        assert done.out.count(f"  weft {command[0]}") >= 2


def test_a_reader_that_leaves_is_no_error(weft: Weft, ab_ba: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = weft("check", ab_ba, stdout=writer)
    finally:
        os.close(writer)
    assert done.err == ""


def on_a_terminal(weft: Weft, *arguments: str, **variables: str) -> tuple[str, str]:
    """(standard output in a pipe, standard error in a terminal) of a command."""
    ours, theirs = pty.openpty()
    process = weft.start(*arguments, stderr=theirs, env=environment(TERM="xterm-256color", **variables))
    os.close(theirs)
    shown = bytearray()
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # Linux says EIO when the last writer has closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    out, _ = process.communicate(timeout=30)
    return out, shown.decode()


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal_without_colour_if_unwanted(weft: Weft) -> None:
    command = ["check", weft.write("long.py", LONG) + ":main", "--max-seconds", "1.5"]
    colour = re.compile(r"\x1b\[[0-9;]*m")
    out, err = on_a_terminal(weft, *command)
    assert "exploring" in err
    assert colour.search(err)
    assert "\x1b" not in out
    out, err = on_a_terminal(weft, *command, NO_COLOR="1")
    assert "exploring" in err
    assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|38)[0-9;]*m", err)
    assert "\x1b" not in out


def test_two_hundred_threads(weft: Weft) -> None:
    source = """\
        import threading
        def main(shared=False):
            lock = threading.Lock()
            locks = [lock if shared else threading.Lock() for _ in range(200)]
            def work(lock):
                with lock:
                    pass
            threads = [threading.Thread(target=work, args=(lock,)) for lock in locks]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        """
    target = weft.write("many.py", source) + ":main"
    done = weft("check", target, "--json", "result.json")
    assert (done.code, weft.result()["verdict"], weft.result()["executions"]) == (0, "clean", 1)
    done = weft("check", target, "--set", "shared=True", "--max-executions", "5", "--json", "result.json")
    assert (done.code, weft.result()["verdict"], weft.result()["executions"]) == (0, "incomplete", 5)


# Reports and the commands about time.


def test_html_of_a_check(weft: Weft, ab_ba: str) -> None:
    assert weft("check", ab_ba, "--html", "report.html").code == 1
    text = (weft.folder / "report.html").read_text(encoding="utf-8")
    assert "D001" in text
    assert "ab_ba.py" in text


def test_predict_says_two_seconds_for_the_executor(weft: Weft) -> None:
    options = ["--set", "workers=4", "--set", "tasks=8", "--cores", "4", "--repeat", "1"]
    files = ["--json", "result.json", "--html", "report.html", "--perfetto", "run.json"]
    done = weft("predict", "weft.models.executor:run", *options, *files)
    assert (done.code, done.err) == (0, "")
    (run,) = weft.result()["runs"]
    assert run["params"] == {"workers": 4, "tasks": 8}
    assert (run["cores"], run["gil"]) == (4, True)
    assert run["seconds"] == pytest.approx(2.0, rel=0.01)
    assert sum(run["time_in"].values()) == pytest.approx(1.0, abs=0.02)
    assert "<svg" in (weft.folder / "report.html").read_text(encoding="utf-8")
    assert weft.result("run.json")["traceEvents"]
    assert max(len(line) for line in done.out.splitlines()) <= 80


def test_predict_sweeps_cores_gil_and_parameters(weft: Weft) -> None:
    weft.write(
        "f.py",
        "import weft, threading\ndef main(n=1):\n    for _ in range(n):\n        "
        "threading.Thread(target=weft.work, args=(0.5,)).start()\n",
    )
    options = ["--cores", "1,2", "--gil", "both", "--set", "n=1,2", "--repeat", "1", "--machine", "ideal"]
    result = json.loads(weft("predict", "f.py:main", *options, "--json", "-").out)
    seconds = {(run["params"]["n"], run["cores"], run["gil"]): run["seconds"] for run in result["runs"]}
    assert len(seconds) == 8
    assert seconds[2, 2, True] == pytest.approx(1.0, rel=0.02)
    assert seconds[2, 2, False] == pytest.approx(0.5, rel=0.02)
    assert seconds[2, 1, False] == pytest.approx(1.0, rel=0.02)


def test_predict_of_a_program_that_deadlocks_says_who_waits(weft: Weft) -> None:
    source = """\
        import threading
        ready = threading.Event()
        def main():
            ready.wait()
        """
    done = weft("predict", weft.write("waits.py", source) + ":main", "--repeat", "1")
    assert done.code == 4
    assert "MainThread" in done.out
    assert "ready" in done.out


def test_predict_of_a_program_that_fails(weft: Weft) -> None:
    done = weft("predict", weft.write("fails.py", "def main():\n    raise KeyError('lost')\n") + ":main")
    assert done.code == 4
    assert "KeyError" in done.err


@pytest.mark.slow
def test_record_of_a_deadlock_ends_by_itself_and_says_who_waits(weft: Weft) -> None:
    source = """\
        import threading
        locks = [threading.Lock(), threading.Lock()]
        meet = threading.Barrier(2)
        def work(number):
            with locks[number]:
                meet.wait()
                with locks[1 - number]:
                    pass
        for number in range(2):
            threading.Thread(target=work, args=(number,), name=f"worker-{number}").start()
        """
    done = weft(
        "record", weft.write("stuck.py", source), "--timeout", "5", "--perfetto", "run.json", "--html", "r.html"
    )
    assert done.code == 1
    for number in range(2):
        assert f"worker-{number} holds locks[{number}]" in done.message
        assert f"locks[{1 - number}]" in done.message
    assert weft.size("trace.weft") > 0
    assert weft.result("run.json")["traceEvents"]
    assert weft.size("r.html") > 0


@pytest.mark.slow
def test_record_of_a_good_program(weft: Weft) -> None:
    done = weft("record", weft.write("good.py", "import threading\nprint('hello')\nwith threading.Lock(): pass\n"))
    assert (done.code, done.out) == (0, "hello\n")
    assert weft.size("trace.weft") > 0
    assert weft("record", "good.py", "--quiet", "-o", "none/trace.weft").code == 2


@pytest.mark.slow
def test_validate_prints_and_keeps_prediction_measurement_interval_and_error(weft: Weft) -> None:
    size = ["--set", "task_seconds=0.05", "--set", "tasks=2", "--set", "workers=2"]
    done = weft("validate", "weft.models.executor:run", *size, "--repeat", "4", "--json", "result.json")
    assert done.code == 0
    (run,) = weft.result()["runs"]
    assert run["measured_seconds"] == pytest.approx(0.05, rel=0.5)
    low, high = run["measured_interval"]
    assert low <= run["measured_seconds"] <= high
    assert run["error"] == pytest.approx(run["seconds"] / run["measured_seconds"] - 1, abs=0.01)
    assert {"error_median", "error_max", "sign_right"} <= set(weft.result())
    samples = [sample["seconds"] for sample in run["samples"]]
    assert len(samples) >= 4
    assert min(samples) <= run["measured_seconds"] <= max(samples)
    for word in ("predicted, ms", "measured, ms", "error: median"):
        assert word in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    assert weft("validate", "weft.models.executor:run", *size, "--repeat", "2", "--max-error", "0", "-q").code == 1


@pytest.mark.slow
def test_calibrate_writes_a_profile_that_predict_takes(weft: Weft) -> None:
    done = weft("calibrate", "--seconds", "4", "-o", "here.json")
    assert done.code == 0
    assert "lock" in done.out
    target = ["weft.models.executor:run", "--set", "tasks=2", "--repeat", "1", "--cores", "1"]
    done = weft("predict", *target, "--machine", "here.json", "--json", "result.json")
    assert done.code == 0
    assert weft.result()["profile"] == "here"


@pytest.mark.slow
def test_the_tour_takes_less_than_a_minute(weft: Weft) -> None:
    started = time.monotonic()
    done = weft("tour", "--no-open", "--html", "tour.html", limit_s=120)
    assert (done.code, done.err) == (0, "")
    assert time.monotonic() - started < 60
    assert "D001 deadlock (confirmed)" in done.out
    assert "clean: " in done.out
    assert "tour.html" in done.out.splitlines()[-1]
    assert max(len(line) for line in done.out.splitlines() if not line.startswith("   $ weft")) <= 80
    report = (weft.folder / "tour.html").read_text(encoding="utf-8")
    assert "D001" in report
    assert len(report) < 1_000_000
    commands = [line.removeprefix("   $ weft ").split() for line in done.out.splitlines() if line.startswith("   $ ")]
    assert [command[0] for command in commands] == ["check", "check", "predict", "validate"]
    assert [weft(*command).code for command in commands[:2]] == [1, 0]


@pytest.mark.slow
def test_ctrl_c_during_the_tour(weft: Weft) -> None:
    process = weft.start("tour", "--no-open")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("3. "):
            break
    process.send_signal(signal.SIGINT)
    done = ended(process, 30)
    assert (done.code, done.message) == (130, "weft: interrupted")


def test_the_tour_notices_a_missing_folder_first(weft: Weft) -> None:
    done = weft("tour", "--html", "none/tour.html")
    assert (done.code, done.out) == (2, "")


@pytest.mark.slow
def test_a_cold_check_answers_within_a_second(weft: Weft, ab_ba: str) -> None:
    spent: list[float] = []
    for _ in range(3):
        started = time.monotonic()
        assert weft("check", ab_ba).code == 1
        spent.append(time.monotonic() - started)
    assert min(spent) < 1


def test_version(weft: Weft) -> None:
    assert re.fullmatch(r"weft, version \d+\.\d+\.\d+\n", weft("--version").out)

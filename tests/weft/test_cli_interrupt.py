"""Ctrl-C: exit code 130, and what is known by then is printed and written."""

from __future__ import annotations

import signal
import textwrap

import pytest

from .conftest import LIMIT_S, LONG, Weft, ended


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
        "predict", "long.py:main", "--repeat", "100000", "--yes", once=lambda: weft.size("executions.txt") > 5
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


@pytest.mark.slow
def test_ctrl_c_during_the_tour(weft: Weft) -> None:
    process = weft.start("tour", "--no-open")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("3. "):
            break
    process.send_signal(signal.SIGINT)
    done = ended(process, LIMIT_S)
    assert (done.code, done.message) == (130, "weft: interrupted")

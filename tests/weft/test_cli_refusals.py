"""Programs that cannot be controlled: exit code 4, the call and its place named; and ends that are none of that."""

from __future__ import annotations

import re

import pytest

from .conftest import Weft

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
    [("check", r"at spin\.py:[23] in spin\(\)"), ("predict", r"spin\.py:[23] in spin")],
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
    done = weft("check", weft.write("spin.py", source), "--timeout", "1", "--max-seconds", "1")
    assert (done.code, done.out) == (4, "")
    assert re.search(r"spin\.py:[34]", done.err)


@pytest.mark.parametrize("command", ["check", "predict"])
def test_a_program_that_ends_the_process_behind_our_back(weft: Weft, command: str) -> None:
    done = weft(command, weft.write("leave.py", "import ctypes\nctypes.CDLL(None)._exit(3)\n"))
    assert (done.code, done.out) == (4, "")
    assert done.err == "weft: the program ended the process with exit code 3 (os._exit?) before a verdict\n"


def test_a_program_that_is_killed(weft: Weft) -> None:
    source = "import ctypes, os\nctypes.CDLL(None).kill(os.getpid(), 9)\n"
    done = weft("check", weft.write("leave.py", source))
    assert (done.code, done.err) == (4, "weft: the program was ended by signal SIGKILL before a verdict\n")


def test_a_signal_to_a_process_is_refused_by_name(weft: Weft) -> None:
    done = weft("check", weft.write("leave.py", "import os\nos.kill(os.getpid(), 9)\n"))
    assert (done.code, done.out) == (4, "")
    assert "the program sends a signal to a process at leave.py:2" in done.message


def test_os_exit_of_the_last_thread_is_an_ordinary_end(weft: Weft) -> None:
    done = weft("check", weft.write("leave.py", "import os\nos._exit(3)\n"))
    assert (done.code, done.verdict().split(":")[0]) == (0, "clean")


def test_os_exit_while_other_threads_live_is_refused(weft: Weft) -> None:
    source = """\
        import os, threading
        threading.Thread(target=threading.Event().wait).start()
        os._exit(3)
        """
    done = weft("check", weft.write("leave.py", source))
    assert (done.code, done.out) == (4, "")
    assert "ends the process with os._exit(3) while other threads live at leave.py:3" in done.message


def test_sys_exit_is_an_ordinary_end(weft: Weft) -> None:
    done = weft("check", weft.write("leave.py", "import sys\nsys.exit(3)\n"))
    assert (done.code, done.verdict().split(":")[0]) == (0, "clean")

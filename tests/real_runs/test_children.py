"""Child processes: answers, silence, death and the clock."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from weft.real_runs.children import Child, ending

Program = Callable[[str], str]


def job(target: str) -> dict[str, object]:
    return {"kind": "measure", "target": target, "argv": []}


def test_answers_and_commands(program: Program) -> None:
    with Child(job(program("x = 1\n")), commands=True, stdin=subprocess.DEVNULL) as child:
        assert child.answer(120) == {"status": "ready"}
        assert child.answer(0) is None
        assert not child.gone()
        assert child.tell({"parameters": {}, "cores": [0]})
        answer = child.answer(120)
        assert answer is not None
        assert answer["status"] == "ok"
        process = child.process
    assert process.returncode is not None


def test_a_dead_child_gives_no_answer_and_takes_no_command(program: Program) -> None:
    with Child(job(program("import os; os._exit(5)\n")), commands=True, stdin=subprocess.DEVNULL) as child:
        assert child.answer(120) == {"status": "ready"}
        child.tell({"parameters": {}, "cores": [0]})
        assert child.answer(120) is None
        assert child.wait(120) == 5
        assert child.gone()
        assert not child.tell({})


def test_leaving_kills_what_still_runs(program: Program) -> None:
    begin = time.monotonic()
    with Child(job(program("while True: pass\n")), commands=True, stdin=subprocess.DEVNULL) as child:
        child.answer(120)
        child.tell({"parameters": {}, "cores": [0]})
        process = child.process
    assert process.returncode == -9
    assert time.monotonic() - begin < 120


def test_the_program_finds_neither_us_nor_the_current_folder_by_accident(program: Program) -> None:
    """What weft needs on the path to start is gone again when the program runs."""
    target = program("import sys\nassert '' not in sys.path\nassert len(sys.path) == len(set(sys.path)), sys.path\n")
    done = subprocess.run([sys.executable, target], check=False)
    assert done.returncode == 0
    with Child(job(target), commands=True, stdin=subprocess.DEVNULL) as child:
        child.answer(120)
        child.tell({"parameters": {}, "cores": [0]})
        answer = child.answer(120)
        assert answer is not None
        assert answer["status"] == "ok", answer


def test_endings_in_words() -> None:
    assert ending(3) == "ended with exit code 3"
    assert ending(-11) == "was killed by SIGSEGV"
    assert ending(-63) == "was killed by signal 63"

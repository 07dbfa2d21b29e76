"""The parent's side of a child process, held against children that die, hang, babble or fail."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weft import process
from weft.process import ChildError, internal_error, run_job

from .conftest import Weft

Child = Callable[[str], None]
READ = "import json, os, sys; job = json.load(open(sys.argv[2])); pipe = job['reply']\n"


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """For children that have nothing more to say."""
    monkeypatch.setattr(process, "_GRACE_S", 0.2)


@pytest.fixture
def time_is_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A statement for a child: its time is over when it comes here, however long that took. Until then the parent's
    clock stands still."""
    mark = tmp_path / "mark"
    monkeypatch.setattr(process, "monotonic", lambda: 1e6 if mark.exists() else 0.0)
    return f"os.close(os.open({str(mark)!r}, os.O_CREAT))"


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Child:
    """Make the child run this source instead of ours; ``job`` and the descriptor ``pipe`` are at hand."""
    return lambda source: monkeypatch.setattr(process, "_BOOT", READ + source)


def run(limit_s: float = 240.0, **options: Any) -> dict[str, Any]:
    return run_job({"command": "check"}, limit_s=limit_s, stall_s=0.0, **options)


def says(message: dict[str, Any]) -> str:
    line = json.dumps(message).encode() + b"\n"
    return f"os.write(pipe, {line!r})\n"


def test_the_answer_comes_back(child: Child) -> None:
    child(says({"result": [1, 2]}))
    assert run() == {"result": [1, 2]}


def test_an_answer_in_pieces(child: Child) -> None:
    child("import time\nfor byte in b'{\"result\": 1}\\n':\n    os.write(pipe, bytes([byte])); time.sleep(0.001)\n")
    assert run() == {"result": 1}


def test_progress_is_handed_on(child: Child) -> None:
    child(says({"progress": {"executions": 1}}) + says({"progress": {"executions": 2}}) + says({"result": 0}))
    seen: list[dict[str, Any]] = []
    run(progress=seen.append)
    assert seen == [{"executions": 1}, {"executions": 2}]


def test_the_seed_becomes_the_hash_seed(child: Child) -> None:
    child("os.write(pipe, json.dumps({'result': os.environ['PYTHONHASHSEED']}).encode() + b'\\n')")
    assert run(seed=7) == {"result": "7"}
    assert run(seed=2**32 + 1) == {"result": "1"}


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("os._exit(7)", "the program ended the process with exit code 7 (os._exit?) before a verdict"),
        ("os._exit(0)", "the program ended the process with exit code 0 (os._exit?) before a verdict"),
        ("os.kill(os.getpid(), 11)", "the program was ended by signal SIGSEGV before a verdict"),
        ("os.write(pipe, b'{\"result\"'); os._exit(1)", "exit code 1"),
        ("os.close(pipe)", "exit code 0"),
    ],
)
def test_a_child_that_dies(child: Child, end: str, says: str) -> None:
    child(end)
    with pytest.raises(ChildError) as caught:
        run()
    assert says in str(caught.value)
    assert caught.value.code == 4


def test_a_child_whose_pipe_was_closed_may_leave_its_answer_in_a_file(child: Child) -> None:
    text = '{"progress": {}}\n{"result": 7}\n'
    child(f"import time; os.close(pipe); time.sleep(0.01); open(job['reply_file'], 'w').write({text!r})")
    assert run() == {"result": 7}


@pytest.mark.usefixtures("short_grace")
def test_a_child_whose_pipe_was_closed_gets_no_more_time_than_others(child: Child, time_is_up: str) -> None:
    child(f"import time; {time_is_up}; os.close(pipe); time.sleep(300)")
    with pytest.raises(ChildError, match=r"closed file descriptors that it did not open \(os.closerange\?\)") as caught:
        run()
    assert caught.value.code == 4


CLOSING = """\
    import os, threading, time

    def main(last={last}):
        time.sleep(1)
        lock = threading.Lock()
        if not last:
            os.closerange(3, 1024)
            open(__file__), open(__file__), open(__file__), open(__file__), open(__file__)
        thread = threading.Thread(target=lock.acquire)
        thread.start(); thread.join()
        if last:
            os.closerange(3, 1024)
    """


@pytest.mark.slow
@pytest.mark.parametrize("last", [False, True])
def test_a_program_that_closes_every_descriptor_gets_its_verdict(weft: Weft, last: bool) -> None:
    """As one that becomes a daemon does; then it may open others, which are not the pipe."""
    weft.write("prog.py", CLOSING.format(last=last))
    done = weft("check", "prog.py:main")
    assert (done.code, done.err) == (0, "")
    assert done.verdict().startswith("clean: ")
    assert weft("predict", "prog.py:main", "--cores", "1").code == 0
    assert weft("check", "prog.py:main", "--set", "nothing=1").code == 2, "errors find their way, too"


def test_a_child_that_babbles(child: Child) -> None:
    child("os.write(pipe, b'hello world\\n')")
    with pytest.raises(ChildError, match="answered b'hello world', which is none of our messages") as caught:
        run()
    assert caught.value.code == 4


@pytest.mark.usefixtures("short_grace")
def test_a_child_that_hangs_is_stopped_and_its_place_named(child: Child, time_is_up: str) -> None:
    child(
        "import faulthandler, signal\n"
        "faulthandler.register(signal.SIGUSR2, file=open(job['stack_file'], 'w'))\n"
        f"def linger():\n    {time_is_up}; {says({'progress': {}})}    while True: pass\n"
        "linger()"
    )
    with pytest.raises(ChildError) as caught:
        run(limit_s=99.6)
    assert caught.value.code == 4
    assert re.match(
        r"the program did not answer within 100 s and was stopped at <string>:\d+ in linger: it loops",
        str(caught.value),
    )


def test_silence_ends_a_child_before_its_limit(child: Child) -> None:
    child("import time\nos.write(pipe, b'{\"progress\": {}}\\n'); time.sleep(300)")
    started = time.monotonic()
    with pytest.raises(ChildError, match=r"did not answer within 0\.3 s"):
        run(limit_s=1000.0, silence_s=0.3)
    assert time.monotonic() - started < 240


@pytest.mark.parametrize("code", [2, 4, 130])
def test_an_error_keeps_its_message_and_code(child: Child, code: int) -> None:
    child(says({"error": "no such file: x.py", "code": code}))
    with pytest.raises(ChildError, match=r"^no such file: x\.py$") as caught:
        run()
    assert caught.value.code == code


def test_a_fault_of_ours_is_kept_in_a_file(child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    child(says({"error": "Traceback …\nZeroDivisionError: division by zero", "code": 3}))
    with pytest.raises(
        ChildError, match="internal error: ZeroDivisionError: division by zero; this is a fault"
    ) as caught:
        run()
    assert caught.value.code == 3
    assert (tmp_path / ".weft" / "internal-error.txt").read_text() == "Traceback …\nZeroDivisionError: division by zero"


def test_an_internal_error_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".weft").write_text("a file in the way of our folder")
    message = internal_error("Traceback …\nKeyError: 1")
    assert Path(message.rpartition(" ")[2]).read_text() == "Traceback …\nKeyError: 1"


def interrupt_when(file: Path) -> threading.Thread:
    """Ctrl-C for this process as soon as the child has made ``file``."""

    main = threading.main_thread().ident
    assert main is not None

    def press() -> None:
        while not file.exists():
            time.sleep(0.01)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


READY = "import signal, time\nsignal.pthread_sigmask(signal.SIG_UNBLOCK, {2})\nopen(%r, 'w').close()\n"


def test_ctrl_c_is_passed_on_and_the_answer_waited_for(child: Child, tmp_path: Path) -> None:
    wait = READY % str(tmp_path / "ready") + "time.sleep(300)"
    indented = wait.replace("\n", "\n    ")
    child(f"try:\n    {indented}\nexcept KeyboardInterrupt:\n    " + says({"result": "partial"}))
    thread = interrupt_when(tmp_path / "ready")
    assert run() == {"result": "partial"}
    thread.join()


@pytest.mark.usefixtures("short_grace")
def test_ctrl_c_that_the_child_does_not_answer(child: Child, tmp_path: Path) -> None:
    child("import signal\nsignal.signal(2, signal.SIG_IGN)\n" + READY % str(tmp_path / "ready") + "time.sleep(300)")
    thread = interrupt_when(tmp_path / "ready")
    with pytest.raises(KeyboardInterrupt):
        run()
    thread.join()


def test_the_child_inherits_that_ctrl_c_waits(child: Child) -> None:
    child("import signal\nos.write(pipe, b'{\"result\": %d}\\n' % (2 in signal.pthread_sigmask(signal.SIG_BLOCK, ())))")
    assert run() == {"result": 1}
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_ctrl_c_taken_by_another_thread_does_not_cut_a_start_short() -> None:
    """A numerical library's thread takes the signal, since only the main one masks it; Python tells the main one."""
    go = threading.Event()

    def press() -> None:
        go.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with process._ctrl_c_later() as late:
        go.set()
        thread.join()
        for _ in range(1000):  # Python hands a signal on between two bytecodes
            if late:
                break
    assert late == [signal.SIGINT]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)

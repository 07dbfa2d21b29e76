"""The parent's side of a child process: start it, show progress, stop it whatever it does, return its answer."""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

_GRACE_S = 5.0
"""How long after its own limits a child may still need to put its answer together."""


_NOTE_S = 0.5
"""How long a child that will be killed has to note its stack, which it does on SIGUSR2. It is not asked any earlier: a
stack that another thread reads while greenlets switch may not be there any more, and the child dies of it."""


class ChildError(Exception):
    """The child ended with an error that is the user's to see; ``code`` is the exit code."""

    def __init__(self, message: str, code: int) -> None:
        self.code = code
        super().__init__(message)


def run_job(
    job: dict[str, Any],
    *,
    limit_s: float,
    stall_s: float,
    silence_s: float | None = None,
    seed: int = 0,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Run one job in a fresh interpreter and return its answer.

    ``limit_s`` bounds the whole job and ``stall_s`` one segment of the program: past both, with some grace, the child
    is killed. ``silence_s`` kills it earlier, when it has not reported progress for that long. Ctrl-C is passed on
    once, so that the child can answer with what it has.

    Raises:
        ChildError: bad target, gave up, killed, crashed; with the exit code to use.
        KeyboardInterrupt: the child had no answer to Ctrl-C, or it was pressed twice.
    """
    with tempfile.TemporaryDirectory(prefix="weft-") as scratch:
        stack_file = os.path.join(scratch, "stack")
        read_end, write_end = os.pipe()
        limit_s += stall_s + 2 * _GRACE_S
        deadline = monotonic() + limit_s
        reply_file = Path(scratch) / "reply"
        job = {**job, "reply": write_end, "reply_file": str(reply_file), "stack_file": stack_file}
        job_file = Path(scratch) / "job.json"
        job_file.write_text(json.dumps(job), encoding="utf-8")
        interactive = bool(job.get("pdb"))
        with _ctrl_c_later() as late:
            child = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, str(Path(__file__).resolve().parent.parent), str(job_file)],
                stdin=None if interactive else subprocess.DEVNULL,
                pass_fds=[write_end],
                env={**os.environ, "PYTHONHASHSEED": str(seed % 4294967296)},
                start_new_session=not interactive,
            )
        os.close(write_end)
        try:
            if late:
                raise KeyboardInterrupt
            answer = _listen(child, read_end, limit_s, silence_s, progress)
            closed = answer is None and _lives(child, deadline)
        finally:
            os.close(read_end)
            if child.poll() is None:
                child.kill()
            child.wait()
        if closed:
            raise ChildError(
                "the program closed file descriptors that it did not open (os.closerange?), and the verdict with them",
                4,
            )
        if answer is None:
            answer = _left_behind(reply_file)
        if answer is None:
            raise ChildError(_ending(child.returncode), 4)
        if not answer:
            raise ChildError(_stopped(stack_file, silence_s or limit_s), 4)
    if "error" in answer:
        raise ChildError(internal_error(answer["error"]) if answer["code"] == 3 else answer["error"], answer["code"])
    return answer


@contextmanager
def _ctrl_c_later() -> Generator[list[int]]:
    """While it lasts Ctrl-C is only noted in the list it gives, and a child started now does not hear it until it is
    ready to answer (weft.worker unblocks it).

    The mask alone is what the child inherits; it does not keep Ctrl-C from us, since any other thread of ours (a
    numerical library's) may take the signal, and Python then raises in the main one.
    """
    noted: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, lambda number, _: noted.append(number)) if main else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield noted
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if main:
            signal.signal(signal.SIGINT, before)


_BOOT = "import sys; sys.path.append(sys.argv[1]); from weft.worker import main; main(sys.argv[2])"


def _listen(
    child: subprocess.Popen[bytes],
    read_end: int,
    limit_s: float,
    silence_s: float | None,
    progress: Callable[[dict[str, Any]], None] | None,
) -> dict[str, Any] | None:
    """Read messages until the answer; None when the child ended without one, empty when its time ran out."""
    selector = selectors.DefaultSelector()
    selector.register(read_end, selectors.EVENT_READ)
    deadline = monotonic() + limit_s
    quiet_until = deadline if silence_s is None else monotonic() + silence_s
    rest = b""
    interrupted = False
    while True:
        try:
            ready = selector.select(max(0.0, min(deadline, quiet_until) - monotonic()))
            data = os.read(read_end, 1 << 20) if ready else b""
            if not data and interrupted:
                raise KeyboardInterrupt
            if not ready:
                child.send_signal(signal.SIGUSR2)
                with suppress(subprocess.TimeoutExpired):
                    child.wait(_NOTE_S)
                child.kill()
                return {}
            if not data:
                return None
            if silence_s is not None:
                quiet_until = monotonic() + silence_s
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                message = _message(line)
                if "progress" in message:
                    if progress is not None:
                        progress(message["progress"])
                else:
                    return message
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
            child.send_signal(signal.SIGINT)
            deadline = min(deadline, monotonic() + _GRACE_S)


def _lives(child: subprocess.Popen[bytes], deadline: float) -> bool:
    """Does a child whose pipe is closed live on past its time? Until then it may still leave its answer in a file."""
    try:
        child.wait(max(deadline - monotonic(), _GRACE_S))
    except subprocess.TimeoutExpired:
        return True
    return False


def _left_behind(reply_file: Path) -> dict[str, Any] | None:
    """The answer of a child whose pipe the program had closed."""
    if not reply_file.exists():
        return None
    messages = [_message(line) for line in reply_file.read_bytes().splitlines()]
    return next((message for message in messages if "progress" not in message), None)


def _message(line: bytes) -> dict[str, Any]:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ChildError(
            f"the child process answered {line[:40]!r}, which is none of our messages; does the program write to file "
            "descriptors that it did not open?",
            4,
        ) from error


def _stopped(stack_file: str, limit_s: float) -> str:
    """What to say of a child that had to be killed, with the place where it was (faulthandler's last dump)."""
    stack = Path(stack_file).read_text(encoding="utf-8") if os.path.exists(stack_file) else ""
    latest = stack.rpartition("most recent call first")[2]
    # faulthandler's own form: File "/home/user/shop.py", line 31 in sell
    place = re.search(r'^\s*File "(.*)", line (\d+) in (.*)$', latest, re.MULTILINE)
    where = f" at {Path(place[1]).name}:{place[2]} in {place[3]}" if place else ""
    # A loop comes here when it swallows every exception, the one that should end it too (so from CPython 3.13 on with
    # `while True: pass` in a `try`: until then the jump back was not covered by it).
    return (
        f"the program did not answer within {limit_s:g} s and was stopped{where}: it loops and catches every exception, "
        "or blocks in a call that weft does not control"
    )


def _ending(code: int) -> str:
    """What to say of a child that ended without an answer."""
    if code < 0:
        return f"the program was ended by signal {signal.Signals(-code).name} before a verdict"
    return f"the program ended the process with exit code {code} (os._exit?) before a verdict"


def internal_error(details: str) -> str:
    """Keep the traceback of a fault of ours in a file and return the one line that says so."""
    path = Path(".weft") / "internal-error.txt"
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(details, encoding="utf-8")
    except OSError:  # the working folder is not ours to write in
        path = Path(tempfile.mkdtemp(prefix="weft-")) / path.name
        path.write_text(details, encoding="utf-8")
    last = details.strip().splitlines()[-1]
    return f"internal error: {last}; this is a fault of weft, the details are in {path}"

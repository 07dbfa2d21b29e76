"""Child processes that run a program for us: how they are started, spoken to and, in the end, stopped.

Jobs and answers are lines of JSON. The program's own standard streams are its own; answers come on a pipe beside them.
Nothing here knows what a job means.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any

_BOOT = "import sys; sys.path.append(sys.argv[2]); from weft.real_runs.child import main; sys.exit(main())"
"""At the end of the path, so that nothing beside us there can stand in for a library of the program's."""
GRACE_SECONDS = 2.0
"""How long a child that should have ended may still take before it is killed."""


class Child:
    """A child process with one job. Use it as a context manager: leaving it kills what still runs.

    With ``commands`` it also has a pipe to the child for :meth:`tell`. ``python`` is the interpreter to start, by
    default this one.
    """

    def __init__(
        self,
        job: dict[str, Any],
        *,
        commands: bool = False,
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
        environment: dict[str, str] | None = None,
        python: str | None = None,
    ) -> None:
        answers, answer_end = os.pipe()
        command_end, orders = os.pipe() if commands else (-1, -1)
        env = {**os.environ, **(environment or {})}
        job = {**job, "answer_fd": answer_end, "command_fd": command_end}
        passed = [fd for fd in (answer_end, command_end) if fd >= 0]
        try:
            self.process = subprocess.Popen(
                [python or sys.executable, "-P", "-c", _BOOT, json.dumps(job), _package_root()],
                pass_fds=passed,
                env=env,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
            )
        except BaseException:
            for fd in (answers, orders):
                if fd >= 0:
                    os.close(fd)
            raise
        finally:
            for fd in passed:
                os.close(fd)
        self._answers = answers
        self._orders = orders
        self._buffer = b""
        self._gone = False
        self._pidfd = os.pidfd_open(self.process.pid)

    def tell(self, command: dict[str, Any]) -> bool:
        """Send one command; False when the child is gone."""
        try:
            os.write(self._orders, json.dumps(command).encode() + b"\n")
        except BrokenPipeError:
            return False
        return True

    def answer(self, timeout_seconds: float) -> dict[str, Any] | None:
        """The next answer; None when the child ended without one, or when the time is up (then it still runs)."""
        deadline = time.monotonic() + timeout_seconds
        while b"\n" not in self._buffer:
            remaining = deadline - time.monotonic()
            ready, _, _ = select.select([self._answers, self._pidfd], [], [], max(remaining, 0))
            if self._answers in ready:
                data = os.read(self._answers, 1 << 16)
                if not data:
                    self._gone = True
                    return None
                self._buffer += data
            elif self._pidfd in ready or remaining <= 0:
                return None
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def gone(self) -> bool:
        """Has the child closed its end of the pipe, as an ending process does?"""
        return self._gone

    def running(self) -> bool:
        return self.process.poll() is None

    def wait(self, timeout_seconds: float) -> int | None:
        """The exit code (negative: a signal), or None when it still runs after that time."""
        try:
            return self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Kill it when it still runs, and give the pipes back."""
        self.kill()
        for fd in (self._answers, self._orders, self._pidfd):
            if fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)
        self._answers = self._orders = self._pidfd = -1

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _package_root() -> str:
    """The folder the child needs on its path to import us, whether installed or in a checkout."""
    top = sys.modules[__name__.partition(".")[0]]
    return str(Path(top.__path__[0]).resolve().parent)


def ending(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
        return f"was killed by signal {-code}"
    return f"ended with exit code {code}"

"""The other side of :mod:`children`: the process that runs a program for real, recorded or measured, as a job says.

The program's streams, exit and failures stay the program's own; what the parent wants to know goes through the answer
pipe. Nothing here imports more than the standard library before it is known that a program is to be recorded.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from ..simcore.target import Target, TargetError, parse_target
from ..simcore.trace import NOTHING, Header, Op
from .answers import Answers

INTERNAL = 3
"""The exit code after a fault of ours."""
QUIET_LOOKS = 5
"""In how many looks in a row (0.1 s apart) all threads must be blocked, with no event between, to call it a deadlock.

A thread that was woken but has not run yet looks blocked, too; that it is passed over five times while the writer's
thread runs each time does not happen by chance.
"""


def _prepare(job: dict[str, Any], answers: Answers) -> Target | None:
    """The target, ready to run; None after the parent was told why not."""
    try:
        target = parse_target(job["target"], job.get("argv", ()))
        target.prepare(_instrument(job))
    except TargetError as error:
        answers.send({"status": "usage", "message": str(error)})
        return None
    return target


def _instrument(job: dict[str, Any]) -> Any:
    """What to rewrite, so that accesses to shared variables are seen; None for nothing."""
    if not job.get("accesses"):
        return None
    from ..simcore.instrument import Instrument

    return Instrument(tuple(job.get("instrument", ())))


# Recording.


class _Recorded:
    """One recorded run: the program in the main thread, the writer's thread looking after it."""

    def __init__(self, job: dict[str, Any], answers: Answers, target: Target) -> None:
        # Only now: these modules keep the real threading primitives, and numpy must not load while the program runs.
        import numpy as np

        from . import log
        from .machine import describe
        from .recorded.takeover import recording
        from .recorded.thread import note_failure

        np.zeros(1)
        self.answers = answers
        self.target = target
        self.parameters: dict[str, Any] = job["parameters"]
        self.note_failure = note_failure
        self.recording = recording
        header = Header(
            target=job["target"],
            world="real",
            weft=job["weft"],
            parameters=self.parameters,
            profile=describe(),
        )
        self.recorder = log.Recorder(job["output"], header)
        self.accesses = bool(job.get("accesses"))
        self.notes: Callable[[], list[str]] = list
        self.now = log.now
        self.limit_ns = int(job["timeout_seconds"] * 1e9)
        self.deadline_ns = 0
        self.answered = False
        self.status = "finished"
        self.exit_code = 0
        self.failure = ""
        self._lasting = contextlib.ExitStack()
        self._finishing = _thread.allocate_lock()
        self._quiet = 0
        self._seen = -1

    def run(self) -> int:
        recorder = self.recorder
        main = recorder.main
        row = 0  # the main thread's object
        atexit.register(self.finish)
        # Entered and never left: threads that outlive the main one are recorded to their end.
        self._lasting.enter_context(self.recording(recorder))
        if self.accesses:
            from .accesses import Accesses, note_looks

            note_looks()
            accesses = Accesses(recorder)
            accesses.install()
            self.notes = accesses.notes
        self.deadline_ns = self.now() + self.limit_ns
        recorder.start_writer(self.look)
        main.add((main.index, Op.BEGIN, 0, row, NOTHING, NOTHING, self.now()))
        try:
            self.target.run(self.parameters)
        except TargetError as error:
            self.status, self.exit_code, self.failure = "usage", 2, str(error)
        except SystemExit as error:
            self.exit_code = _exit_code(error)
        except BaseException as error:
            self.status, self.exit_code = "failed", 1
            self.failure = f"{type(error).__name__}: {error}"
            self.note_failure(recorder, main, row, error)
            _print_failure(error)
        main.add((main.index, Op.END, 0, row, NOTHING, NOTHING, self.now()))
        main.ended = True
        return self.exit_code

    def look(self) -> None:
        """Called by the writer's thread after every flush: is the time up, is everything stuck?"""
        if self.answered:
            return
        if self.now() > self.deadline_ns:
            self.stop("timeout")
        seen = self.recorder.pending()
        if seen == self._seen and self.recorder.stuck() and not _signals_expected():
            self._quiet += 1
            if self._quiet >= QUIET_LOOKS:
                self.stop("deadlock")
        else:
            self._quiet = 0
        self._seen = seen

    def stop(self, status: str) -> None:
        """End the process from outside its threads, with everything written."""
        self.status = status
        self.finish()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(0)

    def finish(self) -> None:
        """Write the rest, and tell the parent how it ended; the first call counts."""
        if not self.recorder.ours():
            return
        with self._finishing:
            if not self.answered:
                self.answered = True
                try:
                    self._finish()
                except BaseException:
                    self.answers.send(_internal())

    def _finish(self) -> None:
        roots = [variables for _, variables in self.target.names()]
        roots += self.recorder.variables(sys._current_frames().values())
        self.recorder.look_for_names(roots)
        self.recorder.close()
        self.answers.send(
            {
                "status": self.status,
                "exit_code": self.exit_code,
                "message": self.failure,
                "names": {str(index): name for index, name in self.recorder.final_names().items()},
                "notes": self.notes(),
            }
        )

    def run_or_explain(self) -> int:
        """:meth:`run`; a fault of ours, before the program started or after it ended, is not the program's end."""
        try:
            return self.run()
        except BaseException:
            with self._finishing:
                self.answered = True
            self.answers.send(_internal())
            return INTERNAL


def _internal() -> dict[str, Any]:
    """The answer when something of ours failed."""
    return {"status": "internal", "message": traceback.format_exc()}


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    sys.stderr.write(f"{error.code}\n")
    return 1


def _print_failure(error: BaseException) -> None:
    """The traceback that the interpreter would print, without our own frames at its outer end."""
    from ..simcore.recorder import failure_lines

    sys.stderr.write("\n".join(failure_lines(error)) + "\n")


def _signals_expected() -> bool:
    """Has the program a signal handler that could wake a blocked main thread?"""
    numbers = signal.valid_signals() - {signal.SIGINT}
    return any(callable(signal.getsignal(number)) for number in numbers)


def main() -> int:
    job: dict[str, Any] = json.loads(sys.argv[1])
    answers = Answers(job["answer_fd"])
    if sys.path[-1] == sys.argv[2]:
        sys.path.pop()  # we are loaded; the program finds what it finds without us
    if job["kind"] == "probe":
        from . import prober

        return prober.serve(job, answers)
    sys.argv = [job["target"], *job.get("argv", ())]
    if job["kind"] == "measure":
        from . import measured

        target = _prepare(job, answers)
        return 2 if target is None else measured.serve(job, answers, target)
    try:
        target = _prepare(job, answers)
        recorded = None if target is None else _Recorded(job, answers, target)
    except BaseException:
        answers.send(_internal())
        return INTERNAL
    return 2 if recorded is None else recorded.run_or_explain()

"""The child process in which targets run: one job in, JSON lines out.

A fresh interpreter is what makes the takeover complete (nothing of the program was imported before it) and what lets
the parent stop anything, whatever the program does. The protocol is private to weft.process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

OK, USAGE, INTERNAL, GAVE_UP, INTERRUPTED = 0, 2, 3, 4, 130
_PROGRESS_S = 0.25


class _Reply:
    """Writes messages to the parent, one JSON object a line.

    A program may close descriptors that are not its own (``os.closerange``, as daemons do) and open others in their
    place. When the pipe is gone, messages go into a file that the parent reads afterwards.
    """

    def __init__(self, descriptor: int, instead: str) -> None:
        self._descriptor = descriptor
        self._instead = instead
        self._pipe = self._identity()

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.fstat(self._descriptor)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        if self._identity() != self._pipe:
            with open(self._instead, "ab") as file:
                file.write(data)
            return
        while data:
            data = data[os.write(self._descriptor, data) :]


def main(job_file: str) -> None:
    """Run the job in the file, answer on the descriptor it names, leave without any clean-up that the program under
    test could block (``os._exit``)."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    reply = _Reply(job["reply"], job["reply_file"])
    code = INTERNAL
    try:
        code = _serve(job, reply)
    except BaseException:
        reply.send({"error": traceback.format_exc(), "code": INTERNAL})
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve(job: dict[str, Any], reply: _Reply) -> int:
    import faulthandler

    from .checkers.exploration.explore import Interrupted
    from .checking import GaveUp
    from .failure_file import FailureFileError
    from .simcore.explored import Divergence, quiet_garbage
    from .simcore.target import TargetError, parse_target

    place = job.get("stack_file")
    if place:
        faulthandler.register(signal.SIGUSR2, file=open(place, "w"))  # noqa: SIM115
    try:
        target = parse_target(job["target"], job["argv"])
        target.prepare(_watching(job))
        quiet_garbage()
        if job["quiet"]:
            _silence()
        run: dict[str, Callable[[], int]] = {
            "check": lambda: _check(job, target, reply),
            "replay": lambda: _replay(job, target, reply),
            "predict": lambda: _predict(job, target, reply),
            "locks": lambda: _locks(job, target, reply),
        }
        signal.pthread_sigmask(
            signal.SIG_UNBLOCK, {signal.SIGINT}
        )  # weft.process blocked it: we answer it from here on
        return run[job["command"]]()
    except (TargetError, FailureFileError) as error:
        reply.send({"error": str(error), "code": USAGE})
        return USAGE
    except (GaveUp, Divergence) as error:
        code = USAGE if job["command"] == "replay" else GAVE_UP
        reply.send({"error": str(error), "code": code})
        return code
    except (Interrupted, KeyboardInterrupt):
        reply.send({"error": "interrupted", "code": INTERRUPTED})
        return INTERRUPTED


def _watching(job: dict[str, Any]) -> Any:
    """What to rewrite: what a check was asked for, or what it was when a failure was found."""
    from .failure_file import read_failure
    from .options import Options

    if job["command"] in ("check", "locks"):
        return Options(**job["options"]).watching()
    if job["command"] == "replay":
        return Options(**read_failure(Path(job["failure"]))["options"]).watching()
    return None


def _silence() -> None:
    """The program's own output would come once per execution: thousands of times. It goes nowhere."""
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)


def _check(job: dict[str, Any], target: Any, reply: _Reply) -> int:
    from time import perf_counter

    from .checking import check
    from .options import Options

    sent = perf_counter()

    def progress(executions: int, steps: int, seconds: float) -> None:
        nonlocal sent
        if perf_counter() - sent > _PROGRESS_S:
            sent = perf_counter()
            reply.send({"progress": {"executions": executions, "steps": steps, "seconds": seconds}})

    checked = check(target, job["parameters"], Options(**job["options"]), argv=job["argv"], progress=progress)
    if job.get("rows_file"):
        from .simcore.gpu.rows import save

        save(Path(job["rows_file"]), checked.device_rows, job["target"])
    _send(checked, job, reply)
    return INTERRUPTED if checked.interrupted else OK


def _replay(job: dict[str, Any], target: Any, reply: _Reply) -> int:
    from .checking import replay
    from .failure_file import read_failure

    failure = read_failure(Path(job["failure"]))
    _send(replay(target, failure, pdb=job.get("pdb", False)), job, reply)
    return OK


def _locks(job: dict[str, Any], target: Any, reply: _Reply) -> int:
    from .locking import answer

    reply.send(answer(target, job))
    return OK


def _send(checked: Any, job: dict[str, Any], reply: _Reply) -> None:
    import msgspec

    files: list[str] = []
    if job.get("traces_in"):
        for number, trace in enumerate(checked.traces):
            path = Path(job["traces_in"]) / f"{number}.jsonl"
            trace.save(path)
            files.append(str(path))
    reply.send(
        {
            "result": msgspec.to_builtins(checked.result),
            "traces": files,
            "interrupted": checked.interrupted,
        }
    )


def _predict(job: dict[str, Any], target: Any, reply: _Reply) -> int:
    from time import perf_counter

    from .predicting import predict_in_process
    from .simcore.prediction import PredictionError

    sent = perf_counter()

    def progress(done: int, total: int) -> None:
        nonlocal sent
        if perf_counter() - sent > _PROGRESS_S or done == total:
            sent = perf_counter()
            reply.send({"progress": {"done": done, "total": total}})

    try:
        reply.send(predict_in_process(target, job, progress))
    except PredictionError as error:
        reply.send({"error": str(error), "code": GAVE_UP})
        return GAVE_UP
    return OK

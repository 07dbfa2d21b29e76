"""The child's end of the pipe to its parent: one line of JSON for each answer."""

from __future__ import annotations

import _thread
import contextlib
import json
import os
from typing import Any


class Answers:
    """Sends answers; any thread may."""

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self._fd = fd
        self._lock = _thread.allocate_lock()

    def send(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode() + b"\n"
        # A parent that has gone wants no answer.
        with self._lock, contextlib.suppress(BrokenPipeError):
            while data:
                data = data[os.write(self._fd, data) :]

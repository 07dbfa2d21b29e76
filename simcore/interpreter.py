"""The interpreter around a simulated run: its main thread, ``threading``'s own tables, and the unwinding at the end.

Both simulated worlds stand on it; it knows virtual threads, and neither scheduling nor time.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from itertools import count
from typing import Any, ClassVar

from . import refusals
from .primitives import collecting, exits, futures
from .primitives.thread import begin_run, real_get_ident
from .refusals import ProcessEnd
from .surroundings import Surroundings
from .threads import VirtualThread
from .trace import Op
from .world import ExecutionOver, Operation, World

HARMLESS = frozenset(
    {Op.RELEASE, Op.NOTIFY, Op.SET, Op.CLEAR, Op.TASK_DONE, Op.END, Op.ATOMIC, Op.CANCEL, Op.CLOSE, Op.ABORT}
)
"""Operations that never wait: while a run is unwound they do nothing instead of raising."""
_THROWS = 3
"""How often a thread is told that the run is over: code that catches everything does not hear the first time."""
_threading: Any = threading
"""For its private names: the table of living threads and the counter of default names start anew in every run."""


class FreshInterpreter:
    """While it lasts, ``threading`` and ``concurrent.futures`` count and list as in a new process with thread ``main``;
    afterwards everything around the program is as it was.

    A class, since the explored world enters it once an execution, and a generator would cost it three per cent.
    """

    __slots__ = ("_active", "_counter", "_main", "_surroundings")

    def __init__(self, main: VirtualThread) -> None:
        self._main: Any = main.python_thread
        self._main._weft_thread = main

    def __enter__(self) -> None:
        collecting.forget_execution_before()
        self._surroundings = Surroundings()
        self._active = dict(_threading._active)
        self._counter = _threading._counter
        _threading._counter = count(1).__next__
        futures.reset_counters()
        begin_run()
        refusals.refusal = None

    def __exit__(self, *_: object) -> None:
        _threading._active.clear()
        _threading._active.update(self._active)
        _threading._counter = self._counter
        self._surroundings.restore()
        _threading._dangling.clear()
        _threading._dangling.add(self._main)


def _unless_over(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A destructor that waits when the execution ends is unwound like anything else; nobody has to be told."""

    def say(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, ExecutionOver):
            hook(unraisable)

    return say


class SimulatedWorld(World):
    """What the explored and the timed world share: how a program's main thread begins and ends, and all the others."""

    exit_is_failure: ClassVar[bool] = True
    """Is ``sys.exit()`` in the main thread kept as its failure, for others to look at the code, or just its end?"""

    def __init__(self) -> None:
        self.threads = []
        self.step = 0
        self.closing = False
        self.kept = {}
        self.on_main_end: Callable[[], None] | None = None
        """Called when the main function has returned, while its objects are still alive."""

    def main_thread(self, program: Callable[[], None]) -> VirtualThread:
        """The thread that runs ``program`` and then, if it came to its end, what an interpreter does at its exit."""

        def body() -> None:
            ended = True
            try:
                program()
            except ProcessEnd:
                ended = False
            except SystemExit:
                if self.exit_is_failure:
                    raise
            finally:
                if not self.closing and ended:
                    self.main_ended()

        thread = VirtualThread(body, "MainThread", python_thread=threading.main_thread())
        thread.uid = 0
        thread.ident = real_get_ident()
        return thread

    def main_ended(self) -> None:
        if self.on_main_end is not None:
            self.on_main_end()
        exits.call_before_waiting(self)
        futures.shutdown_all(self)
        exits.call_all(self)

    def close(self) -> None:
        """Unwind what is left, with scheduling barred: ``finally`` blocks run, but their operations take no effect."""
        self.closing = True
        told, sys.unraisablehook = sys.unraisablehook, _unless_over(sys.unraisablehook)
        try:
            for thread in self.threads:
                if thread.glet and not thread.glet.dead:
                    self.thread = thread
                    for _ in range(_THROWS):
                        thread.glet.throw(ExecutionOver)
                        if thread.glet.dead:
                            break
        finally:
            sys.unraisablehook = told

    def perform_while_closing(self, operation: Operation) -> None:
        """What becomes of an operation while the run is unwound.

        Raises:
            ExecutionOver: the operation could wait.
        """
        if operation.op not in HARMLESS:
            raise ExecutionOver

"""What no world can simulate is refused: by name, with the call's place and what to do instead.

Knows the calls, from the audit events CPython raises for them (PEP 578) or as replacements for functions that raise
none; it does not know any particular world.
"""

from __future__ import annotations

import _thread
import importlib
import importlib.util
import os
import signal
import sys
import types
from collections.abc import Callable
from typing import Any, NoReturn

from . import world as _world
from .library import user_place
from .primitives.process_lock import ProcessLock
from .world import Uncontrollable

refusal: Uncontrollable | None = None
"""The first refusal since it was last cleared: the program may catch the exception, the verdict must not be lost."""

_CHILD = "pass in a stand-in for the command"
_FORK = "use threads, or check the part that runs in one process"
_EARLY = "import threading in the program itself, not before it"
_SIGNAL = "let a thread set an event where the signal would come"

_EVENTS = {
    "socket.__new__": ("opens a socket", "pass in a stand-in for the connection, or one end of socket.socketpair()"),
    "socket.getaddrinfo": ("asks for a network address", "pass in a stand-in for the connection"),
    "socket.gethostbyname": ("asks for a network address", "pass in a stand-in for the connection"),
    "subprocess.Popen": ("starts a child process", _CHILD),
    "os.system": ("runs a shell command", _CHILD),
    "os.fork": ("forks the process", _FORK),
    "os.forkpty": ("forks the process", _FORK),
    "os.posix_spawn": ("starts a child process", _CHILD),
    "os.spawn": ("starts a child process", _CHILD),
    "os.exec": ("replaces the process by another program", "check the part before it"),
    "os.kill": ("sends a signal to a process", _SIGNAL),
    "os.killpg": ("sends a signal to a process", _SIGNAL),
    "signal.pthread_kill": ("sends a signal to a thread", _SIGNAL),
    "builtins.input": ("reads from the keyboard", "pass the answer in as a parameter"),
    "_thread.start_new_thread": ("starts a real thread that the simulation does not control", _EARLY),
    "_thread.start_joinable_thread": ("starts a real thread that the simulation does not control", _EARLY),
}

PROCESS_POOL = (
    "concurrent/futures/process.py",
    "uses a ProcessPoolExecutor",
    "use a ThreadPoolExecutor, or check one worker",
)
_ON_BEHALF = (
    PROCESS_POOL,
    ("multiprocessing/", "starts child processes (multiprocessing)", _FORK),
    ("subprocess.py", "starts a child process", _CHILD),
)
"""Modules of the standard library whose name says more than the call they make in the end."""

ANOTHER_INTERPRETER = ("makes another interpreter", "use threads, or check the part that runs in one interpreter")

_watching = False


def refuse(what: str, advice: str, frame: types.FrameType | None = None) -> NoReturn:
    """End the run because the program does ``what``.

    Raises:
        Uncontrollable: always; the first one of a run is kept in :data:`refusal`.
    """
    global refusal
    frame = frame or sys._getframe(1)
    error = Uncontrollable(f"the program {what}{user_place(frame)}, which cannot be simulated; {advice}")
    if refusal is None:
        refusal = error
    raise error


def watch_calls() -> None:
    """Install the audit hook that refuses calls by their events (hooks stay for ever)."""
    global _watching
    if not _watching:
        _watching = True
        sys.addaudithook(_audit)


def _audit(event_name: str, args: tuple[Any, ...]) -> None:
    if event_name not in _EVENTS:
        return
    world = _world.active
    if world is None or world.closing:
        return
    what, advice = _EVENTS[event_name]
    frame = sys._getframe(1)
    if _imports_a_library(frame):
        return
    refuse(*_on_behalf(frame) or (what, advice), frame)


def _imports_a_library(frame: types.FrameType | None) -> bool:
    """Is an installed module being imported? What it asks of the system then (is there IPv6? where is the C library?) it
    asks once, before executions are compared. The program's own modules, which every execution loads, are not meant."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_back is not None:
            caller = frame.f_back.f_code
            installed = "/site-packages/" in frame.f_code.co_filename
            if caller.co_filename == "<frozen importlib._bootstrap>" or (installed and caller.co_name == "exec_module"):
                return True
        frame = frame.f_back
    return False


def _on_behalf(frame: types.FrameType | None) -> tuple[str, str] | None:
    files = _files(frame)
    return next(((what, advice) for part, what, advice in _ON_BEHALF if f"/{part}" in files), None)


def called_from(part: str, frame: types.FrameType | None) -> bool:
    """Is a function of a file whose path has this part among the callers, ``frame`` included?"""
    return part in _files(frame)


def _files(frame: types.FrameType | None) -> str:
    names: list[str] = []
    while frame is not None:
        names.append(frame.f_code.co_filename)
        frame = frame.f_back
    return "\n".join(names)


def _refusing(real: Any, what: str, advice: str) -> Any:
    def refused(*args: Any, **kwargs: Any) -> Any:
        world = _world.active
        if world is None or world.closing:
            return real(*args, **kwargs)
        frame = sys._getframe(1)
        if _imports_a_library(frame):
            return real(*args, **kwargs)
        return refuse(*_on_behalf(frame) or (what, advice), frame)

    refused.__name__ = refused.__qualname__ = getattr(real, "__name__", "refused")
    refused.__doc__ = getattr(real, "__doc__", None)
    return refused


_FUNCTIONS: list[tuple[Any, str, str, str]] = [
    *((signal, name, f"asks for a signal at a later time (signal.{name})", _SIGNAL) for name in ("alarm", "setitimer")),
    *(
        (signal, name, f"waits for a signal (signal.{name})", _SIGNAL)
        for name in ("pause", "sigwait", "sigwaitinfo", "sigtimedwait")
    ),
    (signal, "raise_signal", "sends a signal to itself (signal.raise_signal)", _SIGNAL),
    *((os, name, f"waits for a child process (os.{name})", _CHILD) for name in ("wait", "wait3", "wait4", "waitpid")),
    (os, "abort", "ends the process with os.abort()", "raise an exception instead"),
    (_thread, "interrupt_main", "interrupts the main thread (_thread.interrupt_main)", _SIGNAL),
]
"""Functions that raise no audit event."""


def _semaphore_class(real: Any) -> Any:
    """``_multiprocessing.SemLock``: inside a world a lock between threads, unless it is for something that needs more."""

    def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        world = _world.active
        if world is None or world.closing:
            return real.__new__(cls, *args, **kwargs)
        frame = sys._getframe(1)
        name, what, advice = PROCESS_POOL
        if called_from(f"/{name}", frame):
            refuse(what, advice, frame)
        return ProcessLock(*args, **kwargs)

    return type("SemLock", (real,), {"__new__": __new__, "__module__": real.__module__})


def end_process(status: int) -> NoReturn:
    """``os._exit``: by the last thread it is the end of the program; while others live it is refused, since what they
    would have done is cut off wherever they happen to be."""
    world = _world.active
    if world is None or world.closing:
        real_exit(status)
    if any(not other.terminated for other in world.threads if other is not world.thread):
        refuse(
            f"ends the process with os._exit({status}) while other threads live",
            "join them before it, or end with sys.exit()",
            sys._getframe(1),
        )
    raise ProcessEnd(status)


class ProcessEnd(SystemExit):
    """What ``os._exit`` raises inside a world."""


real_exit: Callable[[int], NoReturn] = os._exit


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    table: list[tuple[Any, str, Any]] = [
        (holder, name, _refusing(getattr(holder, name), what, advice))
        for holder, name, what, advice in _FUNCTIONS
        if hasattr(holder, name)
    ]
    table.append((os, "_exit", end_process))
    for name in ("_interpreters", "_xxsubinterpreters"):  # its name from 3.13 on, and before
        # Not by its audit event: before CPython 3.13 an exception there ends the process.
        if importlib.util.find_spec(name) is not None:
            module = importlib.import_module(name)
            table.append((module, "create", _refusing(module.create, *ANOTHER_INTERPRETER)))
            break
    try:
        import _multiprocessing as processes
        import _posixsubprocess as spawning
    except ImportError:  # builds without them have nothing to refuse
        return table
    modules: tuple[Any, Any] = (processes, spawning)
    table.append((modules[0], "SemLock", _semaphore_class(modules[0].SemLock)))
    table.append((modules[1], "fork_exec", _refusing(modules[1].fork_exec, "starts a child process", _CHILD)))
    return table

"""Threads inside a world: what ``threading.Thread``'s methods do there.

The real class stays in place, so subclasses made anywhere work; only its methods are replaced, and each falls back
to the original outside a world or for a thread that was really started.
"""

from __future__ import annotations

import _thread
import contextvars
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

from .. import world as _world
from ..dependency import Access
from ..threads import State, VirtualThread, living
from ..trace import Op
from ..world import ExecutionOver, Operation, Uncontrollable, World
from .local import local
from .lock import Lock, RLock

real_start = threading.Thread.start
real_join = threading.Thread.join
real_is_alive = threading.Thread.is_alive
real_init = threading.Thread.__init__
RealEvent = threading.Event
real_get_ident = _thread.get_ident
real_get_native_id = _thread.get_native_id
real_start_new_thread = _thread.start_new_thread
real_enumerate = threading.enumerate
real_count: Callable[[], int] = _thread._count
real_start_joinable_thread: Any = getattr(_thread, "start_joinable_thread", None)
RealThreadHandle: Any = getattr(_thread, "_ThreadHandle", None)
default_excepthook = threading.excepthook

_threading: Any = threading
"""For its private names."""
_has_context = sys.version_info >= (3, 14)
"""Does a Thread have a context of its own (``Thread(context=...)``)?"""
_FIRST_IDENT = 1 << 40
"""Virtual thread identifiers start here, so that none equals a real one of the same process in practice."""


class Start(Operation):
    """``Thread.start()``: the new thread becomes ready. Nothing observes its place among other steps."""

    __slots__ = ("child",)
    op = Op.START
    label = "start"
    local = True

    def __init__(self, child: VirtualThread) -> None:
        super().__init__(child)
        self.child = child

    def apply(self, thread: VirtualThread) -> None:
        world = _world.active
        assert world is not None
        self.child.started_at = world.step
        world.spawn(self.child)


class Join(Operation):
    """Wait for the end of a thread; it commutes with everything since an ended thread stays ended."""

    __slots__ = ()
    op = Op.JOIN
    label = "join"
    local = True
    target: VirtualThread  # pyright: ignore[reportIncompatibleVariableOverride]

    def ready(self, thread: VirtualThread) -> bool:
        return self.target.state is State.TERMINATED

    def apply(self, thread: VirtualThread) -> bool:
        world = _world.active
        assert world is not None
        world.order_after(self.target.ended_at)
        return True

    def wakers(self) -> list[VirtualThread] | None:
        return [self.target]

    def detail(self) -> str:
        return f"{self.target.name} has not ended"


class TimedJoin(Join):
    """``join(timeout)``: looks whether the thread has ended by then."""

    __slots__ = ("timeout",)
    failed_op = Op.TIMEOUT
    local = False
    pending = done = failed = int(Access.THREAD_LOOK)
    polls = True
    productive = False

    def __init__(self, target: VirtualThread, timeout: float) -> None:
        super().__init__(target)
        self.timeout = timeout


class IsAlive(Operation):
    """``is_alive()``: observes whether the thread has ended."""

    __slots__ = ()
    op = Op.ATOMIC
    label = "is_alive"
    pending = done = int(Access.THREAD_LOOK)
    polls = True
    productive = False
    target: VirtualThread  # pyright: ignore[reportIncompatibleVariableOverride]

    def apply(self, thread: VirtualThread) -> bool:
        if self.target.state is State.TERMINATED:
            world = _world.active
            assert world is not None
            world.order_after(self.target.ended_at)
            return False
        return True

    def fruitless(self, result: Any) -> bool:
        return bool(result)


class Count(Operation):
    """``enumerate()``, ``active_count()``: observes which threads have ended.

    Starts are not seen to depend on it: a thread that another one starts meanwhile may only be found before or after
    together with the starting thread's step before.
    """

    __slots__ = ()
    op = Op.ATOMIC
    label = "count threads"
    pending = done = int(Access.THREAD_LOOK)
    polls = True
    productive = False

    def apply(self, thread: VirtualThread) -> int:
        world = _world.active
        assert world is not None
        for other in world.threads:
            if other.state is State.TERMINATED:
                world.order_after(other.ended_at)
        return sum(other.state is not State.TERMINATED for other in world.threads)

    def fruitless(self, result: Any) -> bool:
        return True


class StartedFlag:
    """Stands for ``Thread._started`` inside a world, where ``start()`` needs nobody's answer."""

    __slots__ = ("_flag",)

    def __init__(self) -> None:
        self._flag = False

    def is_set(self) -> bool:
        return self._flag

    def set(self) -> None:
        self._flag = True

    def clear(self) -> None:
        self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        return self._flag


def _started_flag() -> Any:
    return RealEvent() if _world.active is None else StartedFlag()


def make_init() -> Callable[..., None]:
    """``Thread.__init__`` with its private Event replaced: the same code over slightly different globals."""
    names = dict(threading.__dict__)
    names["Event"] = _started_flag
    init = types.FunctionType(real_init.__code__, names, "__init__", real_init.__defaults__, real_init.__closure__)
    init.__kwdefaults__ = real_init.__kwdefaults__
    init.__doc__ = real_init.__doc__
    return init


def virtual(thread: threading.Thread) -> VirtualThread | None:
    """The virtual thread behind a Thread object in the active world."""
    found: VirtualThread | None = getattr(thread, "_weft_thread", None)
    return found if found is not None and getattr(found, "_world", None) is _world.active else None


def _started(thread: Any) -> bool:
    return thread._started.is_set()


def begin_run() -> None:
    """A new execution begins: what the program sees at its start is what it may replace."""
    global _stderr_before, _sys_hook_before
    _stderr_before, _sys_hook_before = sys.stderr, sys.excepthook


_stderr_before: Any = None
_sys_hook_before: Any = None


def _tell_hook(thread: Any) -> None:
    """Call the exception hook as CPython does, when the program can see it: it replaced the hook or the error stream.

    Otherwise the hook would only print what the world reports, once an execution.
    """
    if (
        threading.excepthook is not default_excepthook
        or sys.stderr is not _stderr_before
        or sys.excepthook is not _sys_hook_before
    ):
        thread._invoke_excepthook(thread)


def _own_context(thread: Any) -> contextvars.Context | None:
    """What the thread runs in, from CPython 3.14 on: the context given to it, else one made by ``start()``."""
    if not _has_context:
        return None
    if thread._context is None:
        inherits = getattr(sys.flags, "thread_inherit_context", 0)
        thread._context = contextvars.copy_context() if inherits else contextvars.Context()
    return thread._context


def _body(thread: threading.Thread) -> Callable[[], None]:
    context = _own_context(thread)

    def run() -> None:
        try:
            if context is None:
                thread.run()
            else:
                context.run(thread.run)
        except (ExecutionOver, Uncontrollable):
            raise
        except SystemExit:
            _tell_hook(thread)
        except BaseException as error:
            # Kept here and not raised again, so that its traceback stays the one the hook saw.
            state: Any = thread
            state._weft_thread.failure = (error, error.__traceback__)
            _tell_hook(thread)

    return run


def _launch(world: World, child: VirtualThread) -> None:
    parent = world.thread
    child._world = world
    child.parent = parent
    parent.children += 1
    world.perform(Start(child))


def start(self: threading.Thread) -> None:
    world = _world.active
    if world is None:
        return real_start(self)
    state: Any = self
    if not getattr(self, "_initialized", False):
        raise RuntimeError("thread.__init__() not called")
    if state._started.is_set():
        raise RuntimeError("threads can only be started once")
    ident = _FIRST_IDENT + len(world.threads)
    child = VirtualThread(
        _body(self),
        self.name,
        daemon=self.daemon,
        python_thread=self,
        system=getattr(self, "_weft_system", False),
    )
    child.ident = ident
    state._weft_thread = child
    state._started.set()
    if hasattr(self, "_handle"):
        state._handle = ThreadHandle(child)
    state._ident = state._native_id = ident
    _threading._active[ident] = self
    return _launch(world, child)


def join(self: threading.Thread, timeout: float | None = None) -> None:
    world = _world.active
    if world is None:
        return real_join(self, timeout)
    if not getattr(self, "_initialized", False):
        raise RuntimeError("Thread.__init__() not called")
    target = virtual(self)
    if target is None:
        if not _started(self):
            raise RuntimeError("cannot join thread before it is started")
        return real_join(self, timeout)
    if target is world.thread:
        raise RuntimeError("cannot join current thread")
    if _join(world, target, timeout):
        _stopped(self)
    return None


def _join(world: World, target: VirtualThread, timeout: float | None) -> bool:
    if timeout is None:
        return world.perform(Join(target))
    return world.perform(TimedJoin(target, max(timeout, 0)))


def _stopped(thread: Any) -> None:
    """Until CPython 3.12 a Thread object notes that it was seen to have ended, and ``repr`` looks at the note."""
    if hasattr(thread, "_is_stopped"):
        thread._is_stopped = True


def is_alive(self: threading.Thread) -> bool:
    world = _world.active
    if world is None:
        return real_is_alive(self)
    assert getattr(self, "_initialized", False), "Thread.__init__() not called"
    target = virtual(self)
    if target is None:
        return real_is_alive(self) if _started(self) else False
    alive = _alive(world, target)
    if not alive:
        _stopped(self)
    return alive


def _alive(world: World, target: VirtualThread) -> bool:
    return target is world.thread or world.perform(IsAlive(target))


def enumerate_threads() -> list[threading.Thread]:
    """``threading.enumerate``."""
    world = _world.active
    if world is not None:
        world.perform(Count(living))
    return real_enumerate()


def active_count() -> int:
    """``threading.active_count``."""
    return len(enumerate_threads())


def count() -> int:
    """``_thread._count``: the living threads but the main one."""
    world = _world.active
    return real_count() if world is None else world.perform(Count(living)) - (not world.threads[0].terminated)


def get_ident() -> int:
    world = _world.active
    return real_get_ident() if world is None else world.thread.ident


def get_native_id() -> int:
    world = _world.active
    return real_get_native_id() if world is None else world.thread.ident


def start_new_thread(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, /
) -> int:
    world = _world.active
    if world is None:
        return real_start_new_thread(function, args, kwargs or {})
    if not callable(function):
        raise TypeError("first arg must be callable")
    return _start(world, function, args, kwargs or {}, True).ident


def _start(
    world: World, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], daemon: bool
) -> VirtualThread:
    def run() -> None:
        try:
            function(*args, **kwargs)
        except SystemExit:
            pass
        except (ExecutionOver, Uncontrollable):
            raise
        except BaseException as error:
            if sys.unraisablehook is not sys.__unraisablehook__:
                message = "Exception ignored in thread started by"
                whole = sys.version_info >= (3, 13)
                found = types.SimpleNamespace(
                    exc_type=type(error),
                    exc_value=error,
                    exc_traceback=error.__traceback__,
                    err_msg=f"{message} {function!r}" if whole else message,
                    object=None if whole else function,
                )
                sys.unraisablehook(found)  # pyright: ignore[reportArgumentType]
            raise

    name = f"{getattr(function, '__name__', 'thread')}-{len(world.threads)}"
    child = VirtualThread(run, name, daemon=daemon)
    child.ident = _FIRST_IDENT + len(world.threads)
    _launch(world, child)
    return child


class ThreadHandle:
    """``_thread._ThreadHandle`` (CPython 3.13): what joins a thread that has no Thread object."""

    __slots__ = ("__weakref__", "_real", "_thread")

    def __init__(self, thread: VirtualThread | None = None) -> None:
        self._thread = thread
        self._real: Any = None if RealThreadHandle is None else RealThreadHandle()

    @property
    def ident(self) -> int:
        return self._real.ident if self._thread is None else self._thread.ident

    def _virtual(self) -> tuple[World, VirtualThread] | None:
        world, thread = _world.active, self._thread
        return None if world is None or thread is None else (world, thread)

    def is_done(self) -> bool:
        found = self._virtual()
        return self._real.is_done() if found is None else not _alive(*found)

    def join(self, timeout: float | None = None) -> None:
        found = self._virtual()
        if found is None:
            return self._real.join(timeout)
        if found[1] is found[0].thread:
            raise RuntimeError("Cannot join current thread")
        _join(*found, None if timeout is None or timeout < 0 else timeout)
        return None

    def _set_done(self) -> None:
        if self._thread is None:
            self._real._set_done()


def start_joinable_thread(
    function: Callable[[], Any], handle: ThreadHandle | None = None, daemon: bool = True
) -> ThreadHandle:
    """``_thread.start_joinable_thread`` (CPython 3.13)."""
    if handle is None:
        handle = ThreadHandle()
    world = _world.active
    if world is None:
        real_start_joinable_thread(function, handle=handle._real, daemon=daemon)
        return handle
    if not callable(function):
        raise TypeError("thread function must be callable")
    if handle._thread is not None:
        raise RuntimeError("thread already started")
    handle._thread = _start(world, function, (), {}, daemon)
    return handle


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table: names that not every version has, or that few programs use."""
    wanted: list[tuple[Any, str, Any]] = [
        (threading, "_CRLock", RLock),
        (threading, "enumerate", enumerate_threads),
        (threading, "active_count", active_count),
        (threading, "_thread_local_info", local()),
        (_thread, "_count", count),
        (_thread, "get_native_id", get_native_id),
        (_thread, "start_new", start_new_thread),
        (_thread, "allocate", Lock),
        (_thread, "start_joinable_thread", start_joinable_thread),
        (_thread, "_ThreadHandle", ThreadHandle),
    ]
    return [row for row in wanted if hasattr(row[0], row[1])]

"""Threads inside a world: what ``threading.Thread``'s methods do there.

The real class stays in place, so subclasses made anywhere work; only its methods are replaced, and each falls back
to the original outside a world or for a thread that was really started.
"""

from __future__ import annotations

import _thread
import threading
import types
from collections.abc import Callable
from typing import Any

from .. import world as _world
from ..dependency import Access
from ..threads import State, VirtualThread
from ..trace import Op
from ..world import ExecutionOver, Operation, World

real_start = threading.Thread.start
real_join = threading.Thread.join
real_is_alive = threading.Thread.is_alive
real_init = threading.Thread.__init__
RealEvent = threading.Event
real_get_ident = _thread.get_ident
real_get_native_id = _thread.get_native_id
real_start_new_thread = _thread.start_new_thread
default_excepthook = threading.excepthook

_threading: Any = threading
"""For its private names."""
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


class StartedFlag:
    """Stands for ``Thread._started`` inside a world, where ``start()`` needs nobody's answer."""

    __slots__ = ("_flag",)

    def __init__(self) -> None:
        self._flag = False

    def is_set(self) -> bool:
        return self._flag

    def set(self) -> None:
        self._flag = True

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


def _body(thread: threading.Thread, ident: int) -> Callable[[], None]:
    def run() -> None:
        try:
            thread.run()
        except SystemExit:
            pass
        except ExecutionOver:
            raise
        except BaseException as error:
            if threading.excepthook is not default_excepthook:
                threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))
            raise
        finally:
            _threading._active.pop(ident, None)

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
        _body(self, ident),
        self.name,
        daemon=self.daemon,
        python_thread=self,
        system=getattr(self, "_weft_system", False),
    )
    child.ident = ident
    state._weft_thread = child
    state._started.set()
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
    if timeout is None:
        world.perform(Join(target))
    else:
        world.perform(TimedJoin(target, max(timeout, 0)))
    return None


def is_alive(self: threading.Thread) -> bool:
    world = _world.active
    if world is None:
        return real_is_alive(self)
    target = virtual(self)
    if target is None:
        return real_is_alive(self) if _started(self) else False
    if target is world.thread:
        return True
    return world.perform(IsAlive(target))


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
    ident = _FIRST_IDENT + len(world.threads)

    def run() -> None:
        try:
            function(*args, **(kwargs or {}))
        except SystemExit:
            pass
        finally:
            _threading._active.pop(ident, None)

    child = VirtualThread(run, f"{getattr(function, '__name__', 'thread')}-{len(world.threads)}", daemon=True)
    child.ident = ident
    _launch(world, child)
    return ident

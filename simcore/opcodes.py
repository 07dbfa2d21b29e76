"""Shared accesses of code that was not rewritten, seen instruction by instruction (``--precise``, Python 3.12 and later).

An instruction of ``exec``'d code or of an ``async`` function is announced like a hook of rewritten code, by the functions
of simcore.watch. Which instruction means what is said by simcore.operands; which files are the program's, by the caller.
"""

from __future__ import annotations

import gc
import inspect
import sys
import types
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from . import watch
from .directory import CONTAINERS, NOT_DATA
from .hooks import NOKEY, SITES
from .library import is_library
from .operands import Access, Operand, accesses
from .variables import MISSING, READ, WHOLE_READ, WHOLE_WRITE, WRITE, Kind, look_up, type_of

Modules = Callable[[], list[tuple[str, dict[str, Any]]]]

SINCE = (3, 12)
REFUSAL = (
    "--precise (precise = true) needs Python 3.12 or later, this is "
    f"{sys.version_info.major}.{sys.version_info.minor}: run weft with a newer Python, or put the code into a module, "
    "where it is rewritten and seen"
)
NOTHING_TO_SEE = (
    "--precise (precise = true) watches shared variables, and --no-races (races = false) does not: give one"
)

_ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_ATOMS: Any = (int, float, str, bool, bytes, type(None), tuple, type(MISSING))
_MAKES = _ASYNC | inspect.CO_GENERATOR | inspect.CO_ITERABLE_COROUTINE
"""Flags of functions whose call makes an object."""
_SIMPLE_KEYS: Any = (str, int, float, bool, bytes, type(None))
_BOUND: Any = (types.BuiltinMethodType, types.MethodWrapperType)
_METHODS: Any = (types.MethodDescriptorType, types.WrapperDescriptorType)
_FUNCTION: Any = types.FunctionType
_NOT_READ: Any = (*NOT_DATA, types.ModuleType)
_DICT: Any = dict
_CELL: Any = types.CellType
_WHOLE = {
    id(each)
    for each in (len, sorted, list, tuple, set, frozenset, dict, sum, any, all, str, repr, iter, bool, min, max)
}
"""What looks at all of its first argument."""
_STEPWISE = {id(each) for each in (enumerate, zip, map, filter, reversed)}
"""What looks at its arguments as it is itself iterated over."""
_COPIES = frozenset({"copy", "most_common", "union", "intersection", "difference", "tolist", "decode", "split"})
"""Methods that give an object of their own."""
_VIEWS = frozenset({"keys", "values", "items"})
_TELLS = {id(getattr): READ, id(hasattr): READ, id(setattr): WRITE, id(delattr): WRITE}


class _View:
    """Stands for a view of containers, or an iterator over them, among the results of a frame."""

    __slots__ = ("containers",)

    def __init__(self, containers: tuple[Any, ...]) -> None:
        self.containers = containers


class _Set:
    """Stands for the item that ``setdefault`` is about to give, among the results of a frame."""

    __slots__ = ("container", "key")

    def __init__(self, container: Any, key: Any) -> None:
        self.container = container
        self.key = key


_NEW = _View(())
"""Stands for an object that was made right now, which nobody else has."""


def supported() -> bool:
    """Does this interpreter tell about its instructions?"""
    return sys.version_info >= SINCE


class Opcodes:
    """What is watched of one program. ``modules`` gives the modules that are its own."""

    def __init__(self, modules: Modules) -> None:
        self.monitoring: Any = getattr(sys, "monitoring")  # noqa: B009 - 3.11 has none
        self.tool = -1
        self.modules = modules
        self.watched: dict[int, tuple[types.CodeType, dict[int, Access]]] = {}
        """By id of the code object, which is kept, so that the id stays its own."""
        self.known: dict[tuple[str, types.CodeType], dict[int, Access]] = {}
        """By content: what an execution makes anew is not read anew."""
        self.results: dict[int, dict[int, Any]] = {}
        """Per frame (by id), what instructions gave that a later one needs."""
        self.cells: dict[int, dict[str, list[Any]]] = {}
        """Per frame, the cells of its variables, as far as they were asked for."""
        self.namespaces: dict[int, Any] = {}
        """Per frame of module-level code, where its names are."""
        self.awaited: dict[int, tuple[types.CodeType, int]] = {}
        """Per frame, the function it called whose result it needs, and the offset of the call."""
        self.listened: dict[int, types.CodeType] = {}
        """The code of such functions, by id."""
        self.unfollowed: dict[str, None] = {}
        """Accesses to objects that could not be told, with their places."""
        self.monitor: Any = None
        self.rewritten: set[str] = set()
        self.counted = 0
        self.own: set[str] = set()
        """Files of the program."""
        self.state: Any = None

    # Beginning and end.

    def begin(self) -> None:
        """Listen to every function that starts, for as long as it takes to see that it is none of ours."""
        monitoring, events = self.monitoring, self.monitoring.events
        self.tool = next((tool for tool in (4, 3, 5, 2) if monitoring.get_tool(tool) is None), -1)
        if self.tool < 0:
            raise RuntimeError("--precise needs one of the interpreter's monitoring tools, and all are in use")
        monitoring.use_tool_id(self.tool, "weft")
        monitoring.register_callback(self.tool, events.PY_START, self.starts)
        monitoring.register_callback(self.tool, events.INSTRUCTION, self.instruction)
        monitoring.register_callback(self.tool, events.PY_RETURN, self.returns)
        monitoring.register_callback(self.tool, events.PY_UNWIND, self.unwinds)
        monitoring.restart_events()
        monitoring.set_events(self.tool, events.PY_START | events.PY_UNWIND)

    def end(self) -> None:
        monitoring, events = self.monitoring, self.monitoring.events
        monitoring.set_events(self.tool, 0)
        for code in (*self.listened.values(), *(code for code, _ in self.watched.values())):
            monitoring.set_local_events(self.tool, code, 0)
        for event in (events.PY_START, events.INSTRUCTION, events.PY_RETURN, events.PY_UNWIND):
            monitoring.register_callback(self.tool, event, None)
        monitoring.free_tool_id(self.tool)
        self._forget()

    def unseen(self, not_rewritten: list[str]) -> list[str]:
        """What of the program's accesses stays unseen, a sentence each; ``not_rewritten`` is what the rewriter left."""
        return [
            *(each for each in not_rewritten if not each.startswith("async ")),
            *self.unfollowed,
        ]

    # Which code.

    def starts(self, code: types.CodeType, offset: int) -> Any:
        frame = sys._getframe(1)
        if watch.current is not self.monitor:
            self._forget()
        if id(code) not in self.watched and self._is_ours(code, frame):
            self._watch(code)
        if id(code) in self.watched:
            self._leave(frame)
            if not code.co_flags & inspect.CO_OPTIMIZED:
                # Asked for now: inside a comprehension 3.12 gives a copy.
                self.namespaces[id(frame)] = frame.f_locals
            return None
        return self.monitoring.DISABLE

    def _forget(self) -> None:
        """Another execution: what the one before left behind is of no use, and may be large."""
        self.monitor = watch.current
        self.results.clear()
        self.cells.clear()
        self.awaited.clear()
        self.namespaces.clear()

    def _leave(self, frame: types.FrameType) -> None:
        """Hold nothing that the program lets go."""
        self.results.pop(id(frame), None)
        self.cells.pop(id(frame), None)
        self.awaited.pop(id(frame), None)
        self.namespaces.pop(id(frame), None)

    def _watch(self, code: types.CodeType) -> None:
        content = (code.co_filename, code)
        table = self.known.get(content)
        if table is None:
            table = self.known[content] = accesses(code)
            for access in table.values():
                SITES[access.site.number] = access.site
        self.watched[id(code)] = (code, table)
        events = self.monitoring.events
        self.monitoring.set_local_events(self.tool, code, events.INSTRUCTION | events.PY_RETURN)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType) and id(constant) not in self.watched:
                self._watch(constant)  # before it runs: 3.12 does not tell the instruction it is about to execute

    def _is_ours(self, code: types.CodeType, frame: types.FrameType) -> bool:
        """Is it the program's, and was it not rewritten?"""
        file = code.co_filename
        if self._is_own(file):
            return not self._is_rewritten(file) or bool(code.co_flags & _ASYNC)
        caller = frame.f_back
        if code.co_name == "<module>":
            # By exec or eval, which add no frame of their own; an import comes from importlib.
            return caller is not None and (self._is_own(caller.f_code.co_filename) or id(caller.f_code) in self.watched)
        if not file.startswith("<") or file.startswith("<frozen"):
            return False
        return any(names is frame.f_globals for _, names in self.modules())

    def _is_own(self, file: str) -> bool:
        # A wrong no would be final. A module is in sys.modules before its code runs, a script in the target.
        state = (len(sys.modules), id(watch.current))
        if file not in self.own and (state != self.state or not is_library(file)):
            self.state = state
            self.own.update(name for _, names in self.modules() if isinstance(name := names.get("__file__"), str))
        return file in self.own

    def _is_rewritten(self, file: str) -> bool:
        if self.counted != len(SITES):
            self.rewritten = {site.file for number, site in [*SITES.items()] if number > 0}
            self.counted = len(SITES)
        return file in self.rewritten

    # What happens.

    def instruction(self, code: types.CodeType, offset: int) -> Any:
        known = self.watched.get(id(code))
        access = None if known is None else known[1].get(offset)
        if access is None:
            return self.monitoring.DISABLE
        monitor = watch.current
        if monitor is None or monitor.world.closing:
            return None
        if monitor is not self.monitor:
            self._forget()
        frame = sys._getframe(1)
        found = _ACTIONS[access.action](self, frame, access)
        if access.keep or access.release:
            results = self.results.setdefault(id(frame), {})
            for released in access.release:
                results.pop(released, None)
            if access.keep:
                results[offset] = found
        return None

    def returns(self, code: types.CodeType, offset: int, value: object) -> Any:
        frame = sys._getframe(1)
        caller = frame.f_back
        awaited = self.awaited.get(id(caller))
        if awaited is not None and awaited[0] is code:
            del self.awaited[id(caller)]
            self.results.setdefault(id(caller), {})[awaited[1]] = value
        if id(code) in self.watched:
            self._leave(frame)
        return None

    def unwinds(self, code: types.CodeType, offset: int, error: BaseException) -> None:
        if id(code) in self.watched:
            self._leave(sys._getframe(1))

    def value(self, frame: types.FrameType, operand: Operand) -> Any:
        """The object an operand stands for, MISSING if that cannot be told."""
        if operand.kind == "local":
            return _local(frame, operand.value)
        if operand.kind == "constant":
            return operand.value
        if operand.kind == "result":
            found = self.results.get(id(frame), {}).get(operand.value, MISSING)
            return _item_of(found.container, found.key) if isinstance(found, _Set) else found
        return MISSING

    def subject(self, frame: types.FrameType, access: Access) -> Any:
        thing = self.value(frame, access.subject)
        if thing is MISSING:
            self._lost(access)
        return MISSING if isinstance(thing, _View) else thing

    def _lost(self, access: Access) -> None:
        site = access.site
        what = f".{site.name}" if site.name else "an item" if site.kind == "item" else "a container"
        self.unfollowed[
            f"{what} of an object made in the same expression, in {site.function} "
            f"({site.file}:{site.line}), was not watched"
        ] = None

    def attribute(self, frame: types.FrameType, access: Access) -> Any:
        thing = self.subject(frame, access)
        if thing is MISSING:
            return MISSING
        site = access.site
        if site.does != "read":
            _tell(watch.write, thing, site.number)
            return MISSING
        _tell(watch.read, thing, site.number)
        if type_of(thing) in _ATOMS:
            return _NEW  # what a method of a text or number gives, nobody else has
        return _attribute_of(thing, site.name) if access.keep else MISSING

    def item(self, frame: types.FrameType, access: Access) -> Any:
        thing = self.subject(frame, access)
        if thing is MISSING:
            return MISSING
        key = self.value(frame, access.key)
        site = access.site
        if key is MISSING:
            _tell(watch.whole if site.does == "read" else watch.whole_write, thing, site.number)
            return MISSING
        _tell(watch.item_read if site.does == "read" else watch.item_write, thing, key, site.number)
        return _item_of(thing, key) if access.keep and site.does == "read" else MISSING

    def whole(self, frame: types.FrameType, access: Access) -> Any:
        for operand in (access.subject, *access.arguments):
            self._all(self.value(frame, operand), access)
        return MISSING

    def _all(self, thing: Any, access: Access) -> None:
        if type_of(thing) in _ATOMS:
            return
        if isinstance(thing, _View):
            for each in thing.containers:
                self._all(each, access)
        elif isinstance(thing, CONTAINERS):
            kind = WHOLE_READ if access.site.does == "read" else WHOLE_WRITE
            label = "next" if access.action == "step" else access.site.does
            _tell(watch._all, thing, access.site.number, kind, label)
        elif thing is not MISSING:
            for each in _behind(thing):
                self._all(each, access)

    def inplace(self, frame: types.FrameType, access: Access) -> Any:
        thing = self.value(frame, access.subject)
        if type_of(thing) not in _ATOMS and isinstance(thing, CONTAINERS):
            if access.site.does == "read":
                _tell(watch.whole, thing, access.site.number)
            else:
                _tell(watch.argument, thing, None, access.site.number, NOKEY)
        return MISSING

    def iterate(self, frame: types.FrameType, access: Access) -> Any:
        return self.value(frame, access.subject)

    def call(self, frame: types.FrameType, access: Access) -> Any:
        callee = self.value(frame, access.subject)
        number = access.site.number
        values = [self.value(frame, argument) for argument in access.arguments]
        first = values[0] if values else MISSING
        if isinstance(callee, _BOUND) and isinstance(callee.__self__, CONTAINERS):
            if callee.__name__ in _VIEWS:
                _tell(watch.whole, callee.__self__, number)
                return _View((callee.__self__,))
            _tell(watch._call, callee.__self__, callee.__name__, NOKEY if first is MISSING else first, number)
            if callee.__name__ == "setdefault":
                return _Set(callee.__self__, first)
            if callee.__name__ == "get" and access.keep:
                found = _item_of(callee.__self__, first)
                return values[1] if found is MISSING and len(values) > 1 else found
            if callee.__name__ in _COPIES:
                return _NEW
        elif id(callee) in _WHOLE:
            self._all(first, access)
        elif id(callee) in _STEPWISE:
            return _View(tuple(value for value in values if isinstance(value, (*CONTAINERS, _View))))
        elif id(callee) in _TELLS and len(values) > 1 and first is not MISSING:
            hook = watch.dynamic_read if _TELLS[id(callee)] == READ else watch.dynamic_write
            _tell(hook, first, values[1], number)
            if callee is getattr and type_of(values[1]) is str:
                return _attribute_of(first, values[1])
        elif callee is _NEW:
            return _NEW
        elif access.keep:
            return self._returned(frame, access, callee)
        return MISSING

    def _returned(self, frame: types.FrameType, access: Access, callee: Any) -> Any:
        """What a call gives is an operand later: listen to what the function returns."""
        if isinstance(callee, types.MethodType):
            callee = callee.__func__
        if isinstance(callee, type):
            return _NEW if type_of(look_up(callee, "__new__")[1]) is not _FUNCTION else MISSING
        if type_of(callee) is weakref.ref:
            return callee()
        if not isinstance(callee, _FUNCTION):
            return MISSING
        code = callee.__code__
        if code.co_flags & _MAKES:
            return _NEW
        self.awaited[id(frame)] = (code, access.offset)
        if id(code) not in self.watched and id(code) not in self.listened:
            self.listened[id(code)] = code
            self.monitoring.set_local_events(self.tool, code, self.monitoring.events.PY_RETURN)
        return MISSING

    def spread(self, frame: types.FrameType, access: Access) -> Any:
        for operand in access.arguments:
            self._all(self.value(frame, operand), access)
        callee = self.value(frame, access.subject)
        if isinstance(callee, _BOUND) and isinstance(callee.__self__, CONTAINERS):
            _tell(watch._call, callee.__self__, callee.__name__, NOKEY, access.site.number)
        return MISSING

    # Variables.

    def variable(self, frame: types.FrameType, access: Access) -> Any:
        site = access.site
        kind = READ if site.does == "read" else WRITE
        if site.kind == "cell":
            return self._cell(frame, access, kind)
        names: Any = frame.f_globals
        inside: Any = self.namespaces.get(id(frame), names)
        if inside is not names and (kind == WRITE or site.name in inside):
            if frame.f_code.co_name != "<module>" or type_of(inside) is not dict:
                return inside.get(site.name, MISSING)  # the body of a class: nobody else has its variables yet
            names = inside
        value = _DICT.get(names, site.name, MISSING)
        if value is MISSING and kind == READ:
            return frame.f_builtins.get(site.name, MISSING)
        if not isinstance(value, _NOT_READ):
            _tell(_global, names, site.name, site.number, kind)
            value = _DICT.get(names, site.name, MISSING)
        return value

    def _cell(self, frame: types.FrameType, access: Access, kind: int) -> Any:
        name = access.site.name
        cells = self._cells(frame, name)
        for cell in cells:
            _tell(watch._cell, cell, access.site.number, kind)
        if not cells and name in frame.f_code.co_freevars:
            self._lost(access)  # of its own, that no function inside has yet, nobody else knows
        return _local(frame, name) if kind == READ and access.keep else MISSING

    def _cells(self, frame: types.FrameType, name: str) -> list[Any]:
        """The cell of a variable; all that it may be, where several calls of one function run and hold equal values."""
        known = self.cells.setdefault(id(frame), {})
        if not known.get(name):
            known[name] = _find_cells(frame, name)
        return known[name]


_ACTIONS: dict[str, Callable[[Opcodes, types.FrameType, Access], Any]] = {
    "attribute": Opcodes.attribute,
    "item": Opcodes.item,
    "contains": Opcodes.item,
    "variable": Opcodes.variable,
    "iterate": Opcodes.iterate,
    "step": Opcodes.whole,
    "whole": Opcodes.whole,
    "inplace": Opcodes.inplace,
    "call": Opcodes.call,
    "spread": Opcodes.spread,
}


def _tell(hook: Callable[..., Any], *arguments: Any) -> None:
    # While a callback runs, the interpreter tells no thread's instructions. Other threads run inside this one's callback
    # when it is their turn, and theirs must be told: call_tracing makes it so until the hook returns.
    sys.call_tracing(hook, arguments)


def _global(names: dict[str, Any], name: str, site: int, kind: int) -> None:
    """A variable of a module, or of a dictionary that code was executed in: then an item of that dictionary."""
    monitor = watch.current
    if monitor is None or monitor.world.closing:
        return
    file = names.get("__file__")
    module = sys.modules.get(names.get("__name__", ""))
    if isinstance(file, str) and module is not None and vars(module) is names:
        variable = monitor.directory.global_variable(file, name)
        monitor.touch(variable, kind, site, "read" if kind == READ else "write", names, None)
    else:
        watch._at_key(names, name, site, kind, "read" if kind == READ else "write")


def _local(frame: types.FrameType, name: str) -> Any:
    names = frame.f_locals
    value = names.get(name, MISSING)
    code = frame.f_code
    if code.co_flags & inspect.CO_OPTIMIZED and type_of(names) is dict and "locals" not in code.co_names:
        names.clear()  # 3.12 keeps this copy with the frame: objects would live longer than the program lets them
    return value


def _attribute_of(thing: Any, name: str) -> Any:
    """``thing.name`` where that runs no code of the program, else MISSING."""
    if isinstance(thing, types.ModuleType):
        return vars(thing).get(name, MISSING)
    if isinstance(thing, type):
        found = next((base.__dict__[name] for base in thing.__mro__ if name in base.__dict__), MISSING)
        if isinstance(found, classmethod | staticmethod):
            return found.__func__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return found if isinstance(found, _FUNCTION) or not hasattr(type_of(found), "__get__") else MISSING
    kind = type_of(thing)
    if type_of(kind.__getattribute__) is not types.WrapperDescriptorType:
        return MISSING  # its own Python function
    if kind.__getattribute__ is not object.__getattribute__ and not isinstance(thing, CONTAINERS):
        return MISSING
    sort, found = look_up(kind, name)
    if sort == Kind.SKIP:
        method = next(base.__dict__[name] for base in kind.__mro__ if name in base.__dict__)
        if isinstance(method, classmethod | staticmethod):
            return method.__func__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if isinstance(method, _FUNCTION):
            return method
        return getattr(thing, name) if isinstance(method, _METHODS) else MISSING
    if sort == Kind.SLOT:
        try:
            return found.__get__(thing)
        except AttributeError:
            return MISSING
    own: Any = getattr(thing, "__dict__", None)
    if type_of(own) is dict and name in own:
        return own[name]
    return found.__dict__[name] if sort == Kind.CLASS else MISSING


def _item_of(thing: Any, key: Any) -> Any:
    """``thing[key]`` where that runs no code of the program, else MISSING."""
    if not isinstance(key, _SIMPLE_KEYS):
        return MISSING
    kind = type_of(thing)
    base: Any
    for base in (dict, list, tuple):
        if isinstance(thing, base) and kind.__getitem__ is base.__getitem__:
            try:
                return base.__getitem__(thing, key) if base is not dict else _DICT.get(thing, key, MISSING)
            except (IndexError, TypeError):
                return MISSING
    return MISSING


def _behind(thing: Any) -> list[Any]:
    """The containers that an iterator of the interpreter's own goes through."""
    kind = type_of(thing)
    if kind.__module__ not in ("builtins", "collections", "array") or not hasattr(kind, "__next__"):
        return []
    if isinstance(thing, _SUSPENDED):
        return []
    return [each for each in gc.get_referents(thing) if isinstance(each, CONTAINERS) or hasattr(each, "__next__")]


def _find_cells(frame: types.FrameType, name: str) -> list[Any]:
    code = frame.f_code
    if name in code.co_cellvars:
        return _made_here(frame, name)
    position = code.co_freevars.index(name)
    functions = [each for each in gc.get_referrers(code) if isinstance(each, _FUNCTION) and each.__code__ is code]
    functions = [each for each in functions if each.__closure__]
    if len(functions) > 1:
        mine = [each for each in functions if _runs(each, frame)]
        alike = [each for each in functions if _holds(each, frame)]
        functions = mine or alike or functions
    return [*{id(cell): cell for each in functions for cell in [each.__closure__[position]]}.values()]


def _made_here(frame: types.FrameType, name: str) -> list[Any]:
    """The cell that a frame made, by way of the functions inside it that share it."""
    found: dict[int, Any] = {}
    for constant in frame.f_code.co_consts:
        if isinstance(constant, types.CodeType) and name in constant.co_freevars:
            position = constant.co_freevars.index(name)
            for each in gc.get_referrers(constant):
                if isinstance(each, _FUNCTION) and each.__closure__:
                    cell = each.__closure__[position]
                    if _content(cell) is _local(frame, name):
                        found[id(cell)] = cell
    return [*found.values()]


def _runs(function: Any, frame: types.FrameType) -> bool:
    """Is the frame that of a coroutine or generator of this function?"""
    for each in gc.get_referrers(function):
        for attribute in ("cr_frame", "gi_frame", "ag_frame"):
            if isinstance(each, _SUSPENDED) and getattr(each, attribute, None) is frame:
                return True
    return False


_SUSPENDED: Any = (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)


def _holds(function: Any, frame: types.FrameType) -> bool:
    names = frame.f_code.co_freevars
    return all(_content(cell) is _local(frame, name) for name, cell in zip(names, function.__closure__, strict=True))


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


@contextmanager
def watching(modules: Modules) -> Generator[Opcodes]:
    """While it lasts, code of the program that was not rewritten tells its shared accesses, too.

    Raises:
        RuntimeError: this interpreter has no instruction events, or other tools have taken them all.
    """
    if not supported():
        raise RuntimeError(REFUSAL)
    found = Opcodes(modules)
    found.begin()
    try:
        yield found
    finally:
        found.end()

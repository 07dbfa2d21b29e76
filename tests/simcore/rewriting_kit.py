"""Running small programs rewritten: with hooks that record, and beside their plain selves."""

from __future__ import annotations

import ast
import contextlib
import difflib
import io
import linecache
import re
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from weft.simcore import hooks
from weft.simcore.rewriting import Rewritten, rewrite

ADDRESS = re.compile("at 0x[0-9a-f]+")
Row = tuple[str, ...]


def shown(value: object) -> str:
    """A key in text, without calling any code of the program."""
    if value is None:
        return ""
    if type(value) is list and all(type(each) is int for each in value):  # pyright: ignore[reportUnknownVariableType]
        return repr(value)  # pyright: ignore[reportUnknownArgumentType]
    return repr(value) if type(value) in (int, str, type(hooks.NOKEY)) else type(value).__name__


def recording(log: list[Row]) -> dict[str, Callable[..., Any]]:
    """Hooks that write down what is accessed: (kind, does, name or key, text)."""

    def note(site: int, detail: object = None) -> None:
        found = hooks.SITES[site]
        name = found.name or (shown(detail))
        kind = found.kind if found.does == "read" else f"{found.kind} {found.does}"
        log.append((kind, *(each for each in (name, found.text) if each)))

    def of_object(obj: Any, site: int) -> Any:
        note(site)
        return obj

    def at_key(obj: Any, key: Any, site: int) -> Any:
        note(site, key)
        return obj

    def of_key(obj: Any, key: Any, site: int) -> Any:
        note(site, key)
        return key

    def method(obj: Any, site: int, key: Any) -> Any:
        if isinstance(obj, (list, dict, set)):
            log.append(("method", hooks.SITES[site].name, shown(key), hooks.SITES[site].text))
        return obj

    def argument(obj: Any, value: Any, site: int, key: Any = hooks.SAME) -> Any:
        found = hooks.SITES[site]
        if isinstance(obj, (list, dict, set)) or found.kind == "dynamic":
            log.append((found.kind, found.name, shown(value if key is hooks.SAME else key), found.text))
        return value

    def variable(site: int) -> None:
        note(site)

    def variable_write(value: Any, site: int) -> Any:
        note(site)
        return value

    def cell(cell: Any, site: int) -> None:
        assert type(cell).__name__ == "cell"
        note(site)

    def cell_write(value: Any, cell: Any, site: int) -> Any:
        assert type(cell).__name__ == "cell"
        note(site)
        return value

    def iterated(obj: Any, site: int) -> Any:
        if not isinstance(obj, (list, dict, set)):
            return obj
        return hooks.watched(lambda: note(site), obj)  # pyright: ignore[reportUnknownArgumentType]

    return {
        **dict.fromkeys(("__weft_read__", "__weft_write__", "__weft_whole__", "__weft_whole_write__"), of_object),
        "__weft_new__": of_object,
        **dict.fromkeys(("__weft_item_read__", "__weft_item_write__"), at_key),
        **dict.fromkeys(("__weft_dynamic_read__", "__weft_dynamic_write__"), at_key),
        **dict.fromkeys(("__weft_key_read__", "__weft_key_write__"), of_key),
        "__weft_method__": method,
        "__weft_argument__": argument,
        "__weft_global__": variable,
        "__weft_global_write__": variable_write,
        "__weft_cell__": cell,
        "__weft_cell_write__": cell_write,
        "__weft_iter__": iterated,
    }


@contextlib.contextmanager
def installed(mapping: dict[str, Callable[..., Any]]) -> Iterator[None]:
    hooks.install(mapping)
    try:
        yield
    finally:
        hooks.uninstall()


def rewritten(source: str, filename: str) -> Rewritten:
    """Rewritten, with its source where tracebacks and ``inspect`` look for it."""
    source = textwrap.dedent(source)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    return rewrite(source, filename)


def accesses(source: str, setup: str = "") -> list[Row]:
    """What ``source``, as the body of a function, accesses; ``setup`` runs at module level before, unrecorded."""
    body = textwrap.indent(textwrap.dedent(source).strip("\n"), "    ")
    text = f"{textwrap.dedent(setup)}\ndef program():\n{body}\n"
    names: dict[str, Any] = {"__name__": "program"}
    log: list[Row] = []
    exec(rewritten(text, "<program>").code, names)
    with installed(recording(log)):
        names["program"]()
    return [row for row in log if row[0] != "new write"]


class Outcome:
    """What a program did, as far as somebody outside can see it."""

    def __init__(self, code: Any, filename: str) -> None:
        self.names: dict[str, Any] = {"__name__": "program", "__file__": filename}
        self.lines: list[tuple[str, str, int]] = []
        self.failure = ""
        printed = io.StringIO()
        before = sys.gettrace()

        def trace(frame: FrameType, event: str, argument: object) -> Any:
            if frame.f_code.co_filename != filename:
                return None
            row = event, frame.f_code.co_qualname, frame.f_lineno
            # How often a line is told again inside itself depends on the interpreter's jumps.
            if not self.lines or row != self.lines[-1]:
                self.lines.append(row)
            return trace

        with contextlib.redirect_stdout(printed):
            sys.settrace(trace)
            try:
                exec(code, self.names)
            except BaseException:
                sys.settrace(before)
                self.failure = normal(traceback.format_exc())
            finally:
                sys.settrace(before)
        self.printed = ADDRESS.sub("at 0x", printed.getvalue())

    def variables(self) -> list[str]:
        return [name for name in self.names if name != "__builtins__"]


def normal(text: str) -> str:
    """A traceback without its carets and the frame of the test itself."""
    lines = [line for line in ADDRESS.sub("at 0x", text).splitlines() if line.strip("~^ ")]
    return "\n".join(line for line in lines if "rewriting_kit.py" not in line and "exec(code, self.names)" not in line)


def assert_same(source: str, filename: str = "<same>", *, lines: bool = True) -> None:
    """The program prints, leaves, raises and visits the same, plain, rewritten and with recording hooks."""
    source = textwrap.dedent(source)
    ast.parse(source)
    made = rewritten(source, filename)
    plain = Outcome(compile(source, filename, "exec", dont_inherit=True), filename)
    passive = Outcome(made.code, filename)
    log: list[Row] = []
    with installed(recording(log)):
        active = Outcome(made.code, filename)
    for other in (passive, active):
        same("output", plain.printed.splitlines(), other.printed.splitlines())
        same("traceback", plain.failure.splitlines(), other.failure.splitlines())
        same("variables", plain.variables(), other.variables())
        if lines:
            same("lines", list(map(str, plain.lines)), list(map(str, other.lines)))


def same(what: str, plain: list[str], other: list[str]) -> None:
    difference = "\n".join(list(difflib.unified_diff(plain, other, "plain", "rewritten", n=2, lineterm=""))[:40])
    assert not difference, f"{what} differ:\n{difference}"

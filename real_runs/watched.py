"""Variables that are watched in a recording, and which of the accesses to them get into its log.

It knows variables, threads and the log; how an access is found out is not its business.

While one thread alone has touched a variable only its last read and last write are kept, and are written when a second
thread comes: whatever is unordered with an earlier one is unordered with those.
"""

from __future__ import annotations

from typing import Any

from ..simcore.hooks import SITES
from ..simcore.trace import NOTHING, ObjectInfo, Op
from .log import Recorder
from .thread_log import FORM_BITS, ThreadLog, now

READ, WRITE, ATOMIC = int(Op.READ), int(Op.WRITE), int(Op.ATOMIC)


class Entry:
    """An object whose variables are watched."""

    __slots__ = ("by_site", "index", "label", "reference", "serial", "variables", "whole")

    def __init__(self, label: str, serial: int) -> None:
        self.label = label
        self.serial = serial
        self.index = NOTHING
        """Of a container: its row in the object table, once two threads have touched it or one of its items."""
        self.variables: dict[Any, Variable] = {}
        self.by_site: dict[int, Variable | None] = {}
        self.whole: Variable | None = None
        self.reference: Any = None


class Variable:
    """One place that threads read and write. ``owner`` is the log of the only thread that has touched it, or None."""

    __slots__ = ("entry", "index", "kind", "last", "name", "owner")

    def __init__(self, entry: Entry, name: str, owner: ThreadLog, kind: str = "Variable") -> None:
        self.entry = entry
        self.name = name
        self.kind = kind
        self.owner: ThreadLog | None = owner
        self.last: dict[int, tuple[int, int]] = {}
        """Per operation, site and time of the owner's last."""
        self.index = NOTHING


class VariableLog:
    """Logs accesses to variables that several threads touch."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._forms: dict[int, int] = {}
        """By site and operation."""

    def touch(self, variable: Variable, operation: int, site: int) -> None:
        """Log that the running thread is about to access ``variable``."""
        log = self._recorder.here.log
        time_ns = now()
        owner = variable.owner
        if owner is not None:
            if owner is log:
                variable.last[operation] = (site, time_ns)
                if variable.owner is log:
                    return
                # Another thread came in between and may not have seen this one.
            else:
                self._share(variable)
        form = self._forms.get(site << 8 | operation)
        if form is None:
            form = self._form(operation, site)
        log.put((variable.index << FORM_BITS | form, time_ns))

    def _form(self, operation: int, site: int) -> int:
        recorder = self._recorder
        where = SITES[site]
        location = recorder.places.add(where.file, where.line, where.function)
        extra = NOTHING
        if operation == WRITE and where.pair:
            extra = recorder.extra("pair", {"pair": True})
        elif operation == WRITE and where.blind:
            extra = recorder.extra("blind", {"blind": True})
        form = self._forms[site << 8 | operation] = recorder.form(operation, location, extra=extra)
        return form

    def _share(self, variable: Variable) -> None:
        """A second thread came: put the variable into the tables, and what its owner did last into the owner's log."""
        recorder = self._recorder
        with recorder.tables_lock:
            owner = variable.owner
            if owner is None:
                return
            site = next(iter(variable.last.values()), (0, 0))[0]
            variable.index = self._register(variable, site)
            # First this: the owner looks at it after each access, and logs that itself from now on.
            variable.owner = None
            for operation, (place, time_ns) in sorted(variable.last.items(), key=lambda item: item[1][1]):
                owner.put((variable.index << FORM_BITS | self._form(operation, place), time_ns))

    def _register(self, variable: Variable, site: int) -> int:
        entry, recorder = variable.entry, self._recorder
        where = SITES.get(site)
        location = NOTHING if where is None else recorder.places.add(where.file, where.line, where.function)
        whole = variable if variable.kind == "Container" else entry.whole
        if whole is not None and entry.index == NOTHING:
            entry.index = recorder.register(ObjectInfo("Container", whole.name, location, entry.serial))
        if whole is variable:
            return entry.index
        part_of = NOTHING if whole is None else entry.index
        return recorder.register(ObjectInfo("Variable", variable.name, location, entry.serial, part_of=part_of))

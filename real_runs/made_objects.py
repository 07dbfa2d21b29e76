"""What the objects that a program makes are called: by the statement that makes them, or by where they are found later.

It knows names and the table of objects; what is done with an object is not its business.
"""

from __future__ import annotations

import weakref
from _thread import RLock
from types import FrameType
from typing import Any, NamedTuple

from ..simcore import naming
from ..simcore.trace import NOTHING, ObjectInfo, Tables
from .places import Place, Places

_OWN_MODULES = ("weft.simcore", "weft.real_runs")


class _Statement(NamedTuple):
    """What a statement calls the objects it makes; ``many``: several at a time. ``place`` is where it stands."""

    name: str
    many: bool
    place: str


class _Made(NamedTuple):
    thing: weakref.ref[Any]
    statement: _Statement

    def fallback(self, kind: str) -> str:
        """The name of an object that the program does not name."""
        place = self.statement.place
        return f"{kind} ({place})" if place else kind


class MadeObjects:
    """The objects of one recording that the program made, by their row in the table of objects."""

    def __init__(self, tables: Tables, lock: RLock, places: Places) -> None:
        self._tables = tables
        self._lock = lock
        self._places = places
        self._statements: dict[Place, _Statement] = {}
        self._made: dict[int, _Made] = {}
        self._paths: dict[int, str] = {}

    def add(self, thing: object, kind: str, frame: FrameType | None, capacity: int, part_of: int) -> int:
        """Enter an object made in ``frame`` (or its caller) under the name that the statement there gives it.

        The name in the table is provisional; :meth:`final_names` gives the better ones.
        """
        place = self._places.at(frame)
        statement = self._statements.get(place)
        if statement is None:
            statement = self._statements[place] = self._read(place, frame)
        made = _Made(weakref.ref(thing), statement)
        row = ObjectInfo(
            kind, statement.name or made.fallback(kind), place.location, capacity=capacity, part_of=part_of
        )
        objects = self._tables.objects
        with self._lock:
            index = len(objects)
            objects.append(row)
            self._made[index] = made
        return index

    def _read(self, place: Place, frame: FrameType | None) -> _Statement:
        users = self._places.users(frame)
        if users is None:
            return _Statement("", False, "")
        return _Statement(*naming.creation_name(users), str(self._tables.locations[place.location]))

    def look_for_names(self, roots: list[dict[str, Any]]) -> None:
        """Search variables for objects whose creating statement does not name them alone."""
        with self._lock:
            alive = [(index, made.thing()) for index, made in self._made.items() if index not in self._paths]
        wanted = {id(thing): index for index, thing in alive if thing is not None}
        if wanted:
            found = naming.find_paths(roots, [thing for _, thing in alive if thing is not None], _OWN_MODULES)
            for key, path in found.items():
                self._paths[wanted[key]] = path

    def final_names(self) -> dict[int, str]:
        """Object index to name, for every object the program made.

        Different objects have different names, but a part (a condition's lock apart, a pool's future) may be called as
        its whole.
        """
        with self._lock:
            rows = sorted(self._made.items())
            objects = tuple(self._tables.objects)
        names: dict[int, str] = {}
        wholes = [(index, made) for index, made in rows if objects[index].part_of == NOTHING]
        parts = [(index, made) for index, made in rows if objects[index].part_of != NOTHING]
        for group in (wholes, parts):
            candidates: list[tuple[str, bool, str, str]] = []
            for index, made in group:
                kind, whole = objects[index].kind, objects[index].part_of
                fallback = made.fallback(kind)
                if whole != NOTHING:
                    fallback = f"{kind} of {names.get(whole, objects[whole].name)}"
                candidates.append((made.statement.name, made.statement.many, self._paths.get(index, ""), fallback))
            found = naming.unique_names(candidates)
            names.update((index, name) for (index, _), name in zip(group, found, strict=True))
        return names

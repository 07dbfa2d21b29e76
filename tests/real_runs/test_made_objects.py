"""What made objects are called: by their statement, by where they are found, by where they were made; each differently."""

from __future__ import annotations

import sys
import threading
from _thread import RLock
from types import FrameType

import pytest

from weft.real_runs.made_objects import MadeObjects
from weft.real_runs.places import Places
from weft.simcore.trace import NOTHING, Tables


class Thing:
    """Something that can be referred to weakly."""


class Maker:
    def __init__(self) -> None:
        self.tables = Tables()
        lock = RLock()
        self.made = MadeObjects(self.tables, lock, Places(self.tables, lock))
        self.index: dict[int, int] = {}

    def thing(self, part_of: int = NOTHING) -> Thing:
        made = Thing()
        self.add(made, sys._getframe(1), part_of)
        return made

    def add(self, made: Thing, frame: FrameType | None, part_of: int = NOTHING) -> int:
        index = self.index[id(made)] = self.made.add(made, "Thing", frame, 0, part_of)
        return index

    def names(self, *things: Thing) -> list[str]:
        names = self.made.final_names()
        return [names[self.index[id(thing)]] for thing in things]


@pytest.fixture
def maker() -> Maker:
    return Maker()


def test_the_statement_names_what_it_makes(maker: Maker) -> None:
    door = maker.thing()
    assert maker.names(door) == ["door"]
    assert [row.name for row in maker.tables.objects] == ["door"]


def test_what_one_statement_makes_is_named_by_where_it_is_found(maker: Maker) -> None:
    doors = [maker.thing() for _ in range(2)]
    maker.made.look_for_names([{"doors": doors}])
    assert maker.names(*doors) == ["doors[0]", "doors[1]"]


def test_what_has_no_name_is_called_by_its_place_and_numbered(maker: Maker) -> None:
    things: list[Thing] = []
    for _ in range(2):
        things.append(maker.thing())
    first, second = maker.names(*things)
    assert first != second
    assert all(name.startswith("Thing (test_made_objects.py:") for name in (first, second))


def test_a_part_without_a_name_is_called_by_its_whole(maker: Maker) -> None:
    door = maker.thing()
    assert maker.names(*[maker.thing(part_of=maker.index[id(door)])], door) == ["Thing of door", "door"]


def test_what_nobody_of_the_users_made_has_its_kind_for_a_name(maker: Maker) -> None:
    made = Thing()
    maker.add(made, None)
    assert maker.names(made) == ["Thing"]


def test_objects_made_at_once_by_many_threads_keep_their_own_rows(maker: Maker) -> None:
    kept: list[Thing] = []

    def body() -> None:
        for _ in range(200):
            kept.append(maker.thing())

    threads = [threading.Thread(target=body) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(maker.index[id(thing)] for thing in kept) == list(range(800))
    assert len(set(maker.names(*kept))) == 800

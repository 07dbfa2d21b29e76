"""Where work comes from: threads by who started them, items of queues and pools by who put them there.

A thread or an item is called by the work during which it was made and its number among what was made there, so that it
has the same name in every run in which it is made, whoever works on it. Names are kept as numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

MAIN = 0
"""The main thread's own work."""
NOWHERE = -1


class Origins:
    """Names by number, and numbers by name: (number of the parent, place among its children)."""

    def __init__(self) -> None:
        self._names: list[tuple[int, int]] = [(NOWHERE, 0)]
        self._numbers: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self._names)

    def thread(self, parent: int, place: int) -> int:
        """The number of the ``place``-th thread started during ``parent``, from 1 on."""
        return self._number((parent, place))

    def item(self, parent: int, place: int) -> int:
        """The number of the ``place``-th item handed over during ``parent``, from 1 on."""
        return self._number((parent, -place))

    def _number(self, name: tuple[int, int]) -> int:
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = len(self._names)
            self._names.append(name)
        return found

    def names(self) -> list[tuple[int, int]]:
        """All names in the order of their numbers, for another process."""
        return list(self._names)

    def adopt(self, names: Iterable[tuple[int, int]]) -> list[int]:
        """The numbers that names from another process have here, by their numbers there."""
        numbers = [MAIN]
        for parent, place in list(names)[1:]:
            numbers.append(self._number((numbers[parent], place)))
        return numbers

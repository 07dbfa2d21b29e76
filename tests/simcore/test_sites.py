"""Places and origins: the same number for the same thing, in every run and in another process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType

from weft.simcore.origins import MAIN, Origins
from weft.simcore.sites import START, Sites, begin_of, edge, end_of


def here(depth: int = 1) -> FrameType:
    return sys._getframe(depth)


def test_a_place_has_one_number_however_often_it_is_reached() -> None:
    """The interpreter makes a call in another instruction once it has seen it often."""
    sites = Sites()
    numbers: set[int] = set()
    instructions: set[int] = set()

    def look() -> Iterator[None]:
        numbers.add(sites.number(here(2)))
        instructions.add(here(2).f_lasti)
        yield

    def reach() -> None:
        list(look())

    for _ in range(1_000):
        reach()
    assert len(numbers) == 1
    assert sys.version_info >= (3, 12) or len(instructions) == 2
    site = sites[numbers.pop()]
    assert str(site).startswith("test_sites.py:")
    assert site.function.endswith("reach")


def test_two_calls_on_one_line_are_two_places_and_so_is_a_library_call() -> None:
    sites = Sites()
    first, second = sites.number(here()), sites.number(here())
    assert first != second
    assert sites[first].line == sites[second].line
    called = sites.number(here(), "zlib.compress")
    assert sites[called].call == "zlib.compress"
    assert START not in (first, second, called)


def test_the_library_between_the_user_and_us_does_not_count() -> None:
    sites = Sites()
    found: list[FrameType] = []
    sorted([1], key=lambda _: found.append(here()) or 0)
    import threading

    thread = threading.Thread(target=lambda: found.append(sys._getframe()))
    thread.start()
    thread.join()
    assert sites[sites.number(found[0])].function.endswith("<lambda>")
    outermost = found[1].f_back
    while outermost is not None and outermost.f_back is not None:
        outermost = outermost.f_back
    assert outermost is not None
    assert sites[sites.number(outermost)].file.endswith("threading.py"), "a thread of the library has a place too"


def test_edges_are_pairs_of_places() -> None:
    assert (begin_of(edge(3, 70_000)), end_of(edge(3, 70_000))) == (3, 70_000)


def test_a_description_has_the_number_of_its_place() -> None:
    sites = Sites()
    number = sites.number(here())
    assert sites.add(sites[number]) == number
    assert Sites().add(sites[number]) == START + 1


def test_origins_are_called_by_the_work_that_made_them() -> None:
    origins = Origins()
    thread = origins.thread(MAIN, 1)
    item = origins.item(thread, 1)
    assert len({MAIN, thread, item, origins.thread(thread, 1), origins.item(MAIN, 1)}) == 5
    assert origins.thread(MAIN, 1) == thread
    assert origins.item(thread, 1) == item


def test_origins_are_found_again_in_another_process() -> None:
    there, here_ = Origins(), Origins()
    here_.item(MAIN, 5)
    thread = there.thread(MAIN, 1)
    item = there.item(thread, 2)
    numbers = here_.adopt(there.names())
    assert numbers[item] == here_.item(here_.thread(MAIN, 1), 2)
    assert numbers[MAIN] == MAIN

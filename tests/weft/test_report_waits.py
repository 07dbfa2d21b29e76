"""The wait-for graph: cycles in the order of waiting, no two boxes on one another."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from weft.checkers.finding import Hold, ThreadState, Wait
from weft.report_svg import Markup
from weft.report_waits import draw, find_cycle

from .report_page import philosophers


@pytest.mark.parametrize("count", [2, 3, 7])
def test_the_cycle_is_found_in_the_order_of_waiting(count: int) -> None:
    cycle = find_cycle(philosophers(count))
    assert cycle == [(f"philosopher-{seat}", f"forks[{(seat + 1) % count}]") for seat in range(count)]


def test_no_cycle_where_there_is_none() -> None:
    threads = philosophers(3)[:2]
    assert find_cycle(threads) == []
    assert draw([ThreadState(name="a", state="running")], "g") is None


def test_a_thread_behind_a_cycle_is_not_on_it() -> None:
    main = ThreadState(name="main", state="blocked", waits=Wait("philosopher-1", "join", "dining.py:50"))
    assert find_cycle([main, *philosophers(2)]) == [("philosopher-0", "forks[1]"), ("philosopher-1", "forks[0]")]
    graph = draw([main, *philosophers(2)], "g")
    assert graph is not None
    assert graph.count('class="box thread cycle"') == 2
    assert graph.count('class="box thread ghost"') == 1


def test_joins_lead_from_thread_to_thread() -> None:
    one = ThreadState(name="one", state="blocked", waits=Wait("two", "join", ""))
    two = ThreadState(name="two", state="blocked", waits=Wait("one", "join", ""))
    assert find_cycle([one, two]) == [("one", "two"), ("two", "one")]
    alone = ThreadState(name="alone", state="blocked", waits=Wait("alone", "join", ""))
    graph = draw([alone], "g")
    assert graph is not None
    assert "the same thread" in graph


def test_a_lock_named_like_a_thread_is_no_thread() -> None:
    holder = ThreadState(name="holder", state="blocked", holds=[Hold("worker", "")], waits=Wait("other", "acquire", ""))
    worker = ThreadState(name="worker", state="blocked", holds=[Hold("other", "")], waits=Wait("worker", "acquire", ""))
    assert find_cycle([holder, worker]) == [("holder", "other"), ("worker", "worker")]


def boxes(graph: Markup) -> list[tuple[float, float, float, float]]:
    found = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', graph)
    return [(float(x), float(y), float(width), float(height)) for x, y, width, height in found]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 12, 40])
def test_no_two_boxes_of_the_graph_overlap(count: int) -> None:
    graph = draw(philosophers(count), "g")
    assert graph is not None
    width, height = (float(value) for value in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', graph)[0])
    found = boxes(graph)
    assert len(found) == min(2 * count, 12)
    for x, y, wide, high in found:
        assert x >= 0
        assert x + wide <= width
        assert y >= 0
        assert y + high <= height
    for (x1, y1, w1, h1), (x2, y2, w2, h2) in combinations(found, 2):
        assert x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1


def test_a_folded_cycle_says_how_many_threads_it_hides() -> None:
    graph = draw(philosophers(40), "g")
    assert graph is not None
    shown = len(set(re.findall(r"<title>thread (philosopher-\d+)</title>", graph)))
    hidden = re.findall(r"<title>thread (\d+) more threads</title>", graph)
    assert [int(number) for number in hidden] == [40 - shown]

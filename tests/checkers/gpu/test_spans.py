"""Spans against the sets of bytes that they stand for."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.checkers.gpu.spans import covers, overlap
from weft.simcore.gpu.rows import Span


def touched(span: Span) -> set[int]:
    """Byte by byte."""
    if not span.steps:
        return set(range(span.low, span.high))
    starts = (
        span.low + sum(parts) for parts in product(*([n * step for n in range(times)] for times, step in span.steps))
    )
    return {start + byte for start in starts for byte in range(span.item)}


def view(low: int, item: int, *steps: tuple[int, int]) -> Span:
    """A strided view, its hull as a recorder gives it."""
    high = low + sum((times - 1) * step for times, step in steps) + item
    return Span(0, low, high, item, steps)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    low = draw(st.integers(0, 40))
    if draw(st.booleans()):
        return Span(0, low, low + draw(st.integers(1, 30)))
    steps = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 12)), min_size=1, max_size=3))
    return view(low, draw(st.integers(1, 4)), *steps)


@given(spans(), spans())
def test_spans_overlap_where_they_share_a_byte(one: Span, other: Span) -> None:
    expected = bool(touched(one) & touched(other))
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected


@given(spans(), spans())
def test_what_is_covered_is_a_part(whole: Span, part: Span) -> None:
    if covers(whole, part):
        assert touched(part) <= touched(whole)


@given(spans())
def test_a_span_covers_itself_and_a_hull_its_views(span: Span) -> None:
    assert covers(span, span)
    assert covers(Span(0, span.low, span.high), span)


def test_other_storages_have_nothing_in_common() -> None:
    assert not overlap(Span(0, 0, 8), Span(1, 0, 8))
    assert not covers(Span(0, 0, 8), Span(1, 0, 8))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Span(0, 0, 20), Span(0, 4, 24), True),  # x and x[1:]
        (Span(0, 0, 20), Span(0, 20, 40), False),  # x[:5] and x[5:]
        (view(0, 4, (50_000_000, 8)), view(4, 4, (50_000_000, 8)), False),  # x[0::2] and x[1::2]
        (view(0, 4, (50_000_000, 8)), view(8, 4, (50_000_000, 8)), True),  # too many to look at each, and it is so
        (view(0, 4, (3, 40), (5, 4)), view(20, 4, (3, 40), (5, 4)), False),  # left and right half of a matrix
        (view(0, 4, (10, 44)), view(40, 4), False),  # a diagonal, and an element beside it
    ],
)
def test_views_that_programs_have(one: Span, other: Span, expected: bool) -> None:
    assert overlap(one, other) is expected

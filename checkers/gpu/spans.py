"""Do two spans of one storage share a byte? Exact for strided views, however they are interleaved.

Knows numbers only.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import gcd

from ...simcore.gpu.rows import Span

ELEMENTS_MAX = 1 << 20
"""Views with more elements than this in the smaller one are taken to overlap when their hulls do."""


def overlap(one: Span, other: Span) -> bool:
    """Whether both touch some byte. True where that would take too long to find out (:data:`ELEMENTS_MAX`)."""
    if one.storage != other.storage or one.low >= other.high or other.low >= one.high:
        return False
    if not one.steps and not other.steps:
        return True
    if _apart_by_rest(one, other):
        return False
    fewer, more = sorted((one, other), key=_count)
    if _count(fewer) > ELEMENTS_MAX:
        return True
    return any(_touches(more, start, start + _size(fewer)) for start in _starts(fewer))


def covers(whole: Span, part: Span) -> bool:
    """Does ``whole`` touch every byte that ``part`` does? False where that is not plain to see."""
    if whole.storage != part.storage:
        return False
    if not whole.steps:
        return whole.low <= part.low and part.high <= whole.high
    return whole == part


def _count(span: Span) -> int:
    """Elements; of a contiguous span its runs, of which there is one."""
    count = 1
    for times, _ in span.steps:
        count *= times
    return count


def _size(span: Span) -> int:
    return span.item if span.steps else span.high - span.low


def _starts(span: Span) -> Iterator[int]:
    for parts in product(*(range(0, times * step, step) if step else (0,) for times, step in span.steps)):
        yield span.low + sum(parts)


def _apart_by_rest(one: Span, other: Span) -> bool:
    """All elements lie at one rest of a common step: different rests far enough apart never meet (``x[0::2]`` and
    ``x[1::2]``)."""
    step = 0
    for span in (one, other):
        if not span.steps:
            return False
        for _, width in span.steps:
            step = gcd(step, width)
    if step == 0:
        return False
    apart = (other.low - one.low) % step
    return apart >= one.item and step - apart >= other.item


def _touches(span: Span, low: int, high: int) -> bool:
    """Does a strided span touch a byte of low to high (excluded)?"""
    if not span.steps:
        return span.low < high and low < span.high
    # From the outermost dimension inwards, only those positions whose inner extent can reach the interval.
    steps = sorted(((times, step) for times, step in span.steps if step), key=lambda each: -each[1])

    def reach(position: int) -> int:
        return sum((times - 1) * step for times, step in steps[position:]) + span.item

    def search(position: int, base: int) -> bool:
        if position == len(steps):
            return base < high and low < base + span.item
        times, step = steps[position]
        extent = reach(position + 1)
        first = max(0, (low - base - extent) // step + 1)
        last = min(times - 1, (high - 1 - base) // step)
        return any(search(position + 1, base + index * step) for index in range(first, last + 1))

    return search(0, span.low)

"""Byte by byte what spans cover, to compare with."""

from __future__ import annotations

from collections.abc import Iterable

from weft.simcore.gpu.rows import Span


def covered(spans: Iterable[Span]) -> dict[int, set[int]]:
    """By storage, every byte of the spans, all of them within their bounds."""
    found: dict[int, set[int]] = {}
    for span in spans:
        into = found.setdefault(span.storage, set())
        starts = [span.low]
        for count, step in span.steps:
            starts = [start + number * step for start in starts for number in range(count)]
        length = span.item if span.steps else span.high - span.low
        for start in starts:
            assert span.low <= start <= start + length <= span.high
            into.update(range(start, start + length))
    return found

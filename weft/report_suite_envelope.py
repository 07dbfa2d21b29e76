"""The invalidation sweep of a suite as heat maps: where predictions hold, one map for each size of data and threads.

It groups the cells of a SuiteResult; what lies inside the envelope was decided there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .real_runs.suite_result import EnvelopeCell
from .report_numbers import MINUS, percent
from .report_plot import Frame, chart
from .report_suite_rows import threads_in_words
from .report_svg import Markup, element, seconds

LEVELS = (0.02, 0.05, 0.10, 0.20)
"""Upper ends of the classes of error; the last class is beyond."""
_CELL_WIDTH, _CELL_HEIGHT = 54, 30
_LEFT, _TOP, _BELOW = 44, 24, 40


@dataclass(frozen=True, slots=True)
class CellMap:
    """The cells of one map with their places: ``columns`` in words, ``rows`` lock shares from the top."""

    name: str
    x_title: str
    columns: list[str]
    rows: list[float]
    cells: list[tuple[int, int, EnvelopeCell]]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """One map, drawn."""

    name: str
    plot: Markup


@dataclass(frozen=True, slots=True)
class Envelope:
    """All maps, their legend (class, words), and how many of the cells are inside."""

    maps: list[HeatMap]
    legend: list[tuple[str, str]]
    inside: int
    cells: int


def level_of(error: float) -> int:
    """1 for the smallest class of errors, 5 for the largest."""
    return 1 + sum(abs(error) > level for level in LEVELS)


def cell_maps(cells: Sequence[EnvelopeCell]) -> list[CellMap]:
    """Segment length against lock share, a map for each number of threads and size of data.

    Where every size of data has a segment length of its own, there is nothing to tell the two apart by: those cells
    share a map for each number of threads, along the size.
    """
    touching = [cell for cell in cells if cell.bytes_touched]
    lengths: dict[int, set[float]] = {}
    for cell in touching:
        lengths.setdefault(cell.bytes_touched, set()).add(cell.segment_seconds)
    along = len(lengths) > 1 and all(len(found) == 1 for found in lengths.values())
    several = bool(touching) and len(touching) < len(cells)
    groups: dict[tuple[bool, int, int], list[EnvelopeCell]] = {}
    for cell in cells:
        by_size = along and cell.bytes_touched > 0
        groups.setdefault((by_size, 0 if by_size else cell.bytes_touched, cell.threads), []).append(cell)
    found: list[CellMap] = []
    for by_size in (False, True):
        alike = [cell for (sized, _, _), members in groups.items() if sized is by_size for cell in members]
        # All maps of one kind have the same places, so that a cell of one stands where it stands in the others.
        places: list[float] = sorted({cell.bytes_touched if by_size else cell.segment_seconds for cell in alike})
        shares = sorted({cell.lock_share for cell in alike}, reverse=True)
        for sized, touched, threads in sorted(groups):
            if sized is by_size:
                name = threads_in_words(threads)
                if several:
                    name += ", arrays of several sizes" if by_size else f", {data_in_words(touched)}"
                found.append(_cell_map(name, by_size, places, shares, groups[sized, touched, threads]))
    return found


def _cell_map(
    name: str, by_size: bool, places: Sequence[float], shares: Sequence[float], cells: Sequence[EnvelopeCell]
) -> CellMap:
    placed = [
        (places.index(cell.bytes_touched if by_size else cell.segment_seconds), shares.index(cell.lock_share), cell)
        for cell in cells
    ]
    columns = [bytes_in_words(round(place)) if by_size else _short(place) for place in places]
    return CellMap(name, "data touched by a segment" if by_size else "segment length", columns, list(shares), placed)


def envelope(cells: Sequence[EnvelopeCell]) -> Envelope | None:
    """None when nothing was swept."""
    if not cells:
        return None
    bounds = [0.0, *LEVELS]
    legend = [
        (f"heat-{number}", f"{100 * low:g} to {100 * high:g} %")
        for number, (low, high) in enumerate(zip(bounds, LEVELS, strict=False), 1)
    ]
    legend.append((f"heat-{len(LEVELS) + 1}", f"more than {100 * LEVELS[-1]:g} %"))
    found = cell_maps(cells)
    widest = max(len(each.columns) for each in found)
    maps = [_draw(each, widest) for each in found]
    return Envelope(maps, legend, sum(cell.inside for cell in cells), len(cells))


def _draw(found: CellMap, count: int) -> HeatMap:
    """``count`` columns wide, so that cells are of one size on all maps."""
    places = {(column, row) for column, row, _ in found.cells}
    box = Frame(
        width=_LEFT + _CELL_WIDTH * count + 2,
        height=_TOP + _CELL_HEIGHT * len(found.rows) + _BELOW,
        left=_LEFT,
        right=_LEFT + _CELL_WIDTH * len(found.columns),
        top=_TOP,
        bottom=_TOP + _CELL_HEIGHT * len(found.rows),
    )
    parts = [_cell(cell, _LEFT + column * _CELL_WIDTH, _TOP + row * _CELL_HEIGHT) for column, row, cell in found.cells]
    parts += [
        element("rect", x=_LEFT + column * _CELL_WIDTH + 1.5, y=_TOP + row * _CELL_HEIGHT + 1.5, width=_CELL_WIDTH - 3,
                height=_CELL_HEIGHT - 3, class_="not-tried")
        for column in range(len(found.columns)) for row in range(len(found.rows)) if (column, row) not in places
    ]  # fmt: skip
    for number, share in enumerate(found.rows):
        y = _TOP + (number + 0.5) * _CELL_HEIGHT + 4
        parts.append(element("text", f"{100 * share:.0f} %", x=_LEFT - 6, y=y, text_anchor="end"))
    for number, text in enumerate(found.columns):
        x = _LEFT + (number + 0.5) * _CELL_WIDTH
        parts.append(element("text", text, x=x, y=box.bottom + 16, text_anchor="middle"))
    parts.append(element("text", "in one lock", x=2, y=14))
    parts.append(element("text", found.x_title, x=box.left, y=box.bottom + 34))
    inside = sum(cell.inside for _, _, cell in found.cells)
    told = "; ".join(_told(cell) for _, _, cell in found.cells)
    words = f"{found.name}: {inside} of {len(found.cells)} inside the envelope. {told}"
    return HeatMap(found.name, chart(box, words, *parts, class_="heat"))


def data_in_words(touched: int) -> str:
    """``16 MB touched``."""
    return f"{bytes_in_words(touched)} touched" if touched else "no data touched"


def bytes_in_words(count: int) -> str:
    """``16 MB``; ``32 MiB`` when it is a whole number of those."""
    powers = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)) if count and count % 1024 == 0 else ()
    decimal = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3), ("B", 1))
    unit, scale = next((each for each in (*powers, *decimal) if count >= each[1]), decimal[-1])
    return f"{count / scale:.3g} {unit}"


def _short(length_seconds: float) -> str:
    value, _, unit = seconds(length_seconds).partition(" ")
    return f"{float(value.replace(',', '')):g} {unit}"


def _cell(cell: EnvelopeCell, x: float, y: float) -> Markup:
    width, height = _CELL_WIDTH - 2, _CELL_HEIGHT - 2
    told = element("title", _told(cell))
    level = "none" if cell.error is None else str(level_of(cell.error))
    parts = [element("rect", told, x=x + 1, y=y + 1, width=width, height=height, class_=f"heat-{level}")]
    if not cell.inside:
        parts.append(element("path", d=f"M{x + 2} {y + 2}l9 0l-9 9z", class_=f"outside ink-{level}"))
    text = "not run" if cell.error is None else points_in_words(cell.error)
    parts.append(
        element(
            "text", text, x=x + _CELL_WIDTH / 2, y=y + height / 2 + 5, text_anchor="middle",
            class_=f"ink-{level}",
        )
    )  # fmt: skip
    return element("g", *parts)


def points_in_words(error: float) -> str:
    """Percent without the sign of percent: ``+2.4``, ``−31``, ``0.0``."""
    text = f"{100 * error:+.{1 if abs(error) < 0.0995 else 0}f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", MINUS)


def _told(cell: EnvelopeCell) -> str:
    error = "not measured" if cell.error is None else percent(cell.error, signed=True)
    floor = "" if cell.noise_floor is None else f", noise floor {percent(cell.noise_floor)}"
    where = "inside" if cell.inside else "outside: bound only"
    return (
        f"segments of {_short(cell.segment_seconds)}, {100 * cell.lock_share:.0f} % of them in one lock, "
        f"{threads_in_words(cell.threads)}, {data_in_words(cell.bytes_touched)}: {error}{floor}, {where}"
    )

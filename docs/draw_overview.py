"""Draw the overview picture of the README, once for light pages and once for dark ones.

usage: python docs/draw_overview.py [FOLDER]     (default: docs/images)
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

WIDTH, HEIGHT = 1000, 330


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one page background; ``worlds`` are the outlines of the three worlds."""

    ink: str
    faint: str
    line: str
    fill: str
    worlds: tuple[str, str, str]


PALETTES = {
    "light": Palette("#1f2328", "#59636e", "#8c959f", "#f6f8fa", ("#0969da", "#8250df", "#1a7f37")),
    "dark": Palette("#f0f6fc", "#9198a1", "#6e7681", "#151b23", ("#4493f8", "#ab7df8", "#3fb950")),
}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with a title and lines of small text; sizes in pixels of the drawing."""

    left: int
    top: int
    width: int
    height: int
    title: str
    lines: tuple[str, ...] = ()
    world: int | None = None

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def middle(self) -> int:
        return self.top + self.height // 2


PROGRAM = Box(10, 113, 140, 104, "program", ("unmodified:", "threading, queue,", "futures, time"))
WORLDS = (
    Box(195, 10, 220, 90, "explored world", ("weft picks who moves;", "every schedule, no clock"), 0),
    Box(195, 120, 220, 90, "timed world", ("simulated cores and GIL;", "a virtual clock"), 1),
    Box(195, 230, 220, 90, "real world", ("the machine decides;", "the wall clock"), 2),
)
TRACE = Box(460, 125, 120, 80, "one trace", ("same record", "from all three"))
CHECKERS = Box(
    625,
    105,
    160,
    120,
    "checkers",
    ("deadlocks, failures,", "livelocks; speedup,", "where time goes,", "prediction error"),
)
REPORT = Box(
    830,
    105,
    160,
    120,
    "report",
    ("who waits for whom,", "how to replay it,", "tables and timelines:", "text, JSON, HTML"),
)


def draw(palette: Palette) -> str:
    """The whole picture as SVG text."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"',
        '  role="img" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">',
        "<title>A program runs in three worlds; each writes the same trace; checkers and reports read it</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">',
        f'<path d="M0,0 L8,4 L0,8 z" fill="{palette.line}"/></marker></defs>',
    ]
    for world in WORLDS:
        parts += [_arrow(PROGRAM, world, palette), _arrow(world, TRACE, palette)]
    parts += [_arrow(TRACE, CHECKERS, palette), _arrow(CHECKERS, REPORT, palette)]
    parts += [_box(box, palette) for box in (PROGRAM, *WORLDS, TRACE, CHECKERS, REPORT)]
    return "\n".join((*parts, "</svg>", ""))


def _arrow(start: Box, end: Box, palette: Palette) -> str:
    bend = (end.left - start.right) // 2
    path = (
        f"M{start.right},{start.middle} C{start.right + bend},{start.middle} "
        f"{end.left - bend},{end.middle} {end.left - 2},{end.middle}"
    )
    return f'<path d="{path}" fill="none" stroke="{palette.line}" stroke-width="1.6" marker-end="url(#tip)"/>'


def _box(box: Box, palette: Palette) -> str:
    outline = palette.line if box.world is None else palette.worlds[box.world]
    centre = box.left + box.width // 2
    first = box.middle - 10 * len(box.lines) + 6
    parts = [
        f'<rect x="{box.left}" y="{box.top}" width="{box.width}" height="{box.height}" rx="8" '
        f'fill="{palette.fill}" stroke="{outline}" stroke-width="{1.2 if box.world is None else 2}"/>',
        f'<text x="{centre}" y="{first}" text-anchor="middle" font-size="17" font-weight="600" '
        f'fill="{palette.ink if box.world is None else outline}">{box.title}</text>',
    ]
    parts += [
        f'<text x="{centre}" y="{first + 21 + 19 * number}" text-anchor="middle" font-size="14" '
        f'fill="{palette.faint}">{line}</text>'
        for number, line in enumerate(box.lines)
    ]
    return "\n".join(parts)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images"
    for name, palette in PALETTES.items():
        (folder / f"overview-{name}.svg").write_text(draw(palette), encoding="utf-8")


if __name__ == "__main__":
    main()

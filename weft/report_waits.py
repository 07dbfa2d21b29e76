"""The wait-for graph of one finding as SVG: threads, what they wait for, who holds it; the cycle as a closed loop.

A cycle is laid out as a racetrack in two columns (over the top, down the right side, back up the left), which has no
crossing lines at any length and fits a phone. What is not on the cycle follows below, one row per thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from .checkers.finding import ThreadState, Wait
from .report_svg import Markup, element, join, shorten

WIDTH = 360
_BOX_WIDTH, _BOX_HEIGHT = 156, 46
_LEFT, _RIGHT = 4, WIDTH - 4 - _BOX_WIDTH
_PITCH = 92
_ARC = 34
_INSET = 26
"""How far the vertical lines stand from a box's outer edge: the room beside them is for the words on the line."""
_NAME_LENGTH, _NOTE_LENGTH = 17, 21
_CYCLE_MAX = 12
"""Boxes of a cycle that are drawn; a longer one is folded in the middle, the sentences beside it name every thread."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node: a thread or an object, with a line below its name."""

    name: str
    note: str
    thread: bool
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Loop:
    """A cycle of waits: boxes in the order of waiting, and what stands on the line from each box to the next."""

    boxes: list[Box]
    lines: list[tuple[str, str]]


def find_cycle(threads: list[ThreadState]) -> list[tuple[str, str]]:
    """The first cycle as (thread, what it waits for) in the order of waiting; empty when there is none."""
    by_name = {thread.name: thread for thread in threads}
    holders: dict[str, list[str]] = {}
    for thread in threads:
        for hold in thread.holds:
            holders.setdefault(hold.object, []).append(thread.name)

    def next_threads(name: str) -> list[str]:
        waits = by_name[name].waits
        if waits is None:
            return []
        return [waits.object] if _for_thread(waits, by_name) else holders.get(waits.object, [])

    for first in by_name:
        path, todo, seen = [first], [iter(next_threads(first))], {first}
        while todo:
            following = next(todo[-1], None)
            if following is None:
                todo.pop()
                path.pop()
            elif following == first:
                return [(name, waits.object) for name in path if (waits := by_name[name].waits) is not None]
            elif following not in seen:
                seen.add(following)
                path.append(following)
                todo.append(iter(next_threads(following)))
    return []


def _for_thread(waits: Wait, by_name: dict[str, ThreadState]) -> bool:
    """A join names a thread, everything else an object; the two may share a name."""
    return waits.operation.endswith("join") and waits.object in by_name


def _verb(waits: Wait) -> str:
    return "waits for" if waits.operation == "acquire" else f"waits in {waits.operation}"


def _loop(cycle: list[tuple[str, str]], by_name: dict[str, ThreadState]) -> Loop:
    boxes: list[Box] = []
    lines: list[tuple[str, str]] = []
    for index, (name, wanted) in enumerate(cycle):
        boxes.append(Box(name, "", True))
        waits = by_name[name].waits
        assert waits is not None
        lines.append((_verb(waits), waits.at))
        if _for_thread(waits, by_name):
            continue
        boxes.append(Box(wanted, "", False))
        owner = by_name[cycle[(index + 1) % len(cycle)][0]]
        lines.append(("held by", next((hold.at for hold in owner.holds if hold.object == wanted), "")))
    if len(boxes) == 1:
        boxes.append(Box(boxes[0].name, "the same thread", True, True))
        lines.append(("is", ""))
    if len(boxes) > _CYCLE_MAX:
        keep = _CYCLE_MAX // 2
        hidden = sum(box.thread for box in boxes[keep : len(boxes) - keep + 1])
        boxes[keep : len(boxes) - keep + 1] = [Box(f"{hidden} more threads", "each waits for the next", True, True)]
        lines[keep : len(lines) - keep + 1] = [("", "")]
    return Loop(boxes, lines)


def draw(threads: list[ThreadState], identity: str) -> Markup | None:
    """The graph of a finding's threads; None when no thread waits. ``identity`` makes the ids in it unique."""
    waiting = [thread for thread in threads if thread.waits is not None]
    if not waiting:
        return None
    by_name = {thread.name: thread for thread in threads}
    cycle = find_cycle(threads)
    parts: list[Markup] = [_tips(identity)]
    height = 6.0
    if cycle:
        drawing, height = _draw_loop(_loop(cycle, by_name), identity)
        parts.append(drawing)
    on_cycle = {name for name, _ in cycle}
    rest = [thread for thread in waiting if thread.name not in on_cycle]
    for thread in rest[:_CYCLE_MAX]:
        parts.append(_draw_row(thread, threads, by_name, height, identity))
        height += _BOX_HEIGHT + 40
    if len(rest) > _CYCLE_MAX:
        more = f"and {len(rest) - _CYCLE_MAX} more waiting threads"
        parts.append(element("text", more, x=WIDTH / 2, y=height + 8, class_="note", text_anchor="middle"))
        height += 24
    text = _description(cycle, waiting)
    size = {"viewBox": f"0 0 {WIDTH} {height:.0f}", "width": WIDTH, "height": height}
    return element("svg", element("title", text), *parts, **size, class_="waits", role="img", aria_label=text)


def _description(cycle: list[tuple[str, str]], waiting: list[ThreadState]) -> str:
    if cycle:
        return "Wait-for graph. Cycle: " + ", ".join(f"{name} waits for {wanted}" for name, wanted in cycle)
    waits = ", ".join(
        f"{thread.name} waits for {thread.waits.object}" for thread in waiting if thread.waits is not None
    )
    return f"Wait-for graph: {waits}"


def _tips(identity: str) -> Markup:
    """The two arrow heads: markers do not inherit the colour of their line."""

    def tip(name: str) -> Markup:
        shape = element("path", d="M0 0L9 4.5L0 9z", class_=f"tip {name}")
        size = {"viewBox": "0 0 9 9", "refX": 8, "refY": 4.5, "markerWidth": 9, "markerHeight": 9}
        return element("marker", shape, id=f"{identity}-{name}", **size, orient="auto", markerUnits="userSpaceOnUse")

    return element("defs", tip("fixed"), tip("loose"))


def _draw_loop(loop: Loop, identity: str) -> tuple[Markup, float]:
    """Box 0 at the top left, box 1 at the top right, then down the right side and back up the left one."""
    count = len(loop.boxes)
    right = (count + 1) // 2
    top = _ARC + 22.0
    places: list[tuple[float, float]] = [(_LEFT, top)]
    places += [(_RIGHT, top + row * _PITCH) for row in range(right)]
    left_rows = count - 1 - right
    places += [(_LEFT, top + (left_rows - index) * _PITCH) for index in range(left_rows)]
    bottom = top + max(right - 1, left_rows) * _PITCH + _BOX_HEIGHT
    parts: list[Markup] = []
    for index, (verb, at) in enumerate(loop.lines):
        parts.append(_line(places[index], places[(index + 1) % count], verb, at, bottom, identity))
    parts += [_box(box, *place, on_cycle=True) for box, place in zip(loop.boxes, places, strict=True)]
    return join(parts), bottom + _ARC + 18


def _line(
    start: tuple[float, float], end: tuple[float, float], verb: str, at: str, bottom: float, identity: str
) -> Markup:
    (x1, y1), (x2, y2) = start, end
    if x1 == x2:
        downward = y2 > y1
        from_y, to_y = (y1 + _BOX_HEIGHT, y2 - 2) if downward else (y1, y2 + _BOX_HEIGHT + 2)
        x = _track(x1)
        path = f"M{x:.0f} {from_y:.0f}V{to_y:.0f}"
        centre = (from_y + to_y) / 2
        label_x, anchor = (x - 9, "end") if x1 == _RIGHT else (x + 9, "start")
        words = _words(verb, at, label_x, centre - (3 if at else -4), anchor)
    else:
        upward = x2 > x1
        edge_1, edge_2 = (y1, y2 - 2) if upward else (y1 + _BOX_HEIGHT, y2 + _BOX_HEIGHT + 2)
        bend = min(y1, y2) - _ARC + 8 if upward else bottom + _ARC - 8
        curve = 12 if x2 > x1 else -12
        turn = 12 if upward else -12
        xa, xb = _track(x1), _track(x2)
        path = (
            f"M{xa:.0f} {edge_1:.0f}V{bend + turn:.0f}Q{xa:.0f} {bend:.0f} {xa + curve:.0f} {bend:.0f}"
            f"H{xb - curve:.0f}Q{xb:.0f} {bend:.0f} {xb:.0f} {bend + turn:.0f}V{edge_2:.0f}"
        )
        text = " · ".join(part for part in (verb, at) if part)
        y = bend - 8 if upward else bend + 17
        words = element("text", shorten(text, 48), x=WIDTH / 2, y=y, class_="verb", text_anchor="middle")
    return element("g", element("path", d=path, class_="wait", marker_end=f"url(#{identity}-fixed)"), words)


def _track(x: float) -> float:
    """Where the loop runs through a box at ``x``."""
    return x + _INSET if x == _LEFT else x + _BOX_WIDTH - _INSET


def _words(verb: str, at: str, x: float, y: float, anchor: str) -> Markup:
    lines = [element("text", shorten(verb, 24), x=x, y=y, class_="verb", text_anchor=anchor)]
    if at:
        lines.append(element("text", shorten(at, _NOTE_LENGTH), x=x, y=y + 14, class_="note", text_anchor=anchor))
    return join(lines)


def _box(box: Box, x: float, y: float, *, on_cycle: bool = False, ghost: bool = False) -> Markup:
    kind = "thread" if box.thread else "object"
    classes = f"box {kind}{' cycle' if on_cycle else ''}{' ghost' if ghost or box.folded else ''}"
    centre = x + _BOX_WIDTH / 2
    first, second = _two_lines(box.name)
    below = (second, "name") if second else (shorten(box.note or kind, _NOTE_LENGTH), "note")
    return element(
        "g",
        element("title", f"{kind} {box.name}"),
        element("rect", x=x, y=y, width=_BOX_WIDTH, height=_BOX_HEIGHT, rx=23 if box.thread else 4),
        element("text", first, x=centre, y=y + 20, class_="name", text_anchor="middle"),
        element("text", below[0], x=centre, y=y + 36, class_=below[1], text_anchor="middle"),
        class_=classes,
    )


def _two_lines(name: str) -> tuple[str, str]:
    """A name too long for one line, broken after a separator where there is one."""
    if len(name) <= _NAME_LENGTH:
        return name, ""
    cut = max((name.rfind(mark, 4, _NAME_LENGTH) + 1 for mark in ".-_/: ["), default=0) or _NAME_LENGTH
    return name[:cut], shorten(name[cut:], _NAME_LENGTH)


def _draw_row(
    thread: ThreadState, threads: list[ThreadState], by_name: dict[str, ThreadState], y: float, identity: str
) -> Markup:
    """A thread that is not on the cycle: its box, a line, and what it waits for, with who holds that in words."""
    waits = thread.waits
    assert waits is not None
    owners = [other.name for other in threads if any(hold.object == waits.object for hold in other.holds)]
    joins = _for_thread(waits, by_name)
    if joins:
        target = Box(waits.object, "thread", True)
    else:
        target = Box(waits.object, f"held by {', '.join(owners)}" if owners else waits.detail or "object", False)
    y += 22
    middle = y + _BOX_HEIGHT / 2
    text = " · ".join(part for part in (_verb(waits), waits.at) if part)
    line = f"M{_LEFT + _BOX_WIDTH} {middle:.0f}H{_RIGHT - 2}"
    return element(
        "g",
        element("path", d=line, class_="wait loose", marker_end=f"url(#{identity}-loose)"),
        element("text", shorten(text, 48), x=WIDTH / 2, y=y - 7, class_="verb", text_anchor="middle"),
        _box(Box(thread.name, "", True), _LEFT, y),
        _box(target, _RIGHT, y, ghost=joins),
    )

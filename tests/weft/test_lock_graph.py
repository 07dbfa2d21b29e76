"""The lock graph as DOT, Mermaid, SVG and text."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from weft import lock_graph
from weft.checkers.lock_order import LockEdge
from weft.checkers.lock_order.prediction import REASONS, Rejected, Use
from weft.lock_graph import LockGraph

AWKWARD = 'pool["a|b"] <&> #1'


def edge(held: str, wanted: str, verdict: str = "", uses: int = 1) -> LockEdge:
    return LockEdge(held, wanted, [Use(f"t{n}", "prog.py:1", "prog.py:2", n + 1) for n in range(uses)], verdict)


def graph(*edges: LockEdge, rejected: list[Rejected] | None = None) -> LockGraph:
    return LockGraph(["a", "b", "lonely"], list(edges), rejected or [])


RING = graph(edge("a", "b", "predicted"), edge("b", "a", "predicted", uses=3), edge("a", "log"))


def test_dot() -> None:
    text = lock_graph.dot(RING)
    assert text.startswith("digraph locks {\n")
    assert text.endswith("}\n")
    assert '"a" -> "b" [label="t0 prog.py:2"' in text
    assert 'label="t0 prog.py:2 +2"' in text
    assert text.count("penwidth=2") == 2
    assert "lonely" not in text


def test_dot_quotes_names() -> None:
    text = lock_graph.dot(graph(edge(AWKWARD, "back\\slash")))
    assert '"pool[\\"a|b\\"] <&> #1" -> "back\\\\slash"' in text


def test_mermaid() -> None:
    assert lock_graph.mermaid(RING).splitlines() == [
        "flowchart LR",
        '  lock0["a"]',
        '  lock1["b"]',
        '  lock2["log"]',
        '  lock0 ==>|"t0 prog.py:2"| lock1',
        '  lock1 ==>|"t0 prog.py:2 +2"| lock0',
        '  lock0 -->|"t0 prog.py:2"| lock2',
        "  linkStyle 0,1 stroke:#b3261e",
    ]


def test_mermaid_escapes_names() -> None:
    assert '["pool[&quot;a|b&quot;] <&amp;> &num;1"]' in lock_graph.mermaid(graph(edge(AWKWARD, "b", "rejected")))


def boxes(picture: str) -> dict[str, tuple[float, float, float, float]]:
    """Name → left, top, right, bottom."""
    found: dict[str, tuple[float, float, float, float]] = {}
    for group in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}g"):
        rect = group.find("{http://www.w3.org/2000/svg}rect")
        title = group.find("{http://www.w3.org/2000/svg}title")
        if rect is not None and title is not None and title.text:
            x, y = float(rect.attrib["x"]), float(rect.attrib["y"])
            found[title.text] = (x, y, x + float(rect.attrib["width"]), y + float(rect.attrib["height"]))
    return found


def many(count: int) -> LockGraph:
    return graph(*(edge(f"lock {n}", f"lock {(n * 7 + 3) % count}") for n in range(count) if n != (n * 7 + 3) % count))


@pytest.mark.parametrize("drawn", [RING, graph(), graph(edge(AWKWARD, "b", "rejected")), many(40)])
def test_svg_is_xml_whose_boxes_lie_inside_and_apart(drawn: LockGraph) -> None:
    picture = lock_graph.svg(drawn)
    root = ElementTree.fromstring(picture)
    _, _, width, height = (float(value) for value in root.attrib["viewBox"].split())
    places = boxes(picture)
    assert set(places) == set(drawn.drawn)
    for left, top, right, bottom in places.values():
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    rows = list(places.values())
    for number, one in enumerate(rows):
        for other in rows[:number]:
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            assert apart, "two boxes lie on each other"


def test_svg_has_both_palettes_and_no_colour_of_its_own() -> None:
    picture = lock_graph.svg(RING)
    assert "prefers-color-scheme:dark" in picture
    body = picture[picture.index("</style>") :]
    assert not re.findall(r'(?:fill|stroke)="#', body)
    assert body.count("edge bad") == 2
    assert "predicted deadlock" in body
    assert "rejected cycle" not in body


def test_svg_is_the_same_every_time() -> None:
    assert lock_graph.svg(many(20)) == lock_graph.svg(many(20))


def test_lines_put_cycles_first_and_say_how_many_are_left() -> None:
    lines = lock_graph.lines_of(graph(edge("a", "log"), edge("c", "d", "rejected"), edge("a", "b", "predicted")), 2)
    assert lines == [
        "a → b  t0 prog.py:2  in a predicted deadlock",
        "c → d  t0 prog.py:2  in a rejected cycle",
        "… and 1 more",
    ]


def test_rejected_cycles_are_counted_by_reason() -> None:
    rejected = [Rejected(("a", "b"), reason) for reason in ("order", "gate", "gate")]
    assert lock_graph.counted(rejected, REASONS) == (
        "3 cycles rejected: 2 gate lock, 1 start, join, value or wake-up order"
    )
    assert lock_graph.counted([], REASONS) == ""

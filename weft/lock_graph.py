"""The lock-order graph as DOT, as Mermaid and as a picture: what was taken while what was held, by whom and where.

It draws what lock-order prediction found and decides nothing; the SVG needs no program and no font of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .checkers.lock_order import LockEdge, LockOrder
from .checkers.lock_order.prediction import Rejected, Use
from .report_palette import style_sheet
from .report_svg import Markup, element, join, shorten

_LABEL_MAX = 34
_NAME_MAX = 28
_CHARACTER = 7.3
"""Width of a character of the picture's 12-pixel monospace font, rounded up."""
_BOX_HEIGHT = 30
_ROW = 92
_MARGIN = 24
_LABELLED_MAX = 12
"""With more edges only those in cycles are labelled; the others say it when pointed at."""
_COLOURS = {"predicted": "#b3261e", "rejected": "#7d8794", "": "#545d69"}
"""For DOT and Mermaid, whose readers bring their own background: the report's colours that stand out on both."""


class LockGraph(msgspec.Struct):
    """What is drawn, and what the JSON of ``weft locks`` holds under ``graph``."""

    locks: list[str]
    edges: list[LockEdge]
    rejected: list[Rejected]

    @property
    def drawn(self) -> list[str]:
        """The locks with an edge, in the order of their first one, and lives and tasks where they matter."""
        return list(dict.fromkeys(name for edge in self.edges for name in (edge.held, edge.wanted)))


def graph_of(order: LockOrder) -> LockGraph:
    return LockGraph(order.locks, order.edges, order.rejected_cycles)


def _label(uses: list[Use]) -> str:
    """Who and where, for the first use; how many others there are."""
    first = f"{uses[0].thread} {uses[0].at}".strip()
    return f"{first} +{len(uses) - 1}" if len(uses) > 1 else first


def _all_uses(edge: LockEdge) -> str:
    rows = [
        f"{use.thread}: {edge.wanted}{_at(use.at)} while holding {edge.held}{_at(use.held_at)}"
        + (f", {use.times} times" if use.times > 1 else "")
        for use in edge.uses
    ]
    return "\n".join(rows)


def _at(place: str) -> str:
    return f" ({place})" if place else ""


def dot(graph: LockGraph) -> str:
    """Graphviz source; edges of predicted deadlocks are red, of rejected cycles dashed."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    lines = ["digraph locks {", "  rankdir=LR;", '  node [shape=box, style=rounded, fontname="monospace"];']
    lines += [f"  {quoted(name)};" for name in graph.drawn]
    for edge in graph.edges:
        style = {"predicted": ", penwidth=2", "rejected": ", style=dashed"}.get(edge.verdict, "")
        colour = _COLOURS[edge.verdict]
        lines.append(
            f"  {quoted(edge.held)} -> {quoted(edge.wanted)} "
            f'[label={quoted(_label(edge.uses))}, tooltip={quoted(_all_uses(edge))}, color="{colour}"{style}];'
        )
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(graph: LockGraph) -> str:
    """A Mermaid flowchart, which many sites show in Markdown."""

    def quoted(text: str) -> str:
        return '"' + text.replace("&", "&amp;").replace('"', "&quot;").replace("#", "&num;") + '"'

    number = {name: f"lock{index}" for index, name in enumerate(graph.drawn)}
    lines = ["flowchart LR"]
    lines += [f"  {number[name]}[{quoted(name)}]" for name in graph.drawn]
    for edge in graph.edges:
        arrow = {"predicted": "==>", "rejected": "-.->"}.get(edge.verdict, "-->")
        lines.append(f"  {number[edge.held]} {arrow}|{quoted(_label(edge.uses))}| {number[edge.wanted]}")
    red = [str(index) for index, edge in enumerate(graph.edges) if edge.verdict == "predicted"]
    if red:
        lines.append(f"  linkStyle {','.join(red)} stroke:{_COLOURS['predicted']}")
    return "\n".join(lines) + "\n"


class _Box(msgspec.Struct):
    """A lock in the picture: its middle."""

    name: str
    column: int
    x: float = 0
    y: float = 0
    width: float = 0


def svg(graph: LockGraph) -> str:
    """A picture of its own, readable on light and dark ground.

    Locks that are in cycles with each other stand in one column; columns follow the order in which locks are taken.
    """
    boxes = _placed(graph)
    rank = {"": 0, "rejected": 1, "predicted": 2}  # what matters lies on top
    inner = [_edge(graph, edge, boxes) for edge in sorted(graph.edges, key=lambda edge: rank[edge.verdict])]
    inner += [_box(box) for box in boxes.values()]
    last = max([box.column for box in boxes.values()], default=0)
    width = max([box.x + box.width / 2 for box in boxes.values()], default=0.0) + _room(graph, boxes, last) + _MARGIN
    height = max([box.y for box in boxes.values()], default=0.0) + _BOX_HEIGHT + 3 * _MARGIN
    legend = _legend(graph, height - _MARGIN)
    width = max(width, 420.0)
    picture = element(
        "svg",
        element("title", f"Lock order: {len(graph.drawn)} locks"),
        element("style", Markup(style_sheet() + _STYLE)),
        element("defs", *(_marker(kind) for kind in ("plain", "bad", "weak"))),
        element("rect", class_="ground", width=width, height=height),
        *inner,
        legend,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        role="img",
    )
    return picture + "\n"


_STYLE = """
.ground{fill:var(--card)}
text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--text)}
.lock rect{fill:var(--inset);stroke:var(--control)}
.edge path{fill:none;stroke:var(--muted);stroke-width:1.4}
.edge.bad path{stroke:var(--bad);stroke-width:2.4}
.edge.weak path{stroke-dasharray:5 4}
.edge text,.legend text{font-size:11px;fill:var(--muted);paint-order:stroke;stroke:var(--card);stroke-width:4px}
.edge.bad text{fill:var(--bad)}
marker path{fill:var(--muted)}
#bad path{fill:var(--bad)}
.legend path{fill:none;stroke:var(--muted);stroke-width:1.4}
.legend .bad{stroke:var(--bad);stroke-width:2.4}
.legend .weak{stroke-dasharray:5 4}
"""
_KIND = {"predicted": "bad", "rejected": "weak", "": "plain"}


def _marker(kind: str) -> Markup:
    return element(
        "marker",
        element("path", d="M0 0 L9 4.5 L0 9 z"),
        id=kind,
        viewBox="0 0 9 9",
        refX="8.5",
        refY="4.5",
        markerWidth="9",
        markerHeight="9",
        markerUnits="userSpaceOnUse",
        orient="auto",
    )


def _placed(graph: LockGraph) -> dict[str, _Box]:
    """Columns by the order of locks, rows by the middle of what leads there, so that few edges cross."""
    columns = _columns(graph)
    boxes = {
        name: _Box(name, columns[name], width=len(shorten(name, _NAME_MAX)) * _CHARACTER + 24) for name in graph.drawn
    }
    left: dict[str, list[str]] = {}
    for edge in graph.edges:
        left.setdefault(edge.wanted, []).append(edge.held)
    x = float(_MARGIN)
    for column in sorted(set(columns.values())):
        x += _room(graph, boxes, column)
        members = [box for box in boxes.values() if box.column == column]
        widest = max(box.width for box in members)

        def middle(box: _Box, column: int = column) -> float:
            earlier = [boxes[name].y for name in left.get(box.name, []) if boxes[name].column < column]
            return sum(earlier) / len(earlier) if earlier else 0.0

        members.sort(key=middle)
        for row, box in enumerate(members):
            box.x = x + widest / 2
            box.y = _MARGIN + _BOX_HEIGHT / 2 + row * _ROW + (column % 2) * _ROW / 2
        x += widest + _gap(graph, boxes, column)
    return boxes


def _columns(graph: LockGraph) -> dict[str, int]:
    """The longest way from a lock without predecessors, every cycle counted as one place."""
    import networkx as nx

    whole: nx.DiGraph[str] = nx.DiGraph()
    whole.add_nodes_from(graph.drawn)
    whole.add_edges_from((edge.held, edge.wanted) for edge in graph.edges)
    condensed = nx.condensation(whole)
    found: dict[str, int] = {}
    for place, layer in enumerate(nx.topological_generations(condensed)):
        for component in layer:
            for name in condensed.nodes[component]["members"]:
                found[name] = place
    return found


def _room(graph: LockGraph, boxes: dict[str, _Box], column: int) -> float:
    """Room on each side of a column for its own edges and their labels."""
    inside = [edge for edge in graph.edges if boxes[edge.held].column == boxes[edge.wanted].column == column]
    return max((len(_short(graph, edge)) for edge in inside), default=0) * _CHARACTER + (60 if inside else 0)


def _gap(graph: LockGraph, boxes: dict[str, _Box], column: int) -> float:
    """From a column to the room of the next one: what the labels of the edges between need."""
    labels = [len(_short(graph, edge)) for edge in graph.edges if boxes[edge.held].column == column]
    return 70 + max(labels, default=0) * _CHARACTER + _room(graph, boxes, column)


def _short(graph: LockGraph, edge: LockEdge) -> str:
    if not edge.verdict and len(graph.edges) > _LABELLED_MAX:
        return ""
    return shorten(_label(edge.uses), _LABEL_MAX)


def _edge(graph: LockGraph, edge: LockEdge, boxes: dict[str, _Box]) -> Markup:
    source, target = boxes[edge.held], boxes[edge.wanted]
    kind = _KIND[edge.verdict]
    if source.column == target.column:
        path, x, y, anchor = _bow(source, target)
    else:
        start, end = source.x + source.width / 2, target.x - target.width / 2
        bend = (end - start) / 2
        path = (
            f"M{start:.1f} {source.y:.1f} C{start + bend:.1f} {source.y:.1f} "
            f"{end - bend:.1f} {target.y:.1f} {end:.1f} {target.y:.1f}"
        )
        x, y, anchor = (start + end) / 2, (source.y + target.y) / 2 - 5, "middle"
    return element(
        "g",
        element("title", _all_uses(edge)),
        element("path", d=path, marker_end=f"url(#{kind})"),
        element("text", _short(graph, edge), x=x, y=y, text_anchor=anchor),
        class_=f"edge {kind}",
    )


def _bow(source: _Box, target: _Box) -> tuple[str, float, float, str]:
    """An edge within a column: downwards it swings to the right, upwards to the left, the further the wider."""
    rows = abs(target.y - source.y) / _ROW
    side = 1 if target.y >= source.y else -1
    out = side * (26 + 22 * rows)
    start, end = source.x + side * source.width / 4, target.x + side * target.width / 4
    first, last = source.y + side * _BOX_HEIGHT / 2, target.y - side * _BOX_HEIGHT / 2
    if rows > 1:  # past the boxes in between
        start, end = source.x + side * source.width / 2, target.x + side * target.width / 2
        first, last = source.y, target.y
        out += side * 30
    path = f"M{start:.1f} {first:.1f} C{start + out:.1f} {first:.1f} {end + out:.1f} {last:.1f} {end:.1f} {last:.1f}"
    if rows <= 1:
        path = (
            f"M{start:.1f} {first:.1f} C{start + out:.1f} {first + side * 18:.1f} "
            f"{end + out:.1f} {last - side * 18:.1f} {end:.1f} {last:.1f}"
        )
    return path, (start + end) / 2 + out * 0.75 + side * 6, (first + last) / 2 + 4, "start" if side > 0 else "end"


def _box(box: _Box) -> Markup:
    return element(
        "g",
        element("title", box.name),
        element(
            "rect",
            x=box.x - box.width / 2,
            y=box.y - _BOX_HEIGHT / 2,
            width=box.width,
            height=float(_BOX_HEIGHT),
            rx=6.0,
        ),
        element("text", shorten(box.name, _NAME_MAX), x=box.x, y=box.y + 4, text_anchor="middle"),
        class_="lock",
    )


def _legend(graph: LockGraph, y: float) -> Markup:
    present = {edge.verdict for edge in graph.edges}
    words = {"": "held → taken", "predicted": "predicted deadlock", "rejected": "rejected cycle"}
    parts: list[Markup] = []
    x = float(_MARGIN)
    for verdict, text in words.items():
        if verdict in present:
            parts.append(element("path", d=f"M{x:.0f} {y - 4:.0f} h26", class_=_KIND[verdict]))
            parts.append(element("text", text, x=x + 32, y=y))
            x += 52 + len(text) * _CHARACTER
    if not graph.edges:
        parts.append(element("text", "no lock was taken while another was held", x=x, y=y))
    return element("g", join(parts), class_="legend")


def lines_of(graph: LockGraph, limit: int = 20) -> list[str]:
    """The edges as text, those of cycles first: ``a → b  one (prog.py:9)``."""
    rank = {"predicted": 0, "rejected": 1, "": 2}
    edges = sorted(graph.edges, key=lambda edge: rank[edge.verdict])
    notes = {"predicted": "  in a predicted deadlock", "rejected": "  in a rejected cycle", "": ""}
    lines = [f"{edge.held} → {edge.wanted}  {_label(edge.uses)}{notes[edge.verdict]}" for edge in edges[:limit]]
    if len(edges) > limit:
        lines.append(f"… and {len(edges) - limit} more")
    return lines


def counted(rejected: Iterable[Rejected], words: dict[str, str]) -> str:
    """``3 cycles rejected: 2 gate lock, 1 one thread only``; empty when there is none."""
    reasons = [cycle.reason for cycle in rejected]
    if not reasons:
        return ""
    parts = ", ".join(f"{reasons.count(reason)} {text}" for reason, text in words.items() if reason in reasons)
    return f"{len(reasons)} cycle{'s' if len(reasons) > 1 else ''} rejected: {parts}"

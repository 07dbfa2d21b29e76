"""The charts of errors: that a mark stands where its numbers say, and which band it is in, by plain geometry."""

from __future__ import annotations

import re
from itertools import pairwise
from math import isclose, log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.report_errors import (
    FAR,
    NEAR,
    ErrorCurve,
    Pair,
    distribution,
    mark_legend,
    scatter,
    shares_within,
)  # fmt: skip
from weft.report_strip import StripGroup, strip
from weft.report_svg import Markup

Place = tuple[float, float]


def places(drawing: Markup) -> list[Place]:
    """Where the marks of a chart stand."""
    return [(float(x), float(y)) for x, y in re.findall(r'<svg x="([\d.]+)" y="([\d.]+)" overflow', drawing)]


def corners(drawing: Markup, class_: str) -> list[Place]:
    found = re.search(rf'<path d="M([^"]*)Z" class="{class_}"', drawing)
    assert found is not None
    return [(float(x), float(y)) for x, y in (part.split() for part in found[1].split("L"))]


def inside(place: Place, polygon: list[Place]) -> bool:
    """Ray casting (Shimrat 1962)."""
    x, y = place
    crossings = 0
    for (x1, y1), (x2, y2) in pairwise([*polygon, polygon[0]]):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            crossings += 1
    return crossings % 2 == 1


def pair(predicted: float, measured: float, **more: str) -> Pair:
    return Pair("p", predicted, measured, **more)


def drawn(*pairs: Pair) -> Markup:
    found = scatter(pairs)
    assert found is not None
    return found


def test_a_perfect_prediction_stands_on_the_line() -> None:
    drawing = drawn(pair(0.2, 0.2), pair(1.0, 1.0), pair(5.0, 5.0))
    line = re.search(r'x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)" class="equal"', drawing)
    assert line is not None
    x1, y1, x2, y2 = (float(value) for value in line.groups())
    for x, y in places(drawing):
        assert (y - y1) * (x2 - x1) == pytest.approx((y2 - y1) * (x - x1), abs=5)


def test_equal_ratios_are_equal_distances_when_times_span_decades() -> None:
    (x1, y1), (x2, y2), (x3, y3) = places(drawn(pair(0.01, 0.01), pair(0.1, 0.1), pair(1.0, 1.0)))
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.05)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.05)
    assert x2 - x1 == pytest.approx(y1 - y2, abs=0.05), "one scale on both axes"


times = st.floats(0.01, 50.0)


@given(times, st.floats(-0.2, 0.2), st.floats(1.0, 200.0))
def test_a_mark_lies_in_the_band_of_its_error(measured: float, error: float, span: float) -> None:
    if any(abs(abs(error) - limit) < 0.004 for limit in (NEAR, FAR)):
        return  # within a pixel of the edge
    drawing = drawn(pair(measured * (1 + error), measured), pair(measured * span * 1.3, measured * span))
    place = places(drawing)[0]
    assert inside(place, corners(drawing, "zone near")) is (abs(error) < NEAR)
    assert inside(place, corners(drawing, "zone far")) is (abs(error) < FAR)


def test_the_scatter_counts_what_it_shows() -> None:
    drawing = drawn(pair(1.0, 1.0), pair(1.04, 1.0), pair(1.08, 1.0), pair(2.0, 1.0))
    assert "of 4 configurations: 2 within 5.0 %, 3 within 10 %." in drawing


def test_what_cannot_be_placed_is_no_mark() -> None:
    assert scatter([]) is None
    assert scatter([pair(1.0, 1.0), pair(0.0, 1.0)]) is None


def test_marks_tell_verdicts_apart_by_shape_and_only_those_that_occur_are_explained() -> None:
    pairs = [pair(1.0, 1.0, tone="right"), pair(2.0, 1.0, tone="wrong"), pair(3.0, 1.0, tone="bound")]
    legend = mark_legend(pairs)
    assert [tone for tone, _, _ in legend] == ["right", "wrong", "bound"]
    assert len({path for _, path, _ in legend}) == 3


# The distribution.


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=30))
def test_the_distribution_is_that_of_the_magnitudes(errors: list[float]) -> None:
    steps = shares_within(errors)
    assert steps[-1][1] == 1.0
    for error, share in steps:
        below = sum(abs(other) <= error for other in errors) / len(errors)
        strictly = sum(abs(other) < error for other in errors) / len(errors)
        assert strictly < share <= below


def test_the_steps_are_drawn_at_their_errors() -> None:
    drawing = distribution([ErrorCurve("weft", "series own", [0.01, -0.1])])
    assert drawing is not None
    found = re.search(r'<g class="series own"><path d="M([^"]*)"', drawing)
    line = re.search(r'd="M([^"]*)" class="curve"', drawing)
    assert line is not None, found
    points = [tuple(float(value) for value in part.split()) for part in line[1].split("L")]
    left, right, bottom, top = points[0][0], points[-1][0], points[0][1], points[-1][1]
    one_percent = left + (right - left) * (log10(0.01) + 3) / 3
    assert points[1] == pytest.approx((one_percent, bottom), abs=0.1)
    assert points[2] == pytest.approx((one_percent, (bottom + top) / 2), abs=0.1)
    assert "weft: half within 1.0 %, all within 10 %" in drawing


def test_without_errors_there_is_no_distribution() -> None:
    assert distribution([ErrorCurve("weft", "own", [])]) is None


# The strip.


def group(*errors: float, floor: float | None = None) -> StripGroup:
    return StripGroup("family", "hold-out", [pair(1 + error, 1.0) for error in errors], floor, 0.02)


def strip_places(found: Markup) -> list[Place]:
    return [(float(x), float(y)) for x, y in re.findall(r'<svg x="([\d.]+)%" y="([\d.]+)" overflow', found)]


def test_errors_stand_left_and_right_of_the_middle() -> None:
    found = strip([group(-0.05, 0.0, 0.1)])
    assert found is not None
    (left, _), (middle, _), (right, _) = strip_places(found.rows[0].plot)
    assert middle == 50
    assert right - 50 == pytest.approx(2 * (50 - left), abs=0.02)
    zones = re.findall(
        r'<rect x="([\d.]+)%" width="([\d.]+)%" y="0" height="30" class="zone (\w+)"', found.rows[0].plot
    )
    near = next((float(x), float(width)) for x, width, name in zones if name == "near")
    assert near[0] == pytest.approx(left, abs=0.02), "5 % is the edge of the near band"


def test_an_error_beyond_the_scale_stands_at_its_edge_with_its_number() -> None:
    found = strip([group(0.9, 0.01)])
    assert found is not None
    (edge, _), _ = strip_places(found.rows[0].plot)
    assert edge == 98
    assert ">+90 %</text>" in found.rows[0].plot


@given(st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=12))
def test_marks_hide_each_other_only_when_all_levels_are_taken(errors: list[float]) -> None:
    found = strip([group(*errors)])
    assert found is not None
    where = strip_places(found.rows[0].plot)
    for index, (x, y) in enumerate(where):
        near = [other for number, other in enumerate(where) if number != index and abs(other[0] - x) < 1.6]
        if any(isclose(other[1], y) for other in near):
            assert len({other[1] for other in near} | {y}) == 3


def test_the_noise_floor_is_a_bar_around_the_middle() -> None:
    found = strip([group(0.1, floor=0.05)])
    assert found is not None
    bar = re.search(r'<rect x="([\d.]+)%" width="([\d.]+)%"[^>]*class="floor"', found.rows[0].plot)
    assert bar is not None
    start, width = float(bar[1]), float(bar[2])
    assert start + width / 2 == pytest.approx(50, abs=0.02)
    assert strip([group()]) is None

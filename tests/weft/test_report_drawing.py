"""Colours, scales and small arithmetic of the report's drawings."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.report_palette import DARK, LIGHT, SHAPE_CONTRAST, SHAPE_PAIRS, TEXT_CONTRAST, TEXT_PAIRS, contrast
from weft.report_plot import Scale, mark, spread
from weft.report_svg import element, shorten, ticks

from .report_page import Page, full


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_has_the_contrast_wcag_asks_for(palette: dict[str, str]) -> None:
    text = {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in TEXT_PAIRS}
    shape = {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in SHAPE_PAIRS}
    assert {pair: round(ratio, 2) for pair, ratio in text.items() if ratio < TEXT_CONTRAST} == {}
    assert {pair: round(ratio, 2) for pair, ratio in shape.items() if ratio < SHAPE_CONTRAST} == {}


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


def test_both_palettes_name_the_same_colours() -> None:
    assert LIGHT.keys() == DARK.keys()


def test_every_colour_in_the_style_sheet_is_defined() -> None:
    page = Page(full().html())
    style = page.texts["style"][0]
    own = {"threads", "tone", "dash"}
    assert set(re.findall(r"var\(--([\w-]+)", style)) - own <= LIGHT.keys()
    assert re.findall(r"#[0-9a-f]{6}", style.rsplit("}}", 1)[1]) == [], "colours belong into the palette"


@given(st.floats(0, 1e12), st.floats(1e-6, 1e12), st.integers(1, 12))
def test_ticks_are_round_and_inside(low: float, span: float, count: int) -> None:
    found = ticks(low, low + span, count)
    assert len(found) <= count + 2
    assert all(one < other for one, other in pairwise(found))
    if low + span > low:
        assert all(low - span * 0.01 <= value <= low + span * 1.01 for value in found)


@given(st.text("abc.<", max_size=60), st.integers(3, 30))
def test_shortened_names_keep_both_ends(text: str, length: int) -> None:
    short = shorten(text, length)
    assert len(short) <= length
    if len(text) > length:
        assert short.startswith(text[: (length - 1) // 2])
        assert short.endswith(text[-1])


def test_elements_escape_texts_and_attributes() -> None:
    drawn = element("text", "<b>", element("tspan", "&"), x=1.50, class_='"', data_t="0")
    assert drawn == '<text x="1.5" class="&quot;" data-t="0">&lt;b&gt;<tspan>&amp;</tspan></text>'


# Plots.


@given(st.lists(st.floats(-100, 400), max_size=12), st.floats(1, 30))
def test_spread_labels_keep_their_order_and_their_distance(places: list[float], gap: float) -> None:
    found = spread(places, gap, 0, 300)
    assert len(found) == len(places)
    room = min(gap, 300 / max(len(places) - 1, 1))
    ordered = sorted(found)
    assert all(other - one >= room - 1e-6 for one, other in pairwise(ordered))
    assert all(-1e-6 <= place <= 300 + 1e-6 for place in found)
    for one, other in combinations(range(len(places)), 2):
        if places[one] < places[other]:
            assert found[one] < found[other]


def test_labels_that_have_room_stay_where_they_are() -> None:
    assert spread([200.0, 10.0, 50.0], 13, 0, 300) == [200, 10, 50]


@given(st.floats(1e-6, 1e3), st.floats(1.001, 1e4), st.booleans(), st.floats(0, 1))
def test_a_scale_maps_its_ends_to_its_ends_and_keeps_order(low: float, factor: float, log: bool, share: float) -> None:
    scale = Scale(low, low * factor, 10, 210, log)
    assert (scale(low), scale(low * factor)) == (pytest.approx(10), pytest.approx(210))
    assert 10 - 1e-6 <= scale(low + (factor - 1) * low * share) <= 210 + 1e-6
    assert scale(low * factor * 2) == pytest.approx(210), "what lies beyond is placed at the edge"


@given(st.floats(1e-6, 1e3), st.floats(1.5, 1e6), st.integers(3, 10))
def test_ticks_of_a_logarithmic_axis_are_few_and_inside(low: float, factor: float, count: int) -> None:
    found = Scale(low, low * factor, 0, 1, log=True).ticks(count)
    assert len(found) <= count + 1
    assert all(low * 0.99 <= value <= low * factor * 1.01 for value in found)


def test_ticks_of_two_decades_are_at_one_two_and_five() -> None:
    assert Scale(0.9, 11, 0, 1, log=True).ticks(6) == pytest.approx([1, 2, 5, 10])


def test_a_mark_says_its_words_to_a_resting_pointer() -> None:
    drawn = mark("disc", "shape", "50%", 3, "<b>")
    assert "<title>&lt;b&gt;</title>" in drawn
    assert drawn.startswith('<svg x="50%" y="3"')

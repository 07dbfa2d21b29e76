"""What-if questions: read, refused with one sentence, applied, and answered by simulation."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import weft
from weft.attribution import Simulations
from weft.simcore.prediction import Configuration, PredictionError, timeline
from weft.simcore.profile import IDEAL
from weft.simcore.trace import Trace
from weft.what_if import Change, WhatIfError, answer, asked, parse_changes, parse_scale

BASE = Configuration({"workers": 2, "size": 5}, 4, True)


def test_every_form_is_read_and_applied() -> None:
    changes = parse_changes("lock:cache.lock, scale:model.forward=0.5,cores=8,gil=off,workers=3,mode=fast,ratio=0.5")
    assert [(change.kind, change.name, change.value) for change in changes] == [
        ("lock", "cache.lock", None),
        ("scale", "model.forward", 0.5),
        ("cores", "", 8),
        ("gil", "", False),
        ("parameter", "workers", 3),
        ("parameter", "mode", "fast"),
        ("parameter", "ratio", 0.5),
    ]
    found = dict(asked(BASE, changes))
    assert list(found) == ["as it is", *(change.text for change in changes), "all of these"]
    assert found["as it is"] == BASE
    assert found["lock:cache.lock"].free_locks == ("cache.lock",)
    assert found["scale:model.forward=0.5"].scale == {"model.forward": 0.5}
    assert (found["cores=8"].cores, found["gil=off"].gil) == (8, False)
    assert found["workers=3"].params == {"workers": 3, "size": 5}
    everything = Configuration(
        {"workers": 3, "size": 5, "mode": "fast", "ratio": 0.5},
        8,
        False,
        scale={"model.forward": 0.5},
        free_locks=("cache.lock",),
    )
    assert found["all of these"] == everything


def test_one_change_has_no_sum() -> None:
    assert [name for name, _ in asked(BASE, parse_changes("cores=8"))] == ["as it is", "cores=8"]


def test_a_factor_comes_on_top_of_the_one_that_is_there() -> None:
    base = Configuration({}, 1, True, scale={"f": 0.5})
    assert Change("", "scale", "f", 0.5).applied(base).scale == {"f": 0.25}
    assert base.scale == {"f": 0.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty item"),
        ("cores=8,,gil=off", "empty item"),
        ("lock:", "names no lock"),
        ("faster", "'faster' is no change"),
        ("speed:2", "'speed:2' is no change"),
        ("a b=2", "is no change"),
        ("workers=", "is no change"),
        ("scale:f", "NAME=FACTOR"),
        ("scale:=2", "NAME=FACTOR"),
        ("scale:f=fast", "'fast' is no number"),
        ("scale:f=-1", "the factor is -1; it must be 0 or more"),
        ("scale:f=nan", "the factor is nan"),
        ("scale:f=inf", "the factor is inf"),
        ("cores=0", "whole number, 1 or more"),
        ("cores=1.5", "whole number, 1 or more"),
        ("cores=-2", "whole number, 1 or more"),
        ("gil=maybe", "on or off"),
        ("cores=2,cores=4", "changes cores twice"),
        ("lock:a,lock:a", "changes a twice"),
    ],
)
def test_what_means_nothing_is_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(WhatIfError, match=message) as caught:
        parse_changes(text)
    assert "\n" not in str(caught.value)
    assert "--what-if" in str(caught.value)


def test_a_scale_option_is_read_the_same_way() -> None:
    assert parse_scale("train.py:41=2", "--scale") == ("train.py:41", 2.0)
    assert parse_scale("f=0", "--scale") == ("f", 0.0)
    with pytest.raises(WhatIfError, match="--scale must be NAME=FACTOR"):
        parse_scale("forward", "--scale")


def program(params: dict[str, Any]) -> None:
    """One second for each worker, at once; worker 13 is missing."""
    if params["workers"] == 13:
        raise LookupError("no such worker")
    threads = [threading.Thread(target=weft.work, args=(1, False)) for _ in range(params["workers"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_timeline(configuration: Configuration) -> Trace:
    return timeline(program, configuration, profile=IDEAL, measure=False)


def test_answers_say_seconds_and_gain_or_why_not() -> None:
    base = Configuration({"workers": 4}, 2, False)
    rows = answer(base, parse_changes("cores=4,workers=2,workers2=1,gil=on"), Simulations(run_timeline))
    assert [(row.change, row.seconds, row.gain) for row in rows] == [
        ("as it is", 2, 1),
        ("cores=4", 1, 2),
        ("workers=2", 1, 2),
        ("workers2=1", 2, 1),
        ("gil=on", 2, 1),
        ("all of these", 1, 2),
    ]
    assert (rows[1].cores, rows[2].params, rows[4].gil) == (4, {"workers": 2}, True)


def test_a_change_that_the_program_does_not_survive_is_a_row_too() -> None:
    rows = answer(Configuration({"workers": 1}, 1, False), parse_changes("workers=13"), Simulations(run_timeline))
    assert rows[1].seconds is None
    assert "LookupError: no such worker" in rows[1].reason
    with pytest.raises(PredictionError, match="no such worker"):
        answer(Configuration({"workers": 13}, 1, False), parse_changes("workers=1"), Simulations(run_timeline))

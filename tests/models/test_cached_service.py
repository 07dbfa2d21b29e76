"""The cached service: closed form, stampede and pool size in virtual time, and for real without waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from weft.models import cached_service, computing
from weft.models.cached_service import Database

from .conftest import Simulate

D, C = 10, 4
"""Milliseconds in the database, units of computation: as long as milliseconds in virtual time."""
SIZES = {"database_seconds": D / 1000, "units": C}
FORMS = [cached_service.run, cached_service.coalesced]


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often the database was asked for each key."""
    counts: Counter[int] = Counter()
    fetch = Database.fetch

    def counted(database: Database, key: int) -> int:
        counts[key] += 1
        return fetch(database, key)

    monkeypatch.setattr(Database, "fetch", counted)
    return counts


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_virtual_time_is_the_closed_form(simulate: Simulate, form: Callable[..., object], workers: int) -> None:
    found = simulate(form, workers=workers, requests=24, distinct=8, **SIZES)
    assert found.units == (8 * (D + C) + 16 * C) / workers
    assert found.run.completed


@pytest.mark.parametrize("workers", [2, 4, 8])
def test_misses_of_one_key_stampede_unless_they_are_coalesced(
    simulate: Simulate, fetched: Counter[int], workers: int
) -> None:
    sizes = {"workers": workers, "requests": 8, "distinct": 1, **SIZES}
    stampede = simulate(cached_service.run, **sizes)
    assert fetched == {0: workers}
    fetched.clear()
    coalesced = simulate(cached_service.coalesced, **sizes)
    assert fetched == {0: 1}
    assert stampede.result == coalesced.result
    assert stampede.units == coalesced.units == D + 8 / workers * C


def test_a_stampede_takes_connections_from_others(simulate: Simulate) -> None:
    sizes = {"workers": 4, "requests": 8, "distinct": 1, "connections": 1, **SIZES}
    assert simulate(cached_service.coalesced, **sizes).units == D + 2 * C
    assert simulate(cached_service.run, **sizes).units == 4 * D + C


def test_on_one_core_more_workers_pay_until_the_core_is_busy(simulate: Simulate) -> None:
    """Goetz: 1 + 10 / 4 threads for a core. Every request misses; what is left then is mostly the start and the end."""
    counts = (1, 2, 3, 4, 8)
    spent = [
        simulate(cached_service.run, on_cores=1, workers=workers, requests=24, distinct=24, **SIZES).units
        for workers in counts
    ]
    busy = 24 * C + D
    assert spent == sorted(spent, reverse=True)
    assert all(found >= max(24 * (D + C) / workers, busy) for found, workers in zip(spent, counts, strict=True))
    assert spent[0] == 24 * (D + C)
    assert spent[1] < 0.65 * spent[0]
    assert spent[4] < 1.05 * busy
    assert spent[3] < 1.4 * spent[4]


def test_requests_have_a_latency(simulate: Simulate) -> None:
    texts = [mark.text for mark in simulate(cached_service.run, requests=3, distinct=1, workers=1, **SIZES).run.marks]
    assert texts == [f"{word} request {number}" for number in range(3) for word in ("begin", "end")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_answers_do_not_depend_on_the_workers(form: Callable[..., object], workers: int) -> None:
    expected = [computing.derive(computing.scatter(number % 3), 1) for number in range(7)]
    assert form(workers=workers, requests=7, distinct=3, database_seconds=0, connections=1, units=1) == expected


@pytest.mark.parametrize("name", ["workers", "distinct", "connections"])
def test_nothing_to_work_with_is_refused(name: str) -> None:
    for form in FORMS:
        with pytest.raises(ValueError, match=f"^{name}=0: it must be 1 or more"):
            form(**{name: 0})

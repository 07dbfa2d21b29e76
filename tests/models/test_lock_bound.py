"""Work around one lock: both closed forms in virtual time, Amdahl's law refuted by them, and for real."""

from __future__ import annotations

import pytest

from weft.models import computing, lock_bound

from .conftest import Simulate


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("tenths", range(11))
def test_virtual_time_is_the_closed_form(simulate: Simulate, workers: int, tenths: int) -> None:
    rounds, units, inside = 12, 10, tenths
    found = simulate(lock_bound.run, workers=workers, rounds=rounds, units=units, share=tenths / 10)
    if inside * workers <= units:
        assert found.units == rounds * units / workers + (workers - 1) * inside
    else:
        assert found.units == rounds * inside + (units - inside)


def test_amdahls_law_is_too_low(simulate: Simulate) -> None:
    whole = simulate(lock_bound.run, workers=1, rounds=400, share=0.5, units=10).units
    two = simulate(lock_bound.run, workers=2, rounds=400, share=0.5, units=10).units
    assert whole / two > 1.99
    amdahl = 1 / (0.5 + 0.5 / 2)
    assert amdahl < 1.34


def test_all_time_that_is_lost_is_waited_for_the_lock(simulate: Simulate) -> None:
    found = simulate(lock_bound.run, workers=2, rounds=10, units=10, share=1.0)
    (lock,) = (wait for wait in found.run.waits if wait.kind == "Lock")
    assert lock.name == "lock"
    assert found.units == 100
    waited = sum(thread.time_in["lock wait"] for thread in found.run.threads)
    assert waited == lock.total_ns - lock.idle_ns > 0


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_results_do_not_depend_on_the_workers(workers: int) -> None:
    found = lock_bound.run(workers=workers, rounds=7, units=4, share=0.25)
    assert found == [computing.derive(computing.derive(number, 1), 3) for number in range(7)]


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=f"^share={share}: it must be a share of the whole"):
        lock_bound.run(share=share)

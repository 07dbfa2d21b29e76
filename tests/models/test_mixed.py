"""Tasks between Python and C: the GIL is exactly a lock around their pure part, and absent without it; and for real."""

from __future__ import annotations

import pytest

from weft.models import computing, mixed

from .conftest import Simulate


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("pure", range(5))
def test_virtual_time_is_the_closed_form(simulate: Simulate, workers: int, pure: int) -> None:
    """The pure part, 0 to 4 ms, is shorter than the switch interval of 5 ms: no thread is made to drop the GIL."""
    sizes = {"workers": workers, "tasks": 12, "units": 8, "share": pure / 8}
    found = simulate(mixed.run, **sizes)
    if pure * workers <= 8:
        assert found.units == 12 * 8 / workers + (workers - 1) * pure
    else:
        assert found.units == 12 * pure + (8 - pure)
    assert simulate(mixed.run, gil=False, **sizes).units == 12 * 8 / workers


def test_what_is_lost_is_waited_for_the_gil(simulate: Simulate) -> None:
    found = simulate(mixed.run, workers=2, tasks=12, units=8, share=0.5).run
    workers = [thread for thread in found.threads if thread.name.startswith("worker")]
    assert sum(thread.time_in["gil wait"] for thread in workers) > 0
    assert sum(thread.time_in["lock wait"] + thread.time_in["ready"] for thread in workers) == 0


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_results_do_not_depend_on_the_workers(workers: int) -> None:
    found = mixed.run(workers=workers, tasks=5, units=4, share=0.5)
    assert found == [computing.derive(computing.count(number, 2), 2) for number in range(5)]


def test_what_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^share=1\.5: it must be a share of the whole"):
        mixed.run(share=1.5)

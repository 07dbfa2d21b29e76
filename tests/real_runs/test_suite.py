"""The suite's data: splits by family, sizes by machine, targets that exist, and a seal that sees every change."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import replace

import pytest

from weft.real_runs import invalidation
from weft.real_runs.programs import grain
from weft.real_runs.suite import SUITE, SuiteError, chosen, families, seal, thread_counts


def test_families_are_used_for_one_purpose_only() -> None:
    splits = {family: {workload.split for workload in SUITE if workload.family == family} for family in families()}
    assert all(len(found) == 1 for found in splits.values())
    assert {split for found in splits.values() for split in found} == {"calibration", "development", "hold-out"}
    assert len(families()) >= 10


def test_the_hold_out_has_enough_configurations() -> None:
    points = [point for w in SUITE if w.split == "hold-out" for point in w.points(thread_counts(2), 2)]
    assert 0.8 * len(points) >= 24


def test_names_are_told_apart_on_a_line() -> None:
    names = [workload.name for workload in SUITE]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 24 for name in names)


@pytest.mark.parametrize("workload", SUITE, ids=lambda workload: workload.name)
def test_every_program_takes_its_parameters(workload: object) -> None:
    (found,) = [item for item in SUITE if item is workload]
    module, _, function = found.target.partition(":")
    if found.needs:
        pytest.importorskip(found.needs[0])
    signature = inspect.signature(getattr(importlib.import_module(module), function))
    for cores in (2, 16):
        for point in found.points(thread_counts(cores), cores):
            signature.bind(**point.params)
            assert point.busy >= point.threads == point.params["workers"]
    if found.size:
        assert found.size in signature.parameters


def test_larger_machines_have_more_to_do() -> None:
    workload = next(item for item in SUITE if item.size)
    two, sixteen = (workload.points([1], cores)[0].params[workload.size] for cores in (2, 16))
    assert (two, sixteen) == (workload.default_size, 8 * workload.default_size)
    assert workload.points([1], 1)[0].params[workload.size] == workload.default_size


@pytest.mark.parametrize(
    ("cores", "quick", "counts"),
    [
        (1, False, [1, 2]),
        (2, False, [1, 2, 4]),
        (4, False, [1, 2, 4, 8]),
        (16, False, [1, 2, 16, 32]),
        (1, True, [1, 2]),
        (16, True, [1, 16]),
    ],
)
def test_numbers_of_workers(cores: int, quick: bool, counts: list[int]) -> None:
    assert thread_counts(cores, quick) == counts


def test_families_are_chosen_by_name() -> None:
    assert chosen([]) == list(SUITE)
    assert {workload.family for workload in chosen(["Pipeline", "lock-bound"])} == {"pipeline", "lock-bound"}
    quick = chosen([], quick=True)
    assert [workload.family for workload in quick] == families()
    with pytest.raises(SuiteError, match=r"no family 'pipelines' in the suite; did you mean 'pipeline'\?"):
        chosen(["pipelines"])
    with pytest.raises(SuiteError, match=r"no family 'zzz' in the suite; there are pool, "):
        chosen(["zzz"])


def test_the_seal_sees_parameters_counts_and_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = SUITE[0]
    first = seal([workload], [1, 2], 2)
    assert seal([workload], [1, 2], 2) == first
    assert seal([workload], [1, 2, 3], 2) != first
    assert seal([replace(workload, params={"seed": 1})], [1, 2], 2) != first
    assert seal([replace(workload, split="hold-out")], [1, 2], 2) != first
    changed = {"hashing.py": "0"}
    monkeypatch.setattr("weft.real_runs.suite._sources", lambda _: changed)
    assert seal([workload], [1, 2], 2) != first
    monkeypatch.undo()
    with pytest.raises(SuiteError, match="cannot be found"):
        seal([replace(workload, target="weft.no_such_program:run")], [1], 2)


def test_the_sweep_covers_lengths_shares_bytes_and_threads() -> None:
    adding = dict.fromkeys(invalidation.ARRAYS_BYTES, 1e-3)
    points = invalidation.sweep_points(2, 1e9, adding)
    full = {(p.segment_seconds, p.lock_share) for p in points if p.point.threads == 2 and not p.bytes_touched}
    assert {(1e-6, 0.0), (1e-5, 0.6), (1e-2, 0.3)} <= full
    assert len(full) == 4 * len(invalidation.LOCK_SHARES) + 2 + 1
    assert max(p.point.params["operations"] for p in points if p.lock_share) <= 30_000
    assert {p.point.threads for p in points} == {1, 2, 4}
    assert {p.bytes_touched for p in points} == {0, *invalidation.ARRAYS_BYTES}
    assert not [p for p in invalidation.sweep_points(2, 1e9, {}) if p.bytes_touched]
    hashed = next(p for p in points if p.segment_seconds == 1e-3 and p.point.threads == 2)
    assert hashed.point.params["block_bytes"] == 1_000_000
    assert hashed.point.params["operations"] == 250
    assert {p.point.threads for p in invalidation.sweep_points(16, 1e9, {})} == {1, 16, 32}
    added = next(p for p in points if p.bytes_touched)
    assert (added.point.params["operations"], added.segment_seconds) == (250, 1e-3)
    assert invalidation.hashed_bytes_per_second() > 0
    assert invalidation.added_seconds([1 << 12])[1 << 12] > 0


@pytest.mark.parametrize("array_bytes", [0, 1 << 12])
@pytest.mark.parametrize("lock_share", [0.0, 0.5, 1.0])
def test_the_program_of_the_sweep(lock_share: float, array_bytes: int) -> None:
    done = grain.run(workers=3, operations=7, block_bytes=64, lock_share=lock_share, array_bytes=array_bytes)
    assert done == 7


def test_the_error_map_in_words() -> None:
    assert (
        invalidation.in_words([], 9, 0.12)
        == "in the invalidation sweep all 9 places inside the envelope are within 12%"
    )
    text = invalidation.in_words([0.2, -0.3], 9, 0.12)
    assert "2 of 9 places inside the envelope are more than 12% off, the worst -30%" in text

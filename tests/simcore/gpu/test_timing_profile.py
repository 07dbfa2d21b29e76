"""Device profiles: saved and read, refused where a term breaks its rule; and blocks on an SM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weft.simcore.gpu.device_profile import IDEAL, DeviceProfile, DeviceProfileError, blocks_per_sm, load


def test_the_defaults_do_not_claim_to_be_measured() -> None:
    assert not DeviceProfile().calibrated
    assert "not calibrated" in DeviceProfile().name


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "device.json"
    IDEAL.save(path)
    assert load(path) == IDEAL
    path.write_text('{"gap_ns": 7}')
    assert load(path) == DeviceProfile(gap_ns=7)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "is not a device profile"),
        ("\xff", "is not a device profile"),
        ('{"gap": 1}', "unknown field `gap`"),
        ('{"gap_ns": 1.5}', "Expected `int`"),
        ('{"gap_ns": -1}', "gap_ns is -1; it must be a whole number of nanoseconds, 0 or more"),
        ('{"connections": 33}', "connections is 33; it must be a whole number from 1 to 32"),
        ('{"duplex_factor": 0}', "duplex_factor is 0.0; it must be above 0 and at most 1"),
        ('{"hbm_bytes_per_s": 0}', "hbm_bytes_per_s is 0; it must be a whole number, 1 or more"),
        ('{"schema": "weft.profile/1"}', "schema is 'weft.profile/1'; it must be 'weft.device/1'"),
        ('{"launch_lock_ns": 9000}', "launch_lock_ns is 9000; it is a part of launch_ns"),
    ],
)
def test_what_is_no_profile_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "device.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(DeviceProfileError, match=rule):
        load(path)


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DeviceProfileError, match=r"cannot read the device profile .*: No such file"):
        load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("given", "blocks"),
    [
        ({"threads": 1024}, 2),
        ({"threads": 32}, 32),
        ({"threads": 33}, 32),
        ({"threads": 96}, 21),
        ({"threads": 256, "registers": 64}, 4),
        ({"threads": 256, "registers": 65}, 3),
        ({"threads": 128, "shared_bytes": 100 * 1024}, 2),
        ({"threads": 128, "shared_bytes": 227 * 1024}, 1),
        ({"threads": 1024, "registers": 255}, 0),
    ],
)
def test_blocks_on_an_sm(given: dict[str, Any], blocks: int) -> None:
    assert blocks_per_sm(**given) == blocks


def test_blocks_of_too_many_threads_are_refused() -> None:
    with pytest.raises(ValueError, match="threads is 4096"):
        blocks_per_sm(4096)

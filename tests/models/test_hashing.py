"""The hashing workload, for real."""

from __future__ import annotations

import hashlib
import inspect

import pytest

from weft.models import hashing


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_the_digest_does_not_depend_on_the_workers(workers: int) -> None:
    blocks = [hashlib.sha256(str(number).encode() + bytes(5000)).digest() for number in range(7)]
    expected = hashlib.sha256(b"".join(blocks)).hexdigest()
    assert hashing.run(workers=workers, blocks=7, block_bytes=5000) == expected


def test_the_default_block_is_far_above_the_size_at_which_hashlib_keeps_the_gil() -> None:
    assert inspect.signature(hashing.run).parameters["block_bytes"].default >= 1000 * 2048

"""What the shipped workloads compute: steps of a chosen length that keep the GIL, or let go of it.

A step is counted in units of about 0.1 ms, so that the sizes of different workloads can be compared. It knows no
threads.
"""

from __future__ import annotations

import hashlib

UNIT_BYTES = 192 * 1024
"""Bytes hashed in a unit: 0.1 ms with the processor's SHA instructions, 0.4 ms without."""
UNIT_TURNS = 1_000
"""Turns of a loop in pure Python in a unit: 0.04 to 0.1 ms."""
MODULUS = 1 << 64
"""Results are numbers below it; adding them up modulo it gives one that does not depend on the order."""


_NOTHING = memoryview(bytes(64 * UNIT_BYTES))
"""12 MiB of zeros; where nobody writes to them, as in builds with the GIL, the system keeps them all in one page."""


def derive(number: int, units: int) -> int:
    """A number made from ``number``: the beginning of SHA-256 (FIPS 180-4) over it and ``units`` times as many zeros.

    It is one C call without the GIL (one for each 64 units), with next to no memory touched. Each round of the hash
    waits for the one before, which leaves a core so idle that a busy neighbour on its other hardware thread hardly
    matters: measured times are those of the threads, and little of the machine's other guests.
    """
    made = hashlib.sha256(number.to_bytes(8))
    left = units * UNIT_BYTES
    while left > 0:
        made.update(_NOTHING[:left])
        left -= len(_NOTHING)
    return int.from_bytes(made.digest()[:8])


def count(number: int, units: int) -> int:
    """A number made from ``number`` in pure Python, which keeps the GIL: a linear congruential generator's course.

    The constants are those of Numerical Recipes (Press and others, 2007, section 7.1).
    """
    for _ in range(units * UNIT_TURNS):
        number = (number * 1664525 + 1013904223) % 4294967296
    return number


def scatter(number: int) -> int:
    """A number below 2**32 that looks like chance (Knuth, The Art of Computer Programming 3, section 6.4)."""
    return number * 2654435761 % 4294967296

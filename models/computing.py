"""What the shipped workloads compute: steps of a chosen length that keep the GIL, or let go of it.

A step is counted in units of about 0.1 ms, so that the sizes of different workloads can be compared. It knows no
threads.
"""

from __future__ import annotations

import hashlib

UNIT_ITERATIONS = 500
"""Iterations of PBKDF2 in a unit: 0.08 to 0.2 ms, with and without the processor's SHA instructions."""
UNIT_TURNS = 1_000
"""Turns of a loop in pure Python in a unit: 0.04 to 0.1 ms."""
MODULUS = 1 << 64
"""Results are numbers below it; adding them up modulo it gives one that does not depend on the order."""


def derive(number: int, units: int) -> int:
    """A number made from ``number`` as a key is from a password, in one C call without the GIL.

    PBKDF2-HMAC-SHA256 (RFC 8018) touches next to no memory and can be made any length, so that its time does not
    depend on what the other cores do. With 0 units it is a single iteration.
    """
    key = hashlib.pbkdf2_hmac("sha256", number.to_bytes(8), b"weft", units * UNIT_ITERATIONS or 1, dklen=8)
    return int.from_bytes(key)


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

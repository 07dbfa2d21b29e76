"""Checks of the parameters of the shipped workloads: one message with the name, the value and the rule.

It knows nothing of what the parameters mean.
"""

from __future__ import annotations


def at_least(minimum: int, **values: float) -> None:
    """Refuse any of ``values`` below ``minimum``.

    Raises:
        ValueError: a value is too small.
    """
    for name, value in values.items():
        if not value >= minimum:
            raise ValueError(f"{name}={value}: it must be {minimum} or more; give a larger number")


def shares(**values: float) -> None:
    """Refuse any of ``values`` that is not a share of something.

    Raises:
        ValueError: a value is not between 0 and 1.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name}={value}: it must be a share of the whole; give a number from 0 to 1")

"""The commands about time: predict, validate, calibrate, record, and the tour."""

from __future__ import annotations

import click


def register(group: click.Group) -> None:
    """Add the commands to the ``weft`` group."""

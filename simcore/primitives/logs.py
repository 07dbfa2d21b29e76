"""Logging inside a world: whether a record is wanted is computed, not looked up in the logger's cache.

The cache is shared by all threads and filled under a lock, so the first look would be more steps than the second, in
one thread or the other. The answer is the same; ``logging``'s locks around loggers and handlers stay as they are.
"""

from __future__ import annotations

import logging
from typing import Any

from .. import world as _world

real_is_enabled_for = logging.Logger.isEnabledFor


def is_enabled_for(self: logging.Logger, level: int) -> bool:
    """``Logger.isEnabledFor``."""
    if _world.active is None:
        return real_is_enabled_for(self, level)
    if self.disabled or self.manager.disable >= level:
        return False
    return level >= self.getEffectiveLevel()


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    return [(logging.Logger, "isEnabledFor", is_enabled_for)]

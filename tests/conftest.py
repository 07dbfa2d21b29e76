"""What every test may use: where the repository is."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout, for tests that read the project's own files."""
    return Path(__file__).resolve().parent.parent

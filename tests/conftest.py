"""What every test may use, and what keeps all of them quick and equal: drawn examples and bytecode."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How fast a machine draws and runs an example is no property of the code, so no test is failed for it. The examples
# are the same everywhere: a change is judged by what it changes. For new ones: pytest --hypothesis-profile=new
settings.register_profile("new", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("new"), derandomize=True, database=None)
settings.load_profile("same")


# A shell starts jobs in the background with SIGINT ignored, and so would be every command that a test presses Ctrl-C in.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Hundreds of tests start weft: where Python is told not to keep bytecode, every start would compile all of it."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.dont_write_bytecode:
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout, for tests that read the project's own files."""
    return Path(__file__).resolve().parent.parent

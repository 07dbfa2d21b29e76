"""The pytest plugin: the ``--weft`` option and the ``weft`` marker.

pytest loads this room in every environment that has weft installed, so it knows nothing of the rest of the house:
it imports only what type checkers need and changes no run that does not ask for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

MARKER = "weft(strategy, executions): explore the schedules of this test; registered, without effect in this version"
NOTICE = "exploring collected tests is not part of this version: --weft and @pytest.mark.weft change nothing"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("weft").addoption(
        "--weft",
        action="store_true",
        default=False,
        help=f"explore the schedules of the collected tests ({NOTICE}; use `weft check file.py:function`)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


def notice(config: pytest.Config) -> str | None:
    """The line that says what ``--weft`` does not do; None when nobody asked."""
    if not config.getoption("weft"):
        return None
    from importlib.metadata import version

    return f"weft {version('weft')}: {NOTICE}"


def pytest_report_header(config: pytest.Config) -> str | None:
    return notice(config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Under ``-q`` pytest prints no header; whoever asked for ``--weft`` is told all the same."""
    line = notice(config)
    if line is not None and terminalreporter.verbosity < 0:
        terminalreporter.write_line(line)

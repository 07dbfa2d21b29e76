"""The main figures of a validated suite as PNG and SVG files, for papers and slides; they need matplotlib.

The numbers are those of the HTML report, from the same functions; without matplotlib there is one message and no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .real_runs.suite_result import SuiteResult
from .simcore.trace import Trace

FORMATS = ("svg", "png")
_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
    "savefig.bbox": "tight",
    # The same result gives the same bytes: ids of an SVG are drawn from this word, not from chance.
    "svg.hashsalt": "weft",
}
_DOTS_PER_INCH = 160


class FiguresError(Exception):
    """Figures cannot be drawn here; the message says what to install."""


def check() -> None:
    """Can figures be drawn here?

    Raises:
        FiguresError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise FiguresError(
            "figures are drawn by matplotlib, which is not installed: pip install 'weft[plot]'"
        ) from error


def write(
    result: SuiteResult,
    folder: str | Path,
    traces: Mapping[str, Trace] | None = None,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Write every figure that the result has numbers for into ``folder``, made when missing; returns the files.

    ``traces`` are those of :meth:`weft.report.Report.add_suite`. The same result gives the same files.

    Raises:
        FiguresError: matplotlib is not installed.
        OSError: a file cannot be written.
    """
    check()
    import matplotlib

    from .report_figure_charts import figures

    # Its types leave most keyword arguments open, which is of no use to a type checker.
    library: Any = matplotlib
    drawn: Iterator[tuple[str, Any]] = figures(result, traces or {})
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with library.rc_context(_STYLE):
        for name, figure in drawn:
            for kind in formats:
                path = folder / f"{name}.{kind}"
                told = {"svg": {"Date": None}, "png": {"Software": None}}.get(kind)
                figure.savefig(path, format=kind, dpi=_DOTS_PER_INCH, metadata=told)
                written.append(path)
    return written

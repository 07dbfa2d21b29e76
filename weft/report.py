"""One self-contained HTML file from check results, predictions, validations and traces; it opens offline.

It puts together what the ``report_*`` modules draw. It runs nothing and asks the network for nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import msgspec

from . import __version__
from .checkers.finding import Result
from .real_runs.suite_result import SuiteResult
from .report_findings import (
    FINDINGS_MAX,
    Headline,
    Shown,
    command_line,
    command_of,
    headline,
    set_aside,
    shown,
    spent,
    verdict,
)
from .report_palette import style_sheet
from .report_runs import Prediction
from .report_scaling import scaling_section
from .report_suite import suite_section, suite_verdict
from .report_timeline import SHAPES_MAX, Timeline, timeline
from .simcore.trace import Trace

BYTES_MAX = 1_000_000
"""A report stays below this, so that it can be mailed and attached."""
_SHAPES_IN_ALL, _SHAPES_LEAST = 8_000, 500
"""Shapes of all timelines together, about 100 bytes each: as many as fit, halved until the page does."""
_TIMELINES_MAX = 16
_STYLES = ("report.css", "suite.css")
_SCRIPTS = ("report.js", "tables.js", "marks.js")


class ReportError(Exception):
    """Something given to a report is not what it takes; the message names it, the rule and the place."""


@dataclass(frozen=True, slots=True)
class CheckSection:
    """One check; ``hidden`` findings are only in the JSON."""

    anchor: str
    name: str
    result: Result
    spent: str
    findings: list[Shown]
    hidden: int
    suppressed: list[tuple[str, str, str]]
    """Rule, sentence, and by what it was set aside."""
    timelines: list[tuple[int, Timeline]]
    """By the position of the finding they belong to."""


@dataclass(frozen=True, slots=True)
class TimelineSection:
    anchor: str
    name: str
    text: str
    timeline: Timeline


class Report:
    """A report in the making. Sections appear in the order in which they are added; every ``add`` returns the report.

    Results may be given as the structs or as the dicts read from their JSON.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._checks: list[tuple[str, Result, list[Trace]]] = []
        self._scalings: list[tuple[str, Prediction, bool]] = []
        self._traces: list[tuple[str, Trace]] = []
        self._suites: list[tuple[str, SuiteResult, dict[str, Trace]]] = []
        self._order: list[tuple[str, int]] = []
        self._commands: list[str] = []

    def add_check(
        self,
        result: Result | dict[str, Any],
        trace: Trace | Sequence[Trace] | None = None,
        heading: str = "",
        command: str = "",
    ) -> Report:
        """A ``weft check`` or ``weft replay`` result, and the trace of each finding (one trace: of the first).

        ``command`` is what makes it again; by default it is put together from the result.

        Raises:
            ReportError: not a check result.
        """
        read = _read(result, Result, "check result")
        traces = [] if trace is None else [trace] if isinstance(trace, Trace) else list(trace)
        self._order.append(("check", len(self._checks)))
        self._checks.append((heading or read.target, read, traces))
        self._remember(command or command_of(read))
        return self

    def add_prediction(self, prediction: Any, heading: str = "", command: str = "") -> Report:
        """A ``weft predict`` result.

        Raises:
            ReportError: not a prediction.
        """
        return self._add_scaling(prediction, heading, command, measured=False)

    def add_validation(self, validation: Any, heading: str = "", command: str = "") -> Report:
        """A ``weft validate`` result: a prediction whose runs were measured.

        Raises:
            ReportError: not a validation.
        """
        return self._add_scaling(validation, heading, command, measured=True)

    def add_suite(
        self, result: SuiteResult | dict[str, Any], traces: Mapping[str, Trace] | None = None, heading: str = ""
    ) -> Report:
        """A ``weft validate --suite`` result: predictions of many programs against real runs.

        ``traces`` are timelines of one configuration, ``{"simulated": ..., "real": ...}``, drawn on one time axis.

        Raises:
            ReportError: not the result of a suite, no rows, or an explored trace, which has no times.
        """
        read: SuiteResult = _read(result, SuiteResult, "suite result")
        if not read.rows:
            raise ReportError(
                'this suite result has no rows: its "rows" is an empty list; run weft validate --suite again'
            )
        kept = dict(traces or {})
        for name, trace in kept.items():
            if trace.header.world == "explored":
                raise ReportError(f"the {name} trace is of an explored run, which has steps but no times")
        self._order.append(("suite", len(self._suites)))
        self._suites.append((heading or "Simulation against reality", read, kept))
        for command in read.commands:
            self._remember(command)
        return self

    def add_timeline(self, trace: Trace, heading: str = "") -> Report:
        """A trace of any world: states over time, or steps when it was explored."""
        self._order.append(("timeline", len(self._traces)))
        self._traces.append((heading or trace.header.target or "timeline", trace))
        return self

    def _add_scaling(self, value: Any, heading: str, command: str, *, measured: bool) -> Report:
        what = "validation" if measured else "prediction"
        read = _read(value, Prediction, what)
        if not read.runs and not read.unfinished:
            raise ReportError(f'this {what} has no runs: its "runs" is an empty list; run weft {read.command} again')
        if measured and read.runs and all(run.measured_seconds is None for run in read.runs):
            raise ReportError('this validation measured nothing: no run has "measured_seconds"; add it as a prediction')
        self._order.append(("scaling", len(self._scalings)))
        self._scalings.append((heading or read.target or what, read, measured))
        usual = command_line("validate" if measured else "predict", read.target, read.parameters, read.seed)
        self._remember(command or (usual if read.target else ""))
        return self

    def _remember(self, command: str) -> None:
        if command and command not in self._commands:
            self._commands.append(command)

    # The page.

    def html(self) -> str:
        """The whole page; timelines are drawn coarser when it would pass ``BYTES_MAX``."""
        shapes = _SHAPES_IN_ALL if self._has_timelines() else _SHAPES_LEAST
        while len((page := self._page(shapes)).encode()) > BYTES_MAX and shapes > _SHAPES_LEAST:
            shapes //= 2
        return page

    def _has_timelines(self) -> bool:
        return bool(self._traces) or any(traces for _, _, traces in (*self._checks, *self._suites))

    def _page(self, shapes: int) -> str:
        script = "".join(_read_file(name) for name in _SCRIPTS)
        sections, headlines = self._sections(shapes)
        sentence, tone = self._verdict(headlines)
        return _template().render(
            title=self.title,
            version=__version__,
            sentence=sentence,
            tone=tone,
            headlines=headlines,
            sections=sections,
            facts=self._facts(),
            commands=self._commands,
            limits=self._limits(),
            own_limits=bool(self._suites),
            style="\n".join([style_sheet(), *(_read_file(name) for name in _STYLES)]),
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )

    def write(self, path: str | Path) -> Path:
        """Write the page.

        Raises:
            OSError: the file cannot be written.
        """
        path = Path(path)
        path.write_text(self.html(), encoding="utf-8")
        return path

    def _sections(self, shapes: int) -> tuple[list[tuple[str, Any]], list[Headline]]:
        count = sum(len(traces) for _, _, traces in (*self._checks, *self._suites)) + len(self._traces)
        shapes_max = min(SHAPES_MAX, shapes // max(min(count, _TIMELINES_MAX), 1))
        left = _TIMELINES_MAX
        sections: list[tuple[str, Any]] = []
        headlines: list[Headline] = []
        for position, (kind, index) in enumerate(self._order, 1):
            anchor = f"s{position}"
            if kind == "check":
                name, result, traces = self._checks[index]
                kept = traces[:left]
                sections.append((kind, _check_section(anchor, name, result, kept, shapes_max)))
                headlines.append(headline(result, name, anchor))
                left -= len(kept)
            elif kind == "scaling":
                section, line = scaling_section(anchor, *self._scalings[index])
                sections.append((kind, section))
                headlines.append(line)
            elif kind == "suite":
                suite, line = suite_section(anchor, *self._suites[index], shapes_max)
                sections.append((kind, suite))
                headlines.append(line)
            elif left > 0:
                name, trace = self._traces[index]
                sections.append((kind, _timeline_section(anchor, name, trace, shapes_max)))
                left -= 1
        return sections, headlines

    def _verdict(self, headlines: list[Headline]) -> tuple[str, str]:
        if self._checks:
            return verdict([result for _, result, _ in self._checks])
        if self._suites:
            sentence, tone = suite_verdict(self._suites[0][1])
            return sentence[:1].upper() + sentence[1:], tone
        if headlines:
            best = next((line for line in headlines if line.badge == "measured"), headlines[0])
            return best.text[:1].upper() + best.text[1:], best.tone
        return self.title, "info"

    def _facts(self) -> list[tuple[str, str]]:
        """What a reader needs to trust and repeat it: versions, targets, seeds, the machine."""
        results = [result for _, result, _ in self._checks]
        scalings = [prediction for _, prediction, _ in self._scalings]
        headers = [trace.header for _, trace in self._traces]
        if not (results or scalings or headers):
            return []
        made_by = [item.weft for item in (*results, *scalings, *headers) if item.weft] or [__version__]
        seeds = [item.seed for item in (*results, *scalings) if item.seed is not None] or [
            item.seed for item in headers
        ]
        rows = [
            ("Target", [item.target for item in (*results, *scalings, *headers)]),
            ("weft", made_by),
            ("Seed", [str(seed) for seed in seeds]),
            ("Machine", [text for item in scalings for text in _machine(item)]),
        ]
        facts = [(name, "; ".join(_longest(values))) for name, values in rows]
        return [(name, value) for name, value in facts if value]

    def _limits(self) -> list[tuple[str, list[str]]]:
        """What was bounded or not seen, by section; the same limits are said once."""
        by_text: dict[str, list[str]] = {}
        named = [
            *((name, [*result.limits, *_coverage(result)]) for name, result, _ in self._checks),
            *((name, prediction.limits) for name, prediction, _ in self._scalings),
        ]
        for name, limits in named:
            for text in limits:
                names = by_text.setdefault(text, [])
                if name not in names:
                    names.append(name)
        dropped = sum(len(traces) for _, _, traces in self._checks) + len(self._traces) - _TIMELINES_MAX
        if dropped > 0:
            by_text[f"{dropped} of the traces given are not drawn: a report holds {_TIMELINES_MAX} timelines"] = [
                "this report"
            ]
        return list(by_text.items())


def _read_file(name: str) -> str:
    return files("weft").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _template() -> Any:
    """The page's template, compiled once."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FunctionLoader(_read_file),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.j2")


def _longest(texts: list[str]) -> list[str]:
    """Each text once, and none that another one begins with."""
    once = list(dict.fromkeys(text for text in texts if text))
    return [text for text in once if not any(other != text and other.startswith(text + ",") for other in once)]


def _coverage(result: Result) -> list[str]:
    return [] if result.exhaustive else ["not every schedule was run: what was not run was not checked"]


def _read(value: Any, kind: type[Any], what: str) -> Any:
    """The struct that ``value`` is, or was written from."""
    if isinstance(value, kind):
        return value
    try:
        return msgspec.convert(msgspec.to_builtins(value), kind)
    except (msgspec.ValidationError, TypeError) as error:
        raise ReportError(f"this is not a {what} of this version of weft: {error}") from error


def _check_section(anchor: str, name: str, result: Result, traces: list[Trace], shapes_max: int) -> CheckSection:
    return CheckSection(
        anchor=anchor,
        name=name,
        result=result,
        spent=spent(result),
        findings=[
            shown(finding, f"{anchor}f{number}") for number, finding in enumerate(result.findings[:FINDINGS_MAX], 1)
        ],
        hidden=max(len(result.findings) - FINDINGS_MAX, 0),
        suppressed=[set_aside(finding) for finding in result.suppressed],
        timelines=[(number, timeline(trace, shapes_max)) for number, trace in enumerate(traces) if len(trace)],
    )


def _timeline_section(anchor: str, name: str, trace: Trace, shapes_max: int) -> TimelineSection:
    world = {
        "explored": "One explored execution, in logical steps.",
        "timed": "One simulated run, in virtual time.",
        "real": "One real run, in wall-clock time.",
    }
    text = f"{world.get(trace.header.world, trace.header.world)} {len(trace):,} events."
    return TimelineSection(anchor, name, text, timeline(trace, shapes_max))


def _machine(prediction: Prediction) -> list[str]:
    """The machine in one line, from whatever the profile or the machine's own description says of it."""
    found: dict[str, str] = {}
    for source in (prediction.profile, prediction.machine):
        if isinstance(source, str):
            found["profile"] = source
        elif isinstance(source, dict):
            rows = cast(dict[str, Any], source)
            if "name" in rows:
                found["profile"] = str(rows["name"])
            about: Any = rows.get("machine") or (rows if "schema" not in rows else {})
            if isinstance(about, dict):
                found |= {key: _plain(value) for key, value in cast(dict[str, Any], about).items() if key != "name"}
    words = [f"{key.replace('_', ' ')} {value}" for key, value in found.items() if value]
    return [", ".join(words)] if words else []


def _plain(value: Any) -> str:
    """A JSON value in a line of text; nested objects are left out."""
    if isinstance(value, list):
        return " ".join(str(item) for item in cast(list[Any], value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if isinstance(value, dict) or value is None else str(value)

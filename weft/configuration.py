"""``[tool.weft]`` of pyproject.toml: what a project always wants from a check, read and examined before any work.

It knows names and types only; what an option does is for the command line.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from .checkers.rules import RULES
from .options import GPUS, GPUS_MAX, STRATEGIES

FILE = "pyproject.toml"


class ConfigurationError(Exception):
    """A configuration cannot be used; the message names the file, the key and the rule (exit code 2)."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The values given in ``[tool.weft]``; ``file`` is empty when there is none."""

    file: str = ""
    values: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def ignore(self) -> list[str]:
        return self.values.get("ignore", [])


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast(list[Any], value))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


_SWITCH: tuple[Callable[[Any], bool], str] = (lambda value: isinstance(value, bool), "true or false")
_COUNT: tuple[Callable[[Any], bool], str] = (_is_count, "a whole number above 0")
_SECONDS: tuple[Callable[[Any], bool], str] = (_is_seconds, "a number of seconds above 0")
KEYS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "ignore": (_is_text_list, 'a list of texts such as "D002" or "R001:counter.*"'),
    "instrument": (_is_text_list, 'a list of module names such as "redis" or "mypackage.*"'),
    "strategy": (lambda value: value in STRATEGIES, f"one of {', '.join(STRATEGIES)}"),
    "max_executions": _COUNT,
    "max_seconds": _SECONDS,
    "max_steps": _COUNT,
    "timeout": _SECONDS,
    "keep_going": _SWITCH,
    "seed": (_is_seed, "a whole number, 0 or more"),
    "races": _SWITCH,
    "strict_races": _SWITCH,
    "precise": _SWITCH,
    "gpu": (lambda value: value in GPUS, f"one of {', '.join(GPUS)}"),
    "gpus": (lambda value: _is_count(value) and value <= GPUS_MAX, f"a whole number from 1 to {GPUS_MAX}"),
}
"""Each key with the test its value must pass and the words for that; tests/weft/test_configuration.py tries them all."""


def find(start: Path | None = None) -> Path | None:
    """The nearest pyproject.toml at or above ``start`` (by default the working directory)."""
    start = (start or Path.cwd()).resolve()
    return next((folder / FILE for folder in (start, *start.parents) if (folder / FILE).is_file()), None)


def load(file: str | None = None) -> Configuration:
    """Read ``file``, or the nearest pyproject.toml, which need not mention weft.

    Raises:
        ConfigurationError: unreadable, not TOML, a key or value that is none of ours, or ``file`` without a table.
    """
    path = find() if file is None else Path(file)
    if path is None:
        return Configuration()
    shown = file or FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {error.start}), as TOML must be") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    tool = content.get("tool", {})
    table: Any = cast(dict[str, Any], tool).get("weft") if isinstance(tool, dict) else None
    if table is None:
        if file is not None:
            raise ConfigurationError(f"{file} has no table [tool.weft]")
        return Configuration()
    if not isinstance(table, dict):
        raise ConfigurationError(f"{shown}: tool.weft must be a table: [tool.weft]")
    values = cast(dict[str, Any], table)
    for key, value in values.items():
        _examine(shown, key, value)
    return Configuration(shown, values)


def _examine(file: str, key: str, value: Any) -> None:
    if key not in KEYS:
        near = difflib.get_close_matches(key.replace("-", "_"), KEYS, 1)
        hint = f"did you mean {near[0]}?" if near else f"it may hold {', '.join(KEYS)}"
        raise ConfigurationError(f"{file}: [tool.weft] has no key {key}; {hint}")
    fits, words = KEYS[key]
    if not fits(value):
        raise ConfigurationError(f"{file}: [tool.weft] {key} must be {words}; it is {value!r}")
    if key == "ignore":
        for entry in value:
            complaint = unknown_rule(entry.partition(":")[0])
            if complaint:
                raise ConfigurationError(f"{file}: [tool.weft] ignore has {entry!r}: {complaint}")


def unknown_rule(rule: str) -> str:
    """What is wrong with a rule's id, or an empty string."""
    if rule in RULES:
        return ""
    near = difflib.get_close_matches(rule.upper(), RULES, 1)
    return f"no rule {rule!r}" + (f"; did you mean {near[0]}?" if near else "; `weft explain` lists them")

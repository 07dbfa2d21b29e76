"""What-if questions: changes of a configuration as people write them, and how long the changed program takes.

It reads and applies changes and asks for simulations; printing is for others.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from .attribution import Simulations
from .simcore.bottlenecks import WhatIf
from .simcore.locate import TargetError
from .simcore.prediction import Configuration, PredictionError

FORMS = "lock:NAME, scale:NAME=FACTOR, cores=N, gil=on|off or PARAMETER=VALUE"
AS_IT_IS, ALL = "as it is", "all of these"


class WhatIfError(ValueError):
    """A change that means nothing; the message names it, the rule and what to write instead."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``name`` is a lock, a function or a parameter, ``value`` what it gets."""

    text: str
    kind: Literal["lock", "scale", "cores", "gil", "parameter"]
    name: str = ""
    value: Any = None

    def applied(self, configuration: Configuration) -> Configuration:
        """The configuration with this change."""
        match self.kind:
            case "lock":
                return replace(configuration, free_locks=(*configuration.free_locks, self.name))
            case "scale":
                factor = configuration.scale.get(self.name, 1.0) * self.value
                return replace(configuration, scale={**configuration.scale, self.name: factor})
            case "cores":
                return replace(configuration, cores=self.value)
            case "gil":
                return replace(configuration, gil=self.value)
            case "parameter":
                return replace(configuration, params={**configuration.params, self.name: self.value})


def parse_changes(text: str) -> list[Change]:
    """``lock:cache.lock,cores=8`` as changes.

    Raises:
        WhatIfError: an empty or unknown form, a bad value, or one thing changed twice.
    """
    found: list[Change] = []
    for item in text.split(","):
        change = _parse(item.strip())
        if any((change.kind, change.name) == (other.kind, other.name) for other in found):
            raise WhatIfError(f"--what-if changes {change.name or change.kind} twice; ask for one value at a time")
        found.append(change)
    return found


def _parse(item: str) -> Change:
    if not item:
        raise WhatIfError(f"--what-if has an empty item; write {FORMS}")
    kind, colon, rest = item.partition(":")
    if colon and kind == "lock":
        if not rest:
            raise WhatIfError(f"--what-if {item!r} names no lock; write lock:NAME, as reports call it")
        return Change(item, "lock", rest)
    if colon and kind == "scale":
        name, factor = parse_scale(rest, f"--what-if {item!r}")
        return Change(item, "scale", name, factor)
    name, equals, value = item.partition("=")
    if not equals or not value or not name.isidentifier():
        raise WhatIfError(f"--what-if {item!r} is no change; write {FORMS}")
    if name == "cores":
        if not value.isdecimal() or int(value) < 1:
            raise WhatIfError(f"--what-if {item!r}: the number of cores must be a whole number, 1 or more")
        return Change(item, "cores", value=int(value))
    if name == "gil":
        if value not in ("on", "off"):
            raise WhatIfError(f"--what-if {item!r}: the GIL is on or off")
        return Change(item, "gil", value=value == "on")
    return Change(item, "parameter", name, _value(value))


def parse_scale(text: str, option: str) -> tuple[str, float]:
    """``model.forward=0.5`` as a name and a factor.

    Raises:
        WhatIfError: no name, or a factor that is no finite number of 0 or more.
    """
    name, equals, value = text.rpartition("=")
    if not equals or not name:
        raise WhatIfError(f"{option} must be NAME=FACTOR, such as model.forward=0.5")
    try:
        factor = float(value)
    except ValueError:
        raise WhatIfError(f"{option}: {value!r} is no number; 0.5 is half the time, 2 twice") from None
    if not math.isfinite(factor) or factor < 0:
        raise WhatIfError(f"{option}: the factor is {value}; it must be 0 or more, 0.5 is half the time")
    return name, factor


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def asked(base: Configuration, changes: Sequence[Change]) -> list[tuple[str, Configuration]]:
    """The base, each change alone and, when there are several, all of them together; with what they are called."""
    found = [(AS_IT_IS, base), *((change.text, change.applied(base)) for change in changes)]
    if len(changes) > 1:
        together = base
        for change in changes:
            together = change.applied(together)
        found.append((ALL, together))
    return found


def answer(base: Configuration, changes: Sequence[Change], simulations: Simulations) -> list[WhatIf]:
    """What each change comes to, in the order of :func:`asked`; a program that fails with a change is told so.

    Raises:
        PredictionError: it fails without any.
        TargetError: a lock, function or parameter is not there.
    """
    base_seconds = simulations.seconds(base)
    found: list[WhatIf] = []
    for name, configuration in asked(base, changes):
        place: dict[str, Any] = {
            "params": configuration.params,
            "cores": configuration.cores,
            "gil": configuration.gil,
        }
        try:
            seconds = simulations.seconds(configuration)
        except PredictionError as error:
            if isinstance(error.__cause__, TargetError):
                raise error.__cause__ from error
            found.append(WhatIf(change=name, reason=str(error), **place))
        else:
            gain = base_seconds / seconds if seconds else 1.0
            found.append(WhatIf(change=name, seconds=seconds, gain=gain, **place))
    return found

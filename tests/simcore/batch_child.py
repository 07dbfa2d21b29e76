"""Runs programs one after the other in one fresh process and says what came of each, as JSON lines.

A process of its own, since the takeover should come before the program's modules; one for all, since a start costs more
than most programs here. Usage: batch_child.py WORLD EXECUTIONS FILE...
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from weft.checkers.exploration.explore import Budget, explore
from weft.simcore.takeover import takeover
from weft.simcore.target import TargetError, parse_target
from weft.simcore.timed import TimedWorld


def explored(target: Any, most: int) -> dict[str, Any]:
    found = explore(lambda: target.run({}), "dpor", Budget(max_executions=most, max_seconds=20, stall_s=20))
    return {
        "refused": found.gave_up,
        "executions": found.executions,
        "exhaustive": found.exhaustive,
        "limits": found.limits,
        "problems": sorted({(p.outcome.value, _failure(p.signature)) for p in found.problems.values()}),
    }


def _failure(signature: tuple[Any, ...]) -> str:
    return next((part[0] for part in signature[1:] if isinstance(part, tuple) and isinstance(part[0], str)), "")


def timed(target: Any) -> dict[str, Any]:
    with takeover():
        found = TimedWorld(cores=2, measure=False).run(lambda: target.run({}))
    problems = [("failure", type(error).__name__) for _, error in found.failures]
    problems += [("stuck", stuck.waits_for) for stuck in found.stuck]
    return {"refused": found.refusal or found.gave_up, "problems": problems, "seconds": found.makespan_ns / 1e9}


def main(world: str, most: int, files: list[str]) -> None:
    answers = os.fdopen(os.dup(1), "w")
    if world != "loud":
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(nothing, stream)
    for file in files:
        target = parse_target(file)
        answer: dict[str, Any]
        try:
            target.prepare()
            answer = timed(target) if world == "timed" else explored(target, most)
        except TargetError as error:
            answer = {"refused": f"target: {error}", "problems": []}
        except BaseException as error:
            answer = {"refused": f"raised {type(error).__name__}: {error}", "problems": []}
        finally:
            target.close()
        answers.write(json.dumps({"name": Path(file).stem, **answer}) + "\n")
        answers.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])

"""Paired, interleaved measurements: the same program in several configurations, block by block, for real.

A block runs every configuration once, in an order drawn from the seed, so that whatever disturbs a block disturbs
all of them. Every sample is kept, and what a program does wrong is a row like any other; nothing is predicted here.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import msgspec

from .interpreter import Interpreter, this_interpreter
from .machine import available_cores, gil_enabled, gil_optional
from .rules import RULES, Circumstances, Rules, disturbances, off_pace
from .workers import Accident, StartError, Workers

Status = Literal["ok", "failed", "crashed", "timeout"]


class Configuration(msgspec.Struct, frozen=True):
    """What is measured: the target's parameters, the number of cores it may use, with the GIL or without.

    ``pinned`` puts the i-th thread that the program starts on the i-th of its cores, round and round.
    ``busy_threads`` is how many of its threads may compute at once; None: all that it starts, since the main thread
    usually waits for them.
    """

    params: dict[str, Any] = {}
    cores: int = 1
    gil: bool = True
    pinned: bool = False
    busy_threads: int | None = None


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One real run.

    ``seconds`` is wall time, ``cpu_seconds`` that of all threads, ``run_delay_seconds`` what its threads waited for a
    processor, ``others_seconds`` the processor time of other programs meanwhile, ``stolen_seconds`` that of the host,
    ``runnable_others`` the threads of others that were ready when it began (None: unknown). ``disturbed`` says that
    others took processor time from it, ``why`` by which rules. ``time_in`` has the shares of all its threads' time as
    the kernel counted them: running, ready (it waited for a processor) and waiting (for anything else).
    """

    block: int
    status: Status
    seconds: float | None = None
    cpu_seconds: float | None = None
    run_delay_seconds: float | None = None
    others_seconds: float | None = None
    threads: int = 0
    disturbed: bool | None = None
    message: str = ""
    stolen_seconds: float | None = None
    runnable_others: int | None = None
    why: list[str] = []
    time_in: dict[str, float] | None = None


class Reference(msgspec.Struct, frozen=True):
    """The configuration whose runs tell how fast the machine is, and the processor time that it should take."""

    position: int
    cpu_seconds: float


class Measurement(msgspec.Struct, frozen=True):
    """All samples of one configuration, the discarded warm-up not among them."""

    configuration: Configuration
    samples: list[Sample]

    def seconds(self) -> list[float]:
        """The wall times of the runs that went well."""
        return [sample.seconds for sample in self.samples if sample.seconds is not None]

    def clean(self) -> list[Sample]:
        """Those of the runs that went well that are not known to be disturbed."""
        return [sample for sample in self.samples if sample.seconds is not None and not sample.disturbed]

    def clean_seconds(self) -> list[float]:
        """Their wall times."""
        return [sample.seconds for sample in self.clean() if sample.seconds is not None]

    def trouble(self) -> str:
        """What went wrong, in one line; empty when nothing did."""
        bad = [sample for sample in self.samples if sample.status != "ok"]
        if not bad:
            return ""
        return f"{len(bad)} of {len(self.samples)} runs {bad[0].status}: {bad[0].message}"


class MeasureError(Exception):
    """Nothing can be measured as asked; the message says why and what to do."""


def not_measurable(configuration: Configuration, interpreter: Interpreter | None = None) -> str:
    """Why this machine, with that interpreter (by default this one), cannot measure a configuration; empty: it can."""
    cores = len(available_cores())
    if configuration.cores > cores:
        return f"this machine has {cores} core{'s' if cores > 1 else ''} to use"
    if interpreter is None:
        interpreter = Interpreter("", (), gil_enabled(), gil_optional())
    return interpreter.refusal(configuration.gil)


def measure(
    target: str,
    configurations: Sequence[Configuration],
    *,
    repeat: int = 20,
    seed: int = 0,
    timeout_seconds: float = 60.0,
    argv: Sequence[str] = (),
    interpreter: Interpreter | None = None,
    rules: Rules = RULES,
    reference: Reference | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Measurement]:
    """Run every configuration ``repeat`` times, after one discarded warm-up each; one result a configuration.

    The program is loaded once in a child process that waits for commands; a run that exceeds ``timeout_seconds``,
    crashes, or leaves threads behind costs that process, and the next run gets a new one. A configuration that
    failed in its warm-up is run once more in each of the first two blocks and then given up. A configuration that is
    short of clean runs (the rules say how many, and never fewer than half) is run in further blocks, at most
    ``repeat`` of them and as many as the rules allow. With a ``reference`` all runs of a block count as disturbed when its
    run took another processor time than it should. ``progress`` is called with the runs done and all runs.

    Raises:
        TargetError: the target cannot be found, read or called.
        MeasureError: no repetitions, no time, a configuration this machine cannot measure, or a program that cannot
            be loaded.
    """
    if repeat < 1:
        raise MeasureError(f"repeat is {repeat}; measure at least once")
    if not timeout_seconds > 0:
        raise MeasureError(f"the time limit of a run is {timeout_seconds!r} s; it must be more than 0")
    for configuration in configurations:
        reason = not_measurable(configuration, interpreter)
        if reason:
            raise MeasureError(f"cannot measure cores={configuration.cores} gil={configuration.gil}: {reason}")
    generator = random.Random(seed)
    samples: list[list[Sample]] = [[] for _ in configurations]
    total = len(configurations) * (repeat + rules.warm_up_blocks)
    done = 0
    own_cores = available_cores()
    with Workers(target, argv, timeout_seconds, interpreter or this_interpreter()) as workers:
        for block in range(-rules.warm_up_blocks, repeat + min(repeat, rules.blocks_more)):
            order = list(range(len(configurations)))
            if block >= repeat:
                order = [index for index in order if _short_of_clean(samples[index], min(rules.clean_min, repeat))]
                if reference is not None and order and reference.position not in order:
                    order.append(reference.position)
                total += len(order)
            generator.shuffle(order)
            for index in order:
                if not _given_up(samples[index]):
                    sample = _one_run(workers, configurations[index], own_cores, block, rules)
                    if block >= 0 or sample.status != "ok":
                        samples[index].append(sample)
                done += 1
                if progress is not None:
                    progress(done, total)
            if reference is not None:
                _judge_pace(samples, reference, block, rules)
    return [Measurement(*pair) for pair in zip(configurations, samples, strict=True)]


def _judge_pace(samples: list[list[Sample]], reference: Reference, block: int, rules: Rules) -> None:
    """Mark the whole block when the machine was slower or faster than it should be."""
    told = [sample.cpu_seconds for sample in samples[reference.position] if sample.block == block]
    if not told or told[0] is None:
        return
    reason = off_pace(told[0], reference.cpu_seconds, rules)
    if not reason:
        return
    for mine in samples:
        if mine and mine[-1].block == block and mine[-1].status == "ok":
            mine[-1] = msgspec.structs.replace(mine[-1], disturbed=True, why=[*mine[-1].why, reason])


def _short_of_clean(samples: Sequence[Sample], clean_min: int) -> bool:
    """Disturbed runs keep it from a verdict; failed ones would fail again."""
    disturbed = sum(sample.disturbed is True for sample in samples)
    clean = sum(sample.status == "ok" and not sample.disturbed for sample in samples)
    return disturbed > 0 and (clean < clean_min or 2 * disturbed > len(samples))


_FAILURES_MAX = 3


def _given_up(samples: Sequence[Sample]) -> bool:
    """A program that failed from the start, again and again, will not be right the next time."""
    return len(samples) >= _FAILURES_MAX and all(sample.status != "ok" for sample in samples)


def _one_run(
    workers: Workers, configuration: Configuration, own_cores: Sequence[int], block: int, rules: Rules
) -> Sample:
    command = {
        "parameters": configuration.params,
        "cores": list(own_cores[: configuration.cores]),
        "pinned": configuration.pinned,
    }
    try:
        answer = workers.run(command, configuration.gil)
    except StartError as error:
        raise MeasureError(str(error)) from error
    if isinstance(answer, Accident):
        return Sample(block, cast(Status, answer.status), message=answer.message)
    return sample_of(block, answer, configuration, rules)


def sample_of(block: int, answer: dict[str, Any], configuration: Configuration, rules: Rules = RULES) -> Sample:
    """The facts about one run in seconds, judged by the rules."""
    wall: int = answer["wall_ns"]
    threads: int = answer["threads"]
    busy = configuration.busy_threads
    found = Circumstances(
        seconds=wall / 1e9,
        cores=configuration.cores,
        processors=os.cpu_count() or configuration.cores,
        busy_threads=max(threads - 1, 1) if busy is None else busy,
        run_delay_seconds=_seconds(answer["run_delay_ns"]),
        stolen_seconds=_seconds(answer.get("stolen_ns")),
        others_seconds=_seconds(answer["others_ns"]),
        runnable_others=answer.get("runnable_others"),
    )
    reasons = disturbances(found, rules)
    return Sample(
        block,
        "ok",
        seconds=found.seconds,
        cpu_seconds=answer["cpu_ns"] / 1e9,
        run_delay_seconds=found.run_delay_seconds,
        others_seconds=found.others_seconds,
        threads=threads,
        disturbed=None if reasons is None else bool(reasons),
        stolen_seconds=found.stolen_seconds,
        runnable_others=found.runnable_others,
        why=reasons or [],
        time_in=_shares(answer.get("spent_ns")),
    )


def _seconds(duration_ns: int | None) -> float | None:
    return None if duration_ns is None else duration_ns / 1e9


def _shares(spent_ns: dict[str, int] | None) -> dict[str, float] | None:
    whole = sum(spent_ns.values()) if spent_ns else 0
    return {state: round(spent / whole, 6) for state, spent in spent_ns.items()} if spent_ns and whole else None

"""Paired, interleaved measurements: the same program in several configurations, block by block, for real.

A block runs every configuration once, in an order drawn from the seed, so that whatever disturbs a block disturbs
all of them. Every sample is kept, and what a program does wrong is a row like any other; nothing is predicted here.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from ..simcore.target import TargetError
from .children import GRACE_SECONDS, Child, ending
from .machine import available_cores, gil_enabled, gil_optional

Status = Literal["ok", "failed", "crashed", "timeout"]
RUN_DELAY_SHARE_MAX = 0.02
"""A run is disturbed when its threads waited for a processor longer than this share of the processor time open to
them (fixed in advance)."""
OTHERS_SHARE_MAX = 0.10
"""A run is disturbed, too, when other programs used more than this share of one core meanwhile."""
OTHERS_NS_MIN = 30_000_000
"""Below this nothing can be said: the kernel counts in steps of 10 ms on each core."""


class Configuration(msgspec.Struct, frozen=True):
    """What is measured: the target's parameters, the number of cores it may use, with the GIL or without."""

    params: dict[str, Any] = {}
    cores: int = 1
    gil: bool = True


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One real run.

    ``seconds`` is wall time, ``cpu_seconds`` that of all threads, ``run_delay_seconds`` what its threads waited for a
    processor, ``others_seconds`` the processor time of other programs meanwhile (None: unknown). ``disturbed`` says
    that others took processor time from it. Waiting for a processor tells only when the run itself had no more threads
    than cores (and one, since the main thread usually waits); what others used always tells.
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


class Measurement(msgspec.Struct, frozen=True):
    """All samples of one configuration, the discarded warm-up not among them."""

    configuration: Configuration
    samples: list[Sample]

    def seconds(self) -> list[float]:
        """The wall times of the runs that went well."""
        return [sample.seconds for sample in self.samples if sample.seconds is not None]

    def clean_seconds(self) -> list[float]:
        """Those of them not known to be disturbed."""
        return [sample.seconds for sample in self.samples if sample.seconds is not None and not sample.disturbed]

    def trouble(self) -> str:
        """What went wrong, in one line; empty when nothing did."""
        bad = [sample for sample in self.samples if sample.status != "ok"]
        if not bad:
            return ""
        return f"{len(bad)} of {len(self.samples)} runs {bad[0].status}: {bad[0].message}"


class MeasureError(Exception):
    """Nothing can be measured as asked; the message says why and what to do."""


def not_measurable(configuration: Configuration) -> str:
    """Why this machine cannot measure a configuration; empty when it can."""
    cores = len(available_cores())
    if configuration.cores > cores:
        return f"this machine has {cores} core{'s' if cores > 1 else ''} to use"
    if configuration.gil != gil_enabled() and not gil_optional():
        return "this interpreter has a GIL; a free-threading build can measure without"
    return ""


def measure(
    target: str,
    configurations: Sequence[Configuration],
    *,
    repeat: int = 20,
    seed: int = 0,
    timeout_seconds: float = 60.0,
    argv: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> list[Measurement]:
    """Run every configuration ``repeat`` times, after one discarded warm-up each; one result a configuration.

    The program is loaded once in a child process that waits for commands; a run that exceeds ``timeout_seconds``,
    crashes, or leaves threads behind costs that process, and the next run gets a new one. A configuration that
    failed in its warm-up is run once more in each of the first two blocks and then given up. A configuration more than
    half of whose runs were disturbed is run in up to ``repeat`` further blocks, until half are clean. ``progress`` is
    called with the runs done and all runs.

    Raises:
        TargetError: the target cannot be found, read or called.
        MeasureError: no repetitions, no time, or a configuration this machine cannot measure.
    """
    if repeat < 1:
        raise MeasureError(f"repeat is {repeat}; measure at least once")
    if not timeout_seconds > 0:
        raise MeasureError(f"the time limit of a run is {timeout_seconds!r} s; it must be more than 0")
    for configuration in configurations:
        reason = not_measurable(configuration)
        if reason:
            raise MeasureError(f"cannot measure cores={configuration.cores} gil={configuration.gil}: {reason}")
    generator = random.Random(seed)
    samples: list[list[Sample]] = [[] for _ in configurations]
    total = len(configurations) * (repeat + 1)
    done = 0
    with _Workers(target, argv, timeout_seconds) as workers:
        for block in range(-1, 2 * repeat):  # the block before the first is the warm-up
            order = list(range(len(configurations)))
            if block >= repeat:
                order = [index for index in order if _mostly_disturbed(samples[index])]
                total += len(order)
            generator.shuffle(order)
            for index in order:
                if not _given_up(samples[index]):
                    sample = workers.run(configurations[index], block)
                    if block >= 0 or sample.status != "ok":
                        samples[index].append(sample)
                done += 1
                if progress is not None:
                    progress(done, total)
    return [Measurement(*pair) for pair in zip(configurations, samples, strict=True)]


def _mostly_disturbed(samples: list[Sample]) -> bool:
    return 2 * sum(sample.disturbed is True for sample in samples) > len(samples)


_FAILURES_MAX = 3
_START_SECONDS = 30.0
"""For an interpreter to start and the target to be compiled, on the slowest and busiest of machines."""


def _given_up(samples: list[Sample]) -> bool:
    """A program that failed from the start, again and again, will not be right the next time."""
    return len(samples) >= _FAILURES_MAX and all(sample.status != "ok" for sample in samples)


class _Workers:
    """The child processes, one for each state of the GIL, made when first needed and again after each accident."""

    def __init__(self, target: str, argv: Sequence[str], timeout_seconds: float) -> None:
        self._job = {"kind": "measure", "target": target, "argv": list(argv)}
        self._timeout_seconds = timeout_seconds
        self._children: dict[bool, Child] = {}
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._cores = available_cores()

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.close()
        self._complaints.close()

    def run(self, configuration: Configuration, block: int) -> Sample:
        child = self._children.get(configuration.gil)
        if child is None:
            child = self._children[configuration.gil] = self._start(configuration.gil)
        told = child.tell({"parameters": configuration.params, "cores": self._cores[: configuration.cores]})
        answer = child.answer(self._timeout_seconds) if told else None
        if answer is None:
            return self._lost(configuration.gil, child, block)
        if answer["status"] == "usage":
            raise TargetError(answer["message"])
        if answer["status"] != "ok":
            return Sample(block, "failed", message=answer["message"])
        if answer["left_over"]:
            self._drop(configuration.gil)
        return _sample(block, answer, configuration.cores)

    def _start(self, gil: bool) -> Child:
        environment = {"PYTHON_GIL": "1" if gil else "0"} if gil_optional() else None
        child = Child(
            self._job,
            commands=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a program's output, repeated dozens of times, belongs nowhere
            stderr=self._complaints,
            environment=environment,
        )
        answer = child.answer(_START_SECONDS)
        if answer is not None and answer["status"] == "ready":
            return child
        child.close()
        if answer is not None:
            raise TargetError(answer["message"])
        raise MeasureError(f"the program could not be loaded: it {ending(child.process.returncode)}")

    def _drop(self, gil: bool) -> None:
        self._children.pop(gil).close()

    def _lost(self, gil: bool, child: Child, block: int) -> Sample:
        # A child that has closed its pipe is about to end; only one that neither answers nor ends took too long.
        code = child.wait(0.0 if child.running() and not child.gone() else GRACE_SECONDS)
        self._drop(gil)
        if code is None:
            limit = f"no end after {self._timeout_seconds:g} s (a deadlock, or too much work for the limit)"
            return Sample(block, "timeout", message=limit)
        return Sample(block, "crashed", message=f"the program {ending(code)}{self._last_words()}")

    def _last_words(self) -> str:
        size = self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(size - 2000, 0))
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        self._complaints.seek(0, os.SEEK_END)
        return f": {lines[-1]}" if lines else ""


def _sample(block: int, answer: dict[str, Any], cores: int) -> Sample:
    wall: int = answer["wall_ns"]
    delay: int | None = answer["run_delay_ns"]
    threads: int = answer["threads"]
    others: int | None = answer["others_ns"]
    disturbed = None
    if delay is not None and threads <= cores + 1:
        disturbed = delay > RUN_DELAY_SHARE_MAX * wall * min(threads, cores)
    if others is not None:
        disturbed = bool(disturbed) or others > max(OTHERS_SHARE_MAX * wall, OTHERS_NS_MIN)
    return Sample(
        block,
        "ok",
        seconds=wall / 1e9,
        cpu_seconds=answer["cpu_ns"] / 1e9,
        run_delay_seconds=None if delay is None else delay / 1e9,
        others_seconds=None if others is None else others / 1e9,
        threads=threads,
        disturbed=disturbed,
    )

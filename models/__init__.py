"""The shipped workloads: plain threaded Python that can be explored, simulated and run for real.

This file lists them without importing them; a workload knows threads, queues and pools, and nothing of the worlds it
will run in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Workload:
    """One program, wrong and right side by side, as targets for ``weft check``, ``predict`` and ``validate``.

    ``wrong`` is None for a workload that is only there to be measured; ``rule`` is what weft must find in it.
    ``small`` holds the parameters, other than the defaults, at which the right form can be explored to exhaustion;
    ``large`` those at which it does enough real work to be measured: 0.1 to 1.5 s on one core, or sleeping.
    """

    name: str
    right: str
    summary: str
    wrong: str | None = None
    rule: str | None = None
    small: Mapping[str, int | float] = field(default_factory=dict[str, int | float])
    large: Mapping[str, int | float] = field(default_factory=dict[str, int | float])


WORKLOADS = (
    Workload(
        name="dining",
        wrong="weft.models.dining:deadlocking",
        right="weft.models.dining:ordered",
        rule="D001",
        summary="dining philosophers: every one takes the left fork first, or the lower-numbered one",
    ),
    Workload(
        name="bank_transfer",
        wrong="weft.models.bank_transfer:wrong",
        right="weft.models.bank_transfer:right",
        rule="D001",
        summary="two tellers transfer between two accounts in opposite directions",
    ),
    Workload(
        name="queue_pool",
        wrong="weft.models.queue_pool:wrong",
        right="weft.models.queue_pool:right",
        rule="D003",
        summary="a pool made of a queue and threads; in the wrong one nobody calls task_done",
    ),
    Workload(
        name="condition_pool",
        wrong="weft.models.condition_pool:wrong",
        right="weft.models.condition_pool:right",
        rule="D003",
        summary="a pool made of a condition variable; in the wrong one the workers never stop",
    ),
    Workload(
        name="producer_consumer",
        wrong="weft.models.producer_consumer:wrong",
        right="weft.models.producer_consumer:right",
        rule="D003",
        summary="a bounded queue, with and without a lock around it",
    ),
    Workload(
        name="pool_starvation",
        wrong="weft.models.executor:nested",
        right="weft.models.executor:two_pools",
        rule="D005",
        summary="tasks that wait for tasks of their own pool, or of a second one",
    ),
    Workload(
        name="executor",
        right="weft.models.executor:run",
        summary="a ThreadPoolExecutor of sleeping tasks: 4 workers and 8 tasks of 1 s take 2 s",
        small={"workers": 2, "tasks": 3},
    ),
    Workload(
        name="hashing",
        right="weft.models.hashing:run",
        summary="a fixed amount of SHA-256 split over the workers, with the GIL released",
    ),
    Workload(
        name="service",
        wrong="weft.models.service:wrong",
        right="weft.models.service:right",
        rule="D001",
        summary="an inference service: front end, queue, workers, cache, model, and a report of its metrics",
        large={"requests": 64, "question_characters": 5000, "document_bytes": 1 << 20, "tokens": 256, "width": 128},
    ),
)
"""Every shipped workload, in the order of the documentation."""

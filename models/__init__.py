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
    Workload(
        name="pool_map",
        right="weft.models.pool_map:run",
        summary="ThreadPoolExecutor.map over tasks of very different sizes",
        small={"tasks": 3, "units": 0},
    ),
    Workload(
        name="task_bag",
        right="weft.models.task_bag:run",
        summary="a bag of tasks, the last of which is a giant",
        small={"tasks": 2, "units": 0, "giant_units": 0},
    ),
    Workload(
        name="longest_first",
        right="weft.models.task_bag:longest_first",
        summary="the same bag with the giant on top",
        small={"tasks": 2, "units": 0, "giant_units": 0},
    ),
    Workload(
        name="condition_buffer",
        right="weft.models.condition_buffer:run",
        summary="a bounded buffer made of a lock and two conditions",
        small={"items": 1, "capacity": 1, "producer_units": 0, "consumer_units": 0},
    ),
    Workload(
        name="lock_bound",
        right="weft.models.lock_bound:run",
        summary="work of which a share is done inside one lock",
        small={"rounds": 4, "units": 0},
    ),
    Workload(
        name="lock_striping",
        right="weft.models.lock_striping:run",
        summary="a table with a lock for every stripe of its keys",
        small={"updates": 4, "stripes": 2, "inside_units": 0, "outside_units": 0},
    ),
    Workload(
        name="pipeline",
        right="weft.models.pipeline:run",
        summary="steps dealt out to stages with bounded queues between them",
        small={"items": 2, "capacity": 1, "units": 0},
    ),
    Workload(
        name="uneven_barrier",
        right="weft.models.uneven_barrier:run",
        summary="rounds with a barrier after each and unequal shares of a triangular loop",
        small={"rounds": 1, "parts": 2, "units": 0},
    ),
    Workload(
        name="mixed",
        right="weft.models.mixed:run",
        summary="tasks of which a part is pure Python and the rest C code without the GIL",
        small={"tasks": 4, "units": 0},
    ),
    Workload(
        name="pure_python",
        right="weft.models.pure_python:run",
        summary="tasks in pure Python, which the GIL makes one thread",
        small={"tasks": 4, "units": 0},
    ),
    Workload(
        name="cached_service",
        right="weft.models.cached_service:run",
        summary="a service with a cache and a database that it waits for, stampede included",
        small={"requests": 2, "distinct": 1, "units": 0},
    ),
    Workload(
        name="coalescing_service",
        right="weft.models.cached_service:coalesced",
        summary="the same service asking the database once for each key",
        small={"requests": 2, "distinct": 1, "units": 0},
    ),
    Workload(
        name="work_stealing",
        right="weft.models.work_stealing:run",
        summary="sorted tasks in deques, from which idle workers steal",
        small={"tasks": 2, "units": 0},
    ),
    Workload(
        name="static_blocks",
        right="weft.models.work_stealing:static",
        summary="the same tasks without stealing",
        small={"tasks": 2, "units": 0},
    ),
    Workload(
        name="open_loop",
        right="weft.models.open_loop:run",
        summary="requests that arrive by the clock, as a Poisson process",
        small={"requests": 2, "units": 0},
    ),
    Workload(
        name="data_parallel",
        right="weft.models.data_parallel:run",
        summary="training on shards of the examples, with an all-reduce under barriers",
        small={"steps": 1, "shards": 2, "examples": 2, "features": 2},
    ),
    Workload(
        name="fork_join",
        right="weft.models.fork_join:run",
        summary="a sum by halves, each in a thread of its own",
        small={"workers": 4, "items": 4, "units": 0},
    ),
)
"""Every shipped workload, in the order of the documentation."""

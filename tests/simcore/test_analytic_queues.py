"""Waiting lines against queueing theory: M/M/1, M/M/c and M/D/1 in a program of threads and a ``queue.Queue``.

Two things are held apart. That the program's customers wait exactly as long as the theory's recursion says, for the
very arrivals and services drawn, is tested for each of them to the nanosecond. That the mean of many is the formula's
within 2 % is a matter of chance, and has to be made one of size. Waiting times follow each other like the weather: at
one half-busy server the mean of n of them is as good as one of n / 10 independent ones (Daley 1968), and 300,000
customers give a standard error of 1 %. A regression on the means of what is drawn, whose expectations are known
(control variates: Lavenberg and Welch 1981), takes a third off. Each test asserts the standard error it rests on: below
1 %, so that 2 % is more than two of them. The seeds are fixed, so chance has its say only once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from .analytic_kit import compute, erlang_c, run, threads, waiting_times

Floats = npt.NDArray[np.float64]

SERVICE_NS = 1_000_000
BATCHES = 100
"""Long enough to be as good as independent (thousands of customers each), enough for a standard error."""


class Drawn(NamedTuple):
    """Times between arrivals and service times of all customers, in integer nanoseconds."""

    gaps: list[int]
    services: list[int]


def draw(customers: int, servers: int, load: float, seed: int) -> Drawn:
    """Exponential gaps and services, for ``load`` of what the servers can do."""
    chance = np.random.default_rng(seed)
    gaps = chance.exponential(SERVICE_NS / (servers * load), customers)
    services = chance.exponential(SERVICE_NS, customers)
    return Drawn([round(gap) for gap in gaps], [round(service) for service in services])


def waits(drawn: Drawn, servers: int) -> list[int]:
    """What each customer of the simulated program waited for a server, in nanoseconds."""
    gaps, services = drawn
    arrivals = np.cumsum(gaps).tolist()
    found = [-1] * len(gaps)

    def program() -> None:
        import queue
        import time

        coming: queue.Queue[int] = queue.Queue()
        now_ns = time.perf_counter_ns

        def server() -> None:
            while (customer := coming.get()) >= 0:
                found[customer] = now_ns() - arrivals[customer]
                compute(services[customer])

        def source() -> None:
            for customer, gap in enumerate(gaps):
                time.sleep(gap / 1e9)
                coming.put(customer)
            for _ in range(servers):
                coming.put(-1)

        threads([*[server] * servers, source])

    run(program, cores=servers + 1)
    assert found == waiting_times(arrivals, services, servers)
    return found


class Estimate(NamedTuple):
    """A mean and its standard error."""

    mean: float
    error: float


def estimate(values: list[float], controls: list[tuple[list[int], float]]) -> Estimate:
    """The mean of ``values`` as it would be if the means of the controls were their expectations."""

    def batch_means(column: list[float] | list[int]) -> Floats:
        length = len(column) // BATCHES
        return np.asarray(column[: length * BATCHES], dtype=np.float64).reshape(BATCHES, length).mean(axis=1)

    columns = [np.ones(BATCHES), *(batch_means(column) / expected - 1 for column, expected in controls)]
    design = np.column_stack(columns)
    observed = batch_means(values)
    solution = np.linalg.lstsq(design, observed, rcond=None)[0]
    left = observed - design @ solution
    variance = float(left @ left) / (BATCHES - design.shape[1]) * float(np.linalg.inv(design.T @ design)[0, 0])
    return Estimate(float(solution[0]), variance**0.5)


def controls_of(drawn: Drawn, servers: int, load: float) -> list[tuple[list[int], float]]:
    """Gaps, services, and by how much a service is longer than all servers' share of the next gap; all exponential.

    The last one, max(S - c A, 0), has the mean s load / (1 + load): the chance that S is the longer one, times what is
    left of it then, which is a whole service, since it has no memory.
    """
    excess = [max(service - servers * gap, 0) for service, gap in zip(drawn.services, drawn.gaps[1:], strict=False)]
    return [
        (drawn.gaps, SERVICE_NS / (servers * load)),
        (drawn.services, float(SERVICE_NS)),
        (excess, SERVICE_NS * load / (1 + load)),
    ]


def hold(found: Estimate, expected: float) -> None:
    """Within 2 %, by a mean that is good enough to say so, and within what chance allows."""
    assert found.error < 0.01 * expected, "too few customers for the claim"
    assert abs(found.mean - expected) < 0.02 * expected
    assert abs(found.mean - expected) < 3 * found.error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("servers", "load", "customers", "seed"), [(1, 0.5, 300_000, 1), (2, 0.5, 600_000, 2), (3, 0.6, 800_000, 3)]
)
def test_customers_wait_as_erlang_says(servers: int, load: float, customers: int, seed: int) -> None:
    """M/M/c: all c servers are busy with Erlang's C, and the mean wait is C s / (c (1 - load))."""
    drawn = draw(customers, servers, load, seed)
    waited = waits(drawn, servers)
    controls = controls_of(drawn, servers, load)
    busy = erlang_c(servers, servers * load)
    hold(estimate([float(wait) for wait in waited], controls), busy * SERVICE_NS / (servers * (1 - load)))
    hold(estimate([float(wait > 0) for wait in waited], controls), busy)


@pytest.mark.slow
def test_equal_services_halve_the_wait() -> None:
    """M/D/1 (Pollaczek 1930, Khinchine 1932): load s / (2 (1 - load)), half of what exponential services cost."""
    drawn = draw(150_000, 1, 0.5, 4)._replace(services=[SERVICE_NS] * 150_000)
    waited = waits(drawn, 1)
    hold(estimate([float(wait) for wait in waited], [(drawn.gaps, SERVICE_NS / 0.5)]), SERVICE_NS / 2)


def test_erlangs_c_is_what_tables_have() -> None:
    """One server is busy for the load's share; two servers: load 2 r of 1 gives 2 r^2 / (1 + r)."""
    assert erlang_c(1, 0.3) == pytest.approx(0.3)
    assert erlang_c(2, 1.2) == pytest.approx(2 * 0.36 / 1.6)
    assert erlang_c(5, 4.0) == pytest.approx(0.5541, abs=5e-5)


def test_the_estimate_is_free_of_what_the_controls_explain() -> None:
    """A value that is twice its control, whose mean came out 10 % too high, plus 5: 25 and no error."""
    chance = np.random.default_rng(0)
    control = [round(number) for number in 1e6 * chance.normal(11, 1, 10_000)]
    found = estimate([2 * number / 1e6 + 5 for number in control], [(control, 10e6)])
    assert found.mean == pytest.approx(25)
    assert found.error < 1e-9


@pytest.mark.parametrize("servers", [1, 3])
def test_a_short_line_is_exact_too(servers: int) -> None:
    waited = waits(draw(2_000, servers, 0.8, 5), servers)
    assert max(waited) > 0
    assert min(waited) == 0

"""A service that looks in its cache and asks a database on a miss: threads that mostly wait.

The database is ``time.sleep`` behind a limited number of connections; the rest of a request is computed without the
GIL. Keys come round and round, so the first ``distinct`` requests miss. Closed form for N workers on C cores, d the
database's time, c the computed part, r requests of k different keys, N <= k, N dividing r and k, and N connections:

- N <= C: (k (d + c) + (r - k) c) / N;
- for any N, at least r c / C, so that while requests miss, more than N = C (1 + d / c) workers gain nothing (Goetz and
  others, Java Concurrency in Practice, 2006, section 8.2).

``run`` has the cache stampede: look-up and store are two critical sections, and everybody who misses before the first
answer is stored asks the database too, N times for one key when all want it. ``coalesced`` has a lock for each key and
asks once. The answers are the same, so weft must find nothing in either: a stampede costs time, not correctness.
"""

from __future__ import annotations

import queue
import threading
import time

from . import computing
from .marks import marked
from .parameters import at_least


class Database:
    """Answers after ``seconds`` of waiting, for as many askers at a time as it has connections."""

    def __init__(self, seconds: float, connections: int) -> None:
        self.seconds = seconds
        self.connections = threading.Semaphore(connections)

    def fetch(self, key: int) -> int:
        with self.connections:
            time.sleep(self.seconds)
        return computing.scatter(key)


class Service:
    """Answers requests; the cache's ``lock`` guards the rows that were fetched."""

    def __init__(self, database: Database, units: int) -> None:
        self.database = database
        self.units = units
        self.lock = threading.Lock()
        self.rows: dict[int, int] = {}

    def answer(self, key: int) -> int:
        return computing.derive(self.row(key), self.units)

    def row(self, key: int) -> int:
        """What the database says of this key."""
        row = self.look_up(key)
        if row is None:
            row = self.database.fetch(key)
            self.store(key, row)
        return row

    def look_up(self, key: int) -> int | None:
        with self.lock:
            return self.rows.get(key)

    def store(self, key: int, row: int) -> None:
        with self.lock:
            self.rows[key] = row


class CoalescingService(Service):
    """The same, but of those who miss the same key at the same time only one asks."""

    def __init__(self, database: Database, units: int, keys: int) -> None:
        super().__init__(database, units)
        self.locks = [threading.Lock() for _ in range(keys)]

    def row(self, key: int) -> int:
        with self.locks[key]:
            return super().row(key)


def run(
    *,
    workers: int = 2,
    requests: int = 64,
    distinct: int = 16,
    database_seconds: float = 0.01,
    connections: int = 8,
    units: int = 20,
) -> list[int]:
    """Answer ``requests`` requests for ``distinct`` keys on ``workers`` threads; the answers in order."""
    database = _database(distinct, database_seconds, connections, units)
    return _serve(Service(database, units), workers, requests, distinct)


def coalesced(
    *,
    workers: int = 2,
    requests: int = 64,
    distinct: int = 16,
    database_seconds: float = 0.01,
    connections: int = 8,
    units: int = 20,
) -> list[int]:
    """The same answers, with one question to the database for each key."""
    database = _database(distinct, database_seconds, connections, units)
    return _serve(CoalescingService(database, units, distinct), workers, requests, distinct)


def _database(distinct: int, seconds: float, connections: int, units: int) -> Database:
    at_least(1, distinct=distinct, connections=connections)
    at_least(0, database_seconds=seconds, units=units)
    return Database(seconds, connections)


def _serve(service: Service, workers: int, requests: int, distinct: int) -> list[int]:
    at_least(1, workers=workers)
    at_least(0, requests=requests)
    pending: queue.Queue[int | None] = queue.Queue()
    answers = [0] * requests

    def worker() -> None:
        while (number := pending.get()) is not None:
            with marked(f"request {number}"):
                answers[number] = service.answer(number % distinct)

    for number in range(requests):
        pending.put(number)
    for _ in range(workers):
        pending.put(None)
    threads = [threading.Thread(target=worker, name=f"worker-{index}") for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers

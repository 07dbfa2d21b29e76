"""The file of a running recording: takes the events out of the threads' logs and writes them in order of time.

It knows logs, columns and chunks; what the events mean is not its business.
"""

from __future__ import annotations

import _thread
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..simcore.trace import COLUMNS, Header, Tables, TraceWriter
from .thread_log import FORM_BITS, Row, ThreadLog, now

_FORM_MASK = (1 << FORM_BITS) - 1
_TAKEN = 4096
_CHUNK = 8192
"""Events read at a time, and written at a time: so many that arrays stay below the size at which each comes as fresh
pages from the system, which costs more than filling it (benchmarks/recording.py; powers of two around were tried)."""


class LogFile:
    """The file grows by a chunk with every :meth:`flush` and is readable at any moment.

    Within a chunk events are in time order; across chunks one may be late (its thread was interrupted between clock and
    list), so whoever closes the books sorts once more by time.
    """

    def __init__(
        self,
        path: str | Path,
        header: Header,
        tables: Tables,
        tables_lock: _thread.RLock,
        logs: Sequence[ThreadLog],
        forms: Sequence[Row],
    ) -> None:
        self.origin_ns = now()
        self.closed = False
        """Set from outside, nothing is written any more."""
        self._written = 0
        self._late: list[Any] = []
        """What seemed to come from later than the flush that found it: at most one array."""
        self._logs = logs
        self._forms = forms
        self._form_columns: Any = None
        self._tables_lock = tables_lock
        self._writing = _thread.allocate_lock()
        self._writer = TraceWriter(path, header, tables)

    def count(self) -> int:
        """How many events there are, written or not."""
        logged = sum(len(log.stamped) // 2 for log in tuple(self._logs))
        return self._written + sum(len(columns) for columns in self._late) + logged

    def flush(self, *, everything: bool = False) -> None:
        """Write what was logged until now; ``everything`` also what seems to come from later."""
        with self._writing:
            if not self.closed:
                self._flush(everything)

    def close(self) -> None:
        """Write the rest and finish the file. Safe to call twice."""
        with self._writing:
            if self.closed:
                return
            self._flush(True)
            self.closed = True
            self._writer.close()

    def _flush(self, everything: bool) -> None:
        import numpy as np

        horizon_ns = now() - self.origin_ns
        parts = self._late + [self._taken_out(log) for log in tuple(self._logs) if log.stamped]
        if not parts:
            return
        columns = np.concatenate(parts) if len(parts) > 1 else parts[0]
        times = np.ascontiguousarray(columns["time_ns"])
        order = None
        if not (times[1:] >= times[:-1]).all():
            # Stable: each thread keeps its order, and what was late comes first.
            order = np.argsort(times, kind="stable")
            times = times.take(order)
        ready = len(columns)
        if not everything and times[-1] > horizon_ns:
            ready = int(np.searchsorted(times, horizon_ns, side="right"))
        self._late = []
        if ready < len(columns):
            self._late = [columns[ready:] if order is None else columns.take(order[ready:])]
        self._written += ready
        for start in range(0, ready, _CHUNK):
            chunk = slice(start, min(start + _CHUNK, ready))
            # Put in order only here: the rows of all would be fresh pages from the system once more.
            rows = columns[chunk] if order is None else columns.take(order[chunk])
            with self._tables_lock:
                self._writer.append(rows)

    def _taken_out(self, log: ThreadLog) -> Any:
        """What a thread logged until now, as columns, removed from its log."""
        import numpy as np

        count = len(log.stamped) // 2
        columns = np.empty(count, COLUMNS)
        # Read in place: the thread only appends, and nobody else removes.
        stamped = iter(log.stamped)
        for start in range(0, count, _TAKEN):
            rows = columns[start : start + _TAKEN]
            pairs = np.fromiter(stamped, np.int64, 2 * len(rows)).reshape(-1, 2)
            marks = pairs[:, 0]
            self._fill(rows, marks & _FORM_MASK)
            rows["thread"] = log.index
            rows["object"] = marks >> FORM_BITS
            rows["time_ns"] = pairs[:, 1] - self.origin_ns
        del log.stamped[: 2 * count]
        return columns

    def _fill(self, rows: Any, forms: Any) -> None:
        """Give each row its form. The events are there already, so every form they speak of is known."""
        import numpy as np

        if self._form_columns is None:
            self._form_columns = np.empty(0, COLUMNS)
        known = len(self._form_columns)
        if known < len(self._forms):
            self._form_columns = np.concatenate([self._form_columns, np.array(self._forms[known:], COLUMNS)])
        self._form_columns.take(forms, out=rows, mode="clip")

# with: prometheus_client==0.5.0
# without: prometheus_client==0.6.0
# expect: D006
# mechanism: a garbage collector callback takes a lock that the interrupted code holds
# source: https://github.com/prometheus/client_python/issues/322 and #363
"""The metrics are collected, and the garbage collector begins while a metric of its own is being copied under that
metric's lock. Up to 0.5.0 the collector's callback updates this metric, and takes the lock again; from 0.6.0 on there is
no callback."""

import gc

from prometheus_client import REGISTRY, generate_latest
from prometheus_client.gc_collector import GC_COLLECTOR  # noqa: F401 - registers its metrics


class Children(dict):
    def copy(self):
        gc.collect()  # stands for a collection that begins with the allocation of the copy
        return super().copy()


for collector in list(REGISTRY._collector_to_names):
    if getattr(collector, "_name", "") == "python_gc_duration_seconds":
        collector._metrics = Children(collector._metrics)
generate_latest(REGISTRY)

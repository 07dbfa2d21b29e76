# package: prometheus_client==0.26.0
# expect: clean
# options: --instrument prometheus_client
"""Two threads count with one labelled counter while the main thread collects the registry: nothing is lost."""

import threading

from prometheus_client import CollectorRegistry, Counter

registry = CollectorRegistry()
requests = Counter("requests", "Requests served", ["page"], registry=registry)


def serve():
    requests.labels("home").inc()


threads = [threading.Thread(target=serve, name=f"server-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
list(registry.collect())
for thread in threads:
    thread.join()
assert registry.get_sample_value("requests_total", {"page": "home"}) == 2

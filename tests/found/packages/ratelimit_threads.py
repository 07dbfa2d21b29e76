# package: ratelimit==2.2.1
# expect: clean
# options: --instrument ratelimit
"""Two threads call a function limited to one call a minute, sleeping until it is allowed."""

import threading

from ratelimit import limits, sleep_and_retry

calls = []


@sleep_and_retry
@limits(calls=1, period=60)
def request():
    calls.append(1)


threads = [threading.Thread(target=request, name=f"client-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(calls) == 2

# expect: D005
# twin: pool/one_worker_more
"""Every one of 2 workers waits for a task queued behind it."""

from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(2) as pool:

    def outer():
        return pool.submit(int).result()

    for future in [pool.submit(outer) for _ in range(2)]:
        future.result()

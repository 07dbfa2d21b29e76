# expect: clean
"""Tasks wait for tasks of their own pool, which were queued before them and so have started."""

from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(max_workers=1) as pool:
    first = pool.submit(int, 1)
    second = pool.submit(lambda: first.result() + 1)
    assert second.result() == 2

# expect: clean
"""A task fails, and its future keeps the exception."""

from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(1) as pool:
    future = pool.submit(int, "seven")
assert isinstance(future.exception(), ValueError)

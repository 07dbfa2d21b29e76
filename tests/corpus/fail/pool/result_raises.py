# expect: E001
# twin: pool/exception_kept
"""A task fails and nobody catches what result() raises."""

from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(1) as pool:
    pool.submit(int, "seven").result()

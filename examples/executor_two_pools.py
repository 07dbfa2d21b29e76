"""Tasks that wait for tasks of a second pool.

`weft check examples/executor_two_pools.py`: clean, exhaustive, exit code 0.
"""

from weft.models.executor import two_pools

if __name__ == "__main__":
    two_pools()

"""A pool on a condition variable with a stop flag and notify_all.

`weft check examples/condition_pool_right.py`: clean, exhaustive, exit code 0.
"""

from weft.models.condition_pool import right

if __name__ == "__main__":
    right()

"""A pool on a condition variable whose workers never stop.

`weft check examples/condition_pool_wrong.py`: D003, exit code 1.
"""

from weft.models.condition_pool import wrong

if __name__ == "__main__":
    wrong()

"""A pool on a queue whose workers report every task as done.

`weft check examples/queue_pool_right.py`: clean, exhaustive, exit code 0.
"""

from weft.models.queue_pool import right

if __name__ == "__main__":
    right()

"""A pool on a queue on which nobody calls task_done.

`weft check examples/queue_pool_wrong.py`: D003, exit code 1.
"""

from weft.models.queue_pool import wrong

if __name__ == "__main__":
    wrong()

"""Tasks that wait for tasks of their own pool.

`weft check examples/executor_nested.py`: D005, exit code 1.
"""

from weft.models.executor import nested

if __name__ == "__main__":
    nested()

"""A pool of 2 workers and 3 tasks that sleep for a second.

`weft check examples/executor.py`: clean, exhaustive, exit code 0.
`weft predict weft.models.executor:run`: 2.0 s of virtual time, for 4 workers and 8 such tasks.
`weft validate weft.models.executor:run`: 2.0 s for real, within 1 %.
"""

from weft.models.executor import run

if __name__ == "__main__":
    run(workers=2, tasks=3)

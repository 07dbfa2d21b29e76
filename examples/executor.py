"""A pool of 4 workers and 8 tasks that sleep for a second.

`weft predict examples/executor.py`: 2.0 s of virtual time.
`weft validate examples/executor.py`: 2.0 s for real, within 1 %.
`weft check weft.models.executor:run --set workers=2 --set tasks=3`: clean, exhaustive, exit code 0.
"""

from weft.models.executor import run

if __name__ == "__main__":
    run()

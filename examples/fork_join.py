"""A sum by halves, each in a thread of its own.

`weft check examples/fork_join.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.fork_join:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.fork_join import run

if __name__ == "__main__":
    run(workers=4, items=4, units=0)

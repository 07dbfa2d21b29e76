"""A round of a triangular loop with a barrier after it.

`weft check examples/uneven_barrier.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.uneven_barrier:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.uneven_barrier import run

if __name__ == "__main__":
    run(rounds=1, parts=2, units=0)

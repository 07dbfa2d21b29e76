"""Work of which a share is done inside one lock.

`weft check examples/lock_bound.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.lock_bound:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.lock_bound import run

if __name__ == "__main__":
    run(rounds=4, units=0)

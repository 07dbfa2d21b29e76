"""A table with a lock for every stripe of its keys.

`weft check examples/lock_striping.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.lock_striping:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.lock_striping import run

if __name__ == "__main__":
    run(updates=4, stripes=2, inside_units=0, outside_units=0)

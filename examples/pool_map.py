"""A pool's map over tasks of very different sizes.

`weft check examples/pool_map.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.pool_map:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.pool_map import run

if __name__ == "__main__":
    run(tasks=3, units=0)

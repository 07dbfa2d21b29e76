"""Requests that arrive by the clock.

`weft check examples/open_loop.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.open_loop:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.open_loop import run

if __name__ == "__main__":
    run(requests=2, units=0)

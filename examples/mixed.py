"""Tasks of which a part is pure Python and the rest C code without the GIL.

`weft check examples/mixed.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.mixed:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.mixed import run

if __name__ == "__main__":
    run(tasks=4, units=0)

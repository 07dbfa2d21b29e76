"""The sorted tasks in blocks, without stealing.

`weft check examples/work_stealing_static.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.work_stealing:static --set workers=1,2`: at its full size, for real.
"""

from weft.models.work_stealing import static

if __name__ == "__main__":
    static(tasks=2, units=0)

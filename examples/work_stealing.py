"""Sorted tasks in deques, from which idle workers steal.

`weft check examples/work_stealing.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.work_stealing:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.work_stealing import run

if __name__ == "__main__":
    run(tasks=2, units=0)

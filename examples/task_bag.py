"""A bag of tasks with a giant at the bottom.

`weft check examples/task_bag.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.task_bag:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.task_bag import run

if __name__ == "__main__":
    run(tasks=2, units=0, giant_units=0)

"""The bag with the giant on top.

`weft check examples/task_bag_longest_first.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.task_bag:longest_first --set workers=1,2`: at its full size, for real.
"""

from weft.models.task_bag import longest_first

if __name__ == "__main__":
    longest_first(tasks=2, units=0, giant_units=0)

"""Tasks in pure Python.

`weft check examples/pure_python.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.pure_python:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.pure_python import run

if __name__ == "__main__":
    run(tasks=4, units=0)

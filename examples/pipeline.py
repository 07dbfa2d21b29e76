"""Steps dealt out to stages with bounded queues between them.

`weft check examples/pipeline.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.pipeline:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.pipeline import run

if __name__ == "__main__":
    run(items=2, capacity=1, units=0)

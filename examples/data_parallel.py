"""Training on shards of the examples, with an all-reduce under barriers.

`weft check examples/data_parallel.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.data_parallel:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.data_parallel import run

if __name__ == "__main__":
    run(steps=1, shards=2, examples=2, features=2)

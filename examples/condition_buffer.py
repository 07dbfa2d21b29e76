"""A bounded buffer made of a lock and two conditions.

`weft check examples/condition_buffer.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.condition_buffer:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.condition_buffer import run

if __name__ == "__main__":
    run(items=1, capacity=1, producer_units=0, consumer_units=0)

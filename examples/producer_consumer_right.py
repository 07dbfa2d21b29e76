"""A bounded queue that does its own locking.

`weft check examples/producer_consumer_right.py`: clean, exhaustive, exit code 0.
"""

from weft.models.producer_consumer import right

if __name__ == "__main__":
    right()

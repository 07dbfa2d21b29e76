"""A lock around a bounded queue.

`weft check examples/producer_consumer_wrong.py`: D003, exit code 1.
"""

from weft.models.producer_consumer import wrong

if __name__ == "__main__":
    wrong()

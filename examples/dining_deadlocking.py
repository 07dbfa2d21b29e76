"""Philosophers who all take the left fork first.

`weft check examples/dining_deadlocking.py`: D001, exit code 1.
"""

from weft.models.dining import deadlocking

if __name__ == "__main__":
    deadlocking()

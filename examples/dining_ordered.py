"""Philosophers who take the fork with the lower number first.

`weft check examples/dining_ordered.py`: clean, exhaustive, exit code 0.
"""

from weft.models.dining import ordered

if __name__ == "__main__":
    ordered()

"""The inference service with the report fixed.

`weft check examples/service_right.py`: clean, exhaustive, exit code 0.
"""

from weft.models.service import right

if __name__ == "__main__":
    right()

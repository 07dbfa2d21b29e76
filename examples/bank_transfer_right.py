"""Two tellers transfer in opposite directions and lock the lower account number first.

`weft check examples/bank_transfer_right.py`: clean, exhaustive, exit code 0.
"""

from weft.models.bank_transfer import right

if __name__ == "__main__":
    right()

"""Two tellers transfer in opposite directions.

`weft check examples/bank_transfer_wrong.py`: D001, exit code 1.
"""

from weft.models.bank_transfer import wrong

if __name__ == "__main__":
    wrong()

"""An inference service whose report and look-up take two locks in opposite orders.

`weft check examples/service_wrong.py`: D001, exit code 1.
"""

from weft.models.service import wrong

if __name__ == "__main__":
    wrong()

"""``python -m weft``: the same command as the console script ``weft``."""

import sys

from weft.cli import main

if __name__ == "__main__":
    sys.exit(main())

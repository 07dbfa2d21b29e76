"""SHA-256 over 256 MiB, split over threads that release the GIL.

`weft check examples/hashing.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.hashing:run --set workers=1,2`: a speedup near 2 on two cores.
"""

from weft.models.hashing import run

if __name__ == "__main__":
    run(workers=2)

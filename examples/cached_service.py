"""A service with a cache and a database that it waits for.

`weft check examples/cached_service.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.cached_service:run --set workers=1,2`: at its full size, for real.
"""

from weft.models.cached_service import run

if __name__ == "__main__":
    run(requests=2, distinct=1, units=0)

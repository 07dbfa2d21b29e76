"""The cached service asking its database once for each key.

`weft check examples/cached_service_coalesced.py`: clean, exhaustive, exit code 0.
`weft validate weft.models.cached_service:coalesced --set workers=1,2`: at its full size, for real.
"""

from weft.models.cached_service import coalesced

if __name__ == "__main__":
    coalesced(requests=2, distinct=1, units=0)

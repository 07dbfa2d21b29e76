# package: joblib==1.6.0
# expect: bounded
"""Three calls through Parallel with two threads; the results come in the order of the calls."""

from joblib import Parallel, delayed

assert Parallel(n_jobs=2, backend="threading")(delayed(len)(word) for word in ("a", "bb", "ccc")) == [1, 2, 3]

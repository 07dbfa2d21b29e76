# package: reactivex==6.1.0
# expect: clean
"""Three values observed on a new thread arrive in order, then the completion."""

import threading

import reactivex
from reactivex import operators
from reactivex.scheduler import NewThreadScheduler

seen = []
done = threading.Event()
reactivex.of(1, 2, 3).pipe(operators.observe_on(NewThreadScheduler())).subscribe(
    on_next=seen.append, on_completed=done.set
)
done.wait()
assert seen == [1, 2, 3]

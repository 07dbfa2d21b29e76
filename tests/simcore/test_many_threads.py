"""Ten thousand virtual threads fit into a gigabyte, in a process of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from weft.simcore.takeover import takeover
from weft.simcore.timed import TimedWorld
from weft.simcore.work import work

def program():
    import threading
    lock, go = threading.Lock(), threading.Event()

    def body():
        go.wait()
        work(1e-5, gil=False)
        with lock:
            work(1e-6)

    threads = [threading.Thread(target=body) for _ in range(10_000)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()

with takeover():
    run = TimedWorld(cores=8, measure=False).run(program)
assert run.completed, run
print(len(run.threads), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_ten_thousand_threads_that_wait_at_once_need_less_than_a_gigabyte() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    threads, kibibytes = map(int, done.stdout.split())
    assert threads == 10_001
    assert kibibytes < 1024 * 1024

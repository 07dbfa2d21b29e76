# package: pyee==13.0.1
# expect: clean
# options: --instrument pyee
"""An ExecutorEventEmitter calls its handlers on a thread pool; leaving the block waits for them."""

from pyee.executor import ExecutorEventEmitter

seen = []
with ExecutorEventEmitter() as emitter:
    emitter.on("data", seen.append)
    emitter.emit("data", 1)
    emitter.emit("data", 2)
assert sorted(seen) == [1, 2]

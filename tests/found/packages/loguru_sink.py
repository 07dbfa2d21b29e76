# package: loguru==0.7.3
# expect: clean
# options: --instrument loguru
"""Two threads log to one sink: every message arrives once and whole."""

import threading

from loguru import logger

lines = []
logger.remove()
sink = logger.add(lines.append, format="{message}")
threads = [threading.Thread(target=logger.info, args=(f"message {n}",), name=f"writer-{n}") for n in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
logger.remove(sink)
assert sorted(lines) == ["message 1\n", "message 2\n"]

# package: janus==2.0.0
# expect: clean
"""A thread puts into the synchronous side of a janus queue, the event loop takes from the other side."""

import asyncio
import threading

import janus


async def main():
    queue = janus.Queue()
    producer = threading.Thread(target=queue.sync_q.put, args=("letter",), name="producer")
    producer.start()
    assert await queue.async_q.get() == "letter"
    producer.join()
    await queue.aclose()


asyncio.run(main())

# with: loguru==0.6.0
# without: loguru==0.7.0
# expect: D006
# mechanism: a finalizer runs under a lock that is not re-entrant, and takes it
# source: https://github.com/Delgan/loguru/issues/712
"""An object that logs when it is finalized is freed while a message is being written. Up to 0.6.0 the handler's lock is
taken a second time by the same thread; from 0.7.0 on the second message is refused with an error."""

from loguru import logger


class Resource:
    def __del__(self):
        logger.info("resource freed")


resources = [Resource()]


def sink(message):
    resources.clear()  # stands for a garbage collection that begins here


logger.remove()
logger.add(sink)
logger.info("hello")
logger.remove()

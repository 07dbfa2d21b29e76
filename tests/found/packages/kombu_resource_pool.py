# package: kombu==5.7.0
# expect: clean
# options: --instrument kombu.resource
"""Two threads acquire the only producer of a kombu Resource, blocking, and release it."""

import threading

from kombu.resource import Resource


class Producer:
    """Kombu gives it a method release()."""


class Producers(Resource):
    def setup(self):
        self._resource.put_nowait(Producer())

    def prepare(self, resource):
        return resource

    def close_resource(self, resource):
        pass


producers = Producers(limit=1)


def send():
    producers.acquire(block=True).release()


threads = [threading.Thread(target=send, name=f"sender-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

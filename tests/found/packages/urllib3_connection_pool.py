# package: urllib3==2.8.0
# expect: clean
"""Two threads request through one blocking HTTPConnectionPool of a single connection, whose socket is a stand-in: the
second waits for the first."""

import io
import threading

import urllib3
from urllib3.connection import HTTPConnection

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
using = []


class Socket:
    """What http.client asks of a socket."""

    def sendall(self, data):
        using.append(self)
        assert using == [self], "two requests at once on one connection"

    def makefile(self, mode):
        using.remove(self)
        return io.BytesIO(ANSWER)

    def settimeout(self, timeout):
        pass

    def setsockopt(self, *args):
        pass

    def shutdown(self, how):
        pass

    def close(self):
        pass


class Connection(HTTPConnection):
    def _new_conn(self):
        return Socket()

    @property
    def is_connected(self):
        return self.sock is not None


class Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = Connection


pool = Pool("example.invalid", maxsize=1, block=True)


def request():
    answer = pool.request("GET", "/", retries=False)
    assert answer.data == b"hi"


threads = [threading.Thread(target=request, name=f"request-{number}") for number in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

# with: urllib3==1.26.15
# without: urllib3==1.26.16
# expect: E001
# options: --instrument urllib3.connectionpool,urllib3.poolmanager,urllib3._collections
# mechanism: a full cache closes what another thread has just taken from it
# source: https://github.com/urllib3/urllib3/issues/1252
"""Two threads request from two hosts through a PoolManager that keeps one pool. Up to 1.26.15 (and 2.0.2) the pool of
the first host is closed when the second evicts it, even when a thread is about to use it."""

import io
import threading

import urllib3
from urllib3 import connectionpool
from urllib3.connection import HTTPConnection


class Socket:
    """What http.client asks of a socket."""

    def sendall(self, data):
        pass

    def makefile(self, mode):
        return io.BytesIO(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

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


class Pool(connectionpool.HTTPConnectionPool):
    ConnectionCls = Connection


manager = urllib3.PoolManager(num_pools=1)
manager.pool_classes_by_scheme = {"http": Pool}


def request(host):
    assert manager.request("GET", f"http://{host}/", retries=False).status == 200


threads = [threading.Thread(target=request, args=(host,), name=host) for host in ("one.invalid", "two.invalid")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

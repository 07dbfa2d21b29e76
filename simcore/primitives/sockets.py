"""``socket.socketpair``: two sockets connected by two channels. Any other socket leads outside and is refused.

Knows channels and their descriptors, no network. ``socket`` is imported by few programs and slow to import, so this
room is used only once it is there (``simcore.late``).
"""

from __future__ import annotations

import socket as _socket
import sys
from typing import Any

from .. import world as _world
from ..refusals import refuse
from .channel import SocketChannel
from .descriptors import End

real_socketpair = _socket.socketpair
RealSocket = _socket.socket
_MSG_PEEK, _MSG_DONTWAIT = int(_socket.MSG_PEEK), int(getattr(_socket, "MSG_DONTWAIT", 0))
_UNKNOWN = (
    *("accept", "bind", "connect", "connect_ex", "listen", "dup", "detach", "recvfrom", "recvfrom_into", "sendto"),
    *("recvmsg", "recvmsg_into", "sendmsg", "sendmsg_afalg", "ioctl", "share", "sendfile"),
)


class PairSocket(RealSocket):
    """One of a pair. The real class is its base, without a descriptor, so that type checks see a socket."""

    __slots__ = ("_end",)

    def __init__(self, end: End) -> None:
        self._end = end
        self._io_refs = 0
        self._closed = False

    @property
    def family(self) -> Any:
        return getattr(_socket, "AF_UNIX", _socket.AF_INET)

    @property
    def type(self) -> Any:
        return _socket.SOCK_STREAM

    @property
    def proto(self) -> int:
        return 0

    @property
    def timeout(self) -> float | None:
        return self._end.timeout

    def fileno(self) -> int:
        return -1 if self._closed else self._end.number

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        end = self._end
        if not flags & _MSG_DONTWAIT:
            return end.read(bufsize, bool(flags & _MSG_PEEK))
        before, end.timeout = end.timeout, 0
        try:
            return end.read(bufsize, bool(flags & _MSG_PEEK))
        finally:
            end.timeout = before

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer).cast("B")
        data = self.recv(nbytes or len(view), flags)
        view[: len(data)] = data
        return len(data)

    def send(self, data: Any, flags: int = 0, /) -> int:
        return self._end.write(data, whole=False)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        end = self._end
        view = memoryview(bytes(data))
        while view:
            view = view[end.write(view, whole=False) :]

    def shutdown(self, how: int, /) -> None:
        end = self._end
        if how in (_socket.SHUT_RD, _socket.SHUT_RDWR):
            end.shut(True)
        if how in (_socket.SHUT_WR, _socket.SHUT_RDWR):
            end.shut(False)

    def setblocking(self, flag: bool, /) -> None:
        self._end.timeout = None if flag else 0

    def settimeout(self, value: float | None, /) -> None:
        if value is not None and value < 0:
            raise ValueError("Timeout value out of range")
        self._end.timeout = value

    def gettimeout(self) -> float | None:
        return self._end.timeout

    def getblocking(self) -> bool:
        return self._end.timeout != 0

    def getsockname(self) -> str:
        return ""

    def getpeername(self) -> str:
        return ""

    def setsockopt(self, *args: Any) -> None:
        return

    def getsockopt(self, *args: Any) -> Any:
        return 0

    def get_inheritable(self) -> bool:
        return False

    def set_inheritable(self, inheritable: bool) -> None:
        return

    def _real_close(self, *_: Any) -> None:
        world = self._end.world
        if _world.active is world and not world.closing:
            self._end.close()

    def __del__(self) -> None:
        end = getattr(self, "_end", None)
        if end is not None and not self._closed:
            self._closed = True
            self._real_close()

    def __repr__(self) -> str:
        return f"<socket.socket fd={self.fileno()}, family={self.family}, type={self.type}, proto=0>"


def _unknown(name: str) -> Any:
    def refused(self: PairSocket, *args: Any, **kwargs: Any) -> Any:
        advice = "use send, recv, makefile and close"
        refuse(f"calls {name}() of a socket pair", advice, sys._getframe(1))

    refused.__name__ = name
    return refused


for _name in _UNKNOWN:
    if hasattr(RealSocket, _name):
        setattr(PairSocket, _name, _unknown(_name))


def socketpair(family: Any = None, type: Any = _socket.SOCK_STREAM, proto: int = 0) -> tuple[Any, Any]:  # noqa: A002
    """``socket.socketpair``."""
    world = _world.active
    if world is None or world.closing:
        return real_socketpair(family, type, proto)
    if type & ~(getattr(_socket, "SOCK_NONBLOCK", 0) | getattr(_socket, "SOCK_CLOEXEC", 0)) != _socket.SOCK_STREAM:
        refuse("makes a pair of datagram sockets", "use a stream (the default), or a queue", sys._getframe(1))
    there, back = SocketChannel(world), SocketChannel(world)
    pair = PairSocket(End(world, back, there)), PairSocket(End(world, there, back))
    if type & getattr(_socket, "SOCK_NONBLOCK", 0):
        for one in pair:
            one.setblocking(False)
    return pair


def replacements() -> list[tuple[Any, str, Any]]:
    """Rows for the takeover's table."""
    return [(_socket, "socketpair", socketpair)]

"""An HTTP proxy that knows a few hosts, and notes who asks for any other."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from mcp_vacuum.lab.listener import Listener, join

_LARGEST_HEAD = 65536


class Gateway(Listener):
    """Tunnels to known hosts and refuses all others, from `with` to its end.

    With it, invented names are servers of a network of their own, and no address of another is ever reached.

    Args:
        ways: By host name, the port on 127.0.0.1 that answers for it.
    """

    def __init__(self, ways: Mapping[str, int]) -> None:
        super().__init__(self._answer, "lab-gateway")
        self._ways = dict(ways)
        self._refused: list[str] = []

    @property
    def url(self) -> str:
        """What goes into HTTPS_PROXY."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def refused(self) -> tuple[str, ...]:
        """What was asked for and not reached: `https://HOST:PORT`, or the whole http URL."""
        return tuple(self._refused)

    def _answer(self, came: socket.socket) -> None:
        method, target = _asked(came)
        port = self._ways.get(target.rpartition(":")[0].lower()) if method == "CONNECT" else None
        if port is None:
            self._refused.append(f"https://{target}" if method == "CONNECT" else target)
            came.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            self._tunnel(came, port)

    def _tunnel(self, came: socket.socket, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server, self.keeping(server):
            came.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            came.settimeout(None)
            join(came, server)


def _asked(came: socket.socket) -> tuple[str, str]:
    """Return method and target of a request.

    Raises:
        ValueError: It is none, or too long.
    """
    head = b""
    while b"\r\n\r\n" not in head:
        piece = came.recv(4096)
        if not piece or len(head) > _LARGEST_HEAD:
            raise ValueError("no request")
        head += piece
    method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
    return method, target

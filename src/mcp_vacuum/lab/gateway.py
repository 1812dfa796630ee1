"""An HTTP proxy that knows a few hosts, and notes who asks for any other."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from mcp_vacuum.lab.encrypted import copy

_PATIENCE = 10.0
_LARGEST_HEAD = 65536


class Gateway:
    """Tunnels to known hosts and refuses all others, from `with` to its end.

    With it, invented names are servers of a network of their own, and no address of another is ever reached.

    Args:
        ways: By host name, the port on 127.0.0.1 that answers for it.
    """

    def __init__(self, ways: Mapping[str, int]) -> None:
        self._ways = dict(ways)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._refused: list[str] = []
        self._stopping = False
        self._accepting = threading.Thread(target=self._accept, name="lab-gateway", daemon=True)

    @property
    def url(self) -> str:
        """What goes into HTTPS_PROXY."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def refused(self) -> tuple[str, ...]:
        """What was asked for and not reached: `https://HOST:PORT`, or the whole http URL."""
        with self._lock:
            return tuple(self._refused)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):
            socket.create_connection(self._listener.getsockname(), 1).close()
        self._accepting.join(5)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for each in left:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._stopping:
            with contextlib.suppress(OSError):
                came, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(came,), daemon=True).start()

    def _serve(self, came: socket.socket) -> None:
        came.settimeout(_PATIENCE)
        with self._lock:
            self._open.add(came)
        with contextlib.suppress(OSError, ValueError), came:
            method, target = _asked(came)
            port = self._ways.get(target.rpartition(":")[0].lower()) if method == "CONNECT" else None
            if port is None:
                self._refuse(came, method, target)
            else:
                self._tunnel(came, port)
        with self._lock:
            self._open.discard(came)

    def _refuse(self, came: socket.socket, method: str, target: str) -> None:
        with self._lock:
            self._refused.append(f"https://{target}" if method == "CONNECT" else target)
        came.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def _tunnel(self, came: socket.socket, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            came.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            came.settimeout(None)
            back = threading.Thread(target=copy, args=(server, came), daemon=True)
            back.start()
            copy(came, server)
            back.join()


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

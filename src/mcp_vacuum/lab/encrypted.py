"""TLS before a port of this machine: what comes in is handed on, and who hangs up is counted."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from types import TracebackType
from typing import Self

_PATIENCE = 10.0
_PIECE = 65536


class Encrypted:
    """An https origin before an http one, from `with` to its end.

    Args:
        port: Of the http origin on 127.0.0.1.
        context: The server's side, with a certificate.
    """

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._behind, self._context = port, context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._stopping = False
        self._accepting = threading.Thread(target=self._accept, name="lab-encrypted", daemon=True)
        self.met = 0
        """Connections that came, whatever became of them."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._accepting.join(5)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for each in left:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                came, _ = self._listener.accept()
                if self._stopping:
                    came.close()
                    return
                self.met += 1
                threading.Thread(target=self._serve, args=(came,), daemon=True).start()
            if self._stopping:
                return

    def _serve(self, came: socket.socket) -> None:
        came.settimeout(_PATIENCE)
        with contextlib.suppress(OSError), came, self._context.wrap_socket(came, server_side=True) as client:
            client.settimeout(None)
            with socket.create_connection(("127.0.0.1", self._behind)) as server:
                self._join(client, server)

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        with self._lock:
            self._open |= {client, server}
        back = threading.Thread(target=copy, args=(server, client), daemon=True)
        back.start()
        copy(client, server)
        back.join()
        with self._lock:
            self._open -= {client, server}


def copy(source: socket.socket, target: socket.socket) -> None:
    """Hand on until one side ends, and end the other."""
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)

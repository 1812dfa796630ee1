"""TLS before a port of this machine: what comes in is handed on, and who hangs up is counted."""

from __future__ import annotations

import socket
import ssl

from mcp_vacuum.lab.listener import Listener, join


class Encrypted(Listener):
    """An https origin before an http one, from `with` to its end.

    Args:
        port: Of the http origin on 127.0.0.1.
        context: The server's side, with a certificate.
    """

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(self._front, "lab-encrypted")
        self._behind, self._context = port, context

    def _front(self, came: socket.socket) -> None:
        with self._context.wrap_socket(came, server_side=True) as client:
            client.settimeout(None)
            with (
                socket.create_connection(("127.0.0.1", self._behind)) as server,
                self.keeping(client, server),
            ):
                join(client, server)

"""A protected server that is reached through a proxy only, and whose certificate its own authority signed."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from mcp_vacuum.drivers.route import Route
from mcp_vacuum.safety.secret import Secret
from tests.drivers.wire import Wire, answer, over_tls, self_signed, serving, tunnel

ISSUER = "https://mcp.example"
SERVER = f"{ISSUER}/mcp"
PASSWORD = "proxy-password-0123456789"

_PAGES: dict[str, dict[str, Any]] = {
    "/.well-known/oauth-protected-resource/mcp": {"resource": SERVER, "authorization_servers": [ISSUER]},
    "/.well-known/oauth-authorization-server": {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
    },
    "/revoke": {},
}


@dataclass(frozen=True)
class Company:
    """What was seen of us at its proxy.

    Attributes:
        wire: Its proxy, and the server behind it.
        route: The way to it, with the proxy's user and password.
    """

    wire: Wire
    route: Route

    def in_environment(self, patch: pytest.MonkeyPatch) -> None:
        """Set the environment of a shell inside this company."""
        assert self.route.proxy is not None
        assert self.route.ca_file is not None
        patch.setenv("HTTPS_PROXY", self.route.proxy.reveal())
        patch.setenv("SSL_CERT_FILE", self.route.ca_file)

    @property
    def paths(self) -> list[str]:
        """What the server was asked for."""
        lines = [request.split(b" ", 2) for request in self.wire.requests]
        return [path.decode() for method, path, _ in lines if method != b"CONNECT"]

    @property
    def grants(self) -> list[str]:
        """The grants that the token endpoint was asked for."""
        asked = [request for request in self.wire.requests if request.startswith(b"POST /token ")]
        return [parse_qs(each.partition(b"\r\n\r\n")[2].decode())["grant_type"][0] for each in asked]


@contextmanager
def company(folder: Path) -> Iterator[Company]:
    """Open the company's proxy on loopback; its certificate is written to `folder`."""
    certificate = self_signed(folder / "company.pem", "mcp.example")
    with serving(tunnel(over_tls(_Server(), certificate))) as wire:
        proxy = Secret(f"http://me:{PASSWORD}@127.0.0.1:{wire.port}")
        yield Company(wire, Route(proxy, str(certificate)))


def outside(patch: pytest.MonkeyPatch) -> None:
    """Set the environment of a shell that knows no proxy and no certificates."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        patch.delenv(name, raising=False)
        patch.delenv(name.lower(), raising=False)
    patch.delenv("SSL_CERT_FILE", raising=False)
    patch.delenv("SSL_CERT_DIR", raising=False)


class _Server:
    """Answers by path; every token is another one."""

    def __init__(self) -> None:
        self._issued = 0

    def __call__(self, wire: Wire, connection: socket.socket) -> None:
        while request := wire.read_request(connection):
            connection.sendall(self._answer(request.split(b" ", 2)[1].decode()))

    def _answer(self, path: str) -> bytes:
        if path == "/token":
            self._issued += 1
            tokens = {
                "access_token": f"access-{self._issued}-0123456789",
                "refresh_token": f"refresh-{self._issued}-0123456789",
                "token_type": "Bearer",
                "expires_in": 3600,
            }
            return answer(json.dumps(tokens).encode(), "200 OK", "Content-Type: application/json")
        if path in _PAGES:
            return answer(json.dumps(_PAGES[path]).encode(), "200 OK", "Content-Type: application/json")
        metadata = f"{ISSUER}/.well-known/oauth-protected-resource/mcp"
        return answer(
            b"", "401 Unauthorized", f'WWW-Authenticate: Bearer resource_metadata="{metadata}", scope="read"'
        )

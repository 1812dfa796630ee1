"""A server that lies: MCP server and authorization server in one, every answer of which a test can replace.

By default it is a plausible pair: metadata that fits, open registration, an authorization endpoint that sends
the browser straight back with a code, a token endpoint that gives tokens. It keeps every request.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

PRM = "/.well-known/oauth-protected-resource"
METADATA = "/.well-known/oauth-authorization-server"
REDIRECTS = (301, 302, 303, 307, 308)
STOLEN = "attackers-code"


@dataclass(frozen=True)
class Got:
    """One request, as it came."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The first value of each parameter of a form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode("latin-1")).items()}

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def holds(self, secret: str) -> bool:
        """True if a value stands anywhere in the request."""
        from urllib.parse import unquote_plus

        whole = "\n".join([self.path, *(f"{k}: {v}" for k, v in self.headers), self.body.decode("latin-1")])
        values = [value for values in self.query.values() for value in values]
        return secret in whole or secret in unquote_plus(whole) or any(secret in value for value in values)


@dataclass(frozen=True)
class Reply:
    """An answer: a document, a text, or bytes as long as somebody reads them."""

    status: int = 200
    body: object = b""
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    """Sent instead of everything else, status line included."""

    @classmethod
    def to(cls, location: str, status: int = 302) -> Reply:
        """A redirect."""
        return cls(status, b"", (("Location", location),))

    @classmethod
    def document(cls, text: str | bytes, status: int = 200) -> Reply:
        """JSON as it stands, valid or not."""
        return cls(status, text, (("Content-Type", "application/json"),))


Answer = Reply | Callable[[Got], Reply]


@dataclass
class Hostile:
    """One origin.

    Attributes:
        tls: Certificate and key for a server with a name; None for plain HTTP on loopback.
        name: Its host name, where it has one.
        answers: Path to answer, before anything else; a path that ends in ``*`` is a prefix.
        resource_metadata, metadata, registered, granted: Members to replace in the documents; None drops one.
        challenge: `WWW-Authenticate` of the 401.
        callback: More parameters of the redirect back, a list each; an empty list drops one.
    """

    tls: tuple[str, str] | None = None
    name: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    resource_metadata: dict[str, object] = field(default_factory=dict)
    metadata: dict[str, object] = field(default_factory=dict)
    registered: dict[str, object] = field(default_factory=dict)
    granted: dict[str, object] = field(default_factory=dict)
    challenge: str | None = None
    callback: dict[str, list[str]] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)
    sent: int = 0
    """Bytes of bodies that somebody took."""

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hostile = self
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    # --- what it is -----------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def origin(self) -> str:
        return f"https://{self.name}" if self.name else f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The MCP server that the victim was told to use."""
        return f"{self.origin}/mcp"

    # --- what it saw ----------------------------------------------------------------------------------

    def to(self, path: str) -> list[Got]:
        """Requests whose path ends so."""
        return [got for got in self.got if got.path.endswith(path)]

    def saw(self, what: str, *secrets: str) -> list[str]:
        """Say which requests held one of these values."""
        return [
            f"{what} at {got.method} {got.path}"
            for got in self.got
            if any(secret and got.holds(secret) for secret in secrets)
        ]

    def forms(self, path: str, *names: str) -> list[str]:
        """Say which of these parameters came to a path."""
        return [f"{name} at {path}" for got in self.to(path) for name in names if name in got.form]

    # --- what it says ---------------------------------------------------------------------------------

    def reply(self, got: Got) -> Reply:
        """Answer one request."""
        answer = self._chosen(got.path)
        if answer is not None:
            return answer(got) if callable(answer) else answer
        path = got.path
        if path.startswith(PRM):
            return self._json(self.resource_document)
        if path.startswith((METADATA, "/.well-known/openid-configuration")):
            return self._json(self.document)
        handlers = {
            "/mcp": self._challenge,
            "/register": self._register,
            "/authorize": self._back,
            "/token": self._grant,
            "/revoke": lambda _: Reply(),
            "/device": self._device,
        }
        handler = handlers.get(path)
        return handler(got) if handler else Reply(404)

    @property
    def resource_document(self) -> dict[str, object]:
        own: dict[str, object] = {"resource": self.url, "authorization_servers": [self.origin]}
        return {name: value for name, value in (own | self.resource_metadata).items() if value is not None}

    @property
    def document(self) -> dict[str, object]:
        endpoints = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "registration_endpoint": "register",
            "revocation_endpoint": "revoke",
            "device_authorization_endpoint": "device",
        }
        own: dict[str, object] = {
            "issuer": self.origin,
            "code_challenge_methods_supported": ["S256"],
            "response_types_supported": ["code"],
            **{member: f"{self.origin}/{path}" for member, path in endpoints.items()},
        }
        return {name: value for name, value in (own | self.metadata).items() if value is not None}

    def _chosen(self, path: str) -> Answer | None:
        exact = self.answers.get(path)
        if exact is not None:
            return exact
        prefixes = (key for key in self.answers if key.endswith("*") and path.startswith(key[:-1]))
        found = next(prefixes, None)
        return self.answers[found] if found else None

    def _challenge(self, got: Got) -> Reply:
        if got.header("authorization"):
            return self._json({"jsonrpc": "2.0", "id": 1, "result": {}})
        hint = self.challenge or f'Bearer resource_metadata="{self.origin}{PRM}/mcp"'
        return Reply(401, b"", (("WWW-Authenticate", hint),))

    def _register(self, got: Got) -> Reply:
        asked = got.json
        return self._json({**asked, "client_id": "victim-at-attacker", **self.registered}, 201)

    def _back(self, got: Got) -> Reply:
        asked = {name: values[0] for name, values in got.query.items()}
        answer = {"code": [STOLEN], "state": [asked.get("state", "")], **self.callback}
        joint = "&" if "?" in asked["redirect_uri"] else "?"
        return Reply.to(f"{asked['redirect_uri']}{joint}{urlencode(answer, doseq=True)}")

    def _grant(self, _got: Got) -> Reply:
        token = {
            "access_token": "attackers-access-token",
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": "attackers-refresh-token",
        }
        return self._json({k: v for k, v in {**token, **self.granted}.items() if v is not None})

    def _device(self, _got: Got) -> Reply:
        return self._json(
            {
                "device_code": "dc",
                "user_code": "ABCD-EFGH",
                "verification_uri": f"{self.origin}/device",
                "expires_in": 60,
                "interval": 1,
                **self.granted,
            }
        )

    @staticmethod
    def _json(document: object, status: int = 200) -> Reply:
        return Reply.document(json.dumps(document), status)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    hostile: Hostile

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up on us is what we are here for."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 20
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def do_GET(self) -> None:
        hostile = self.server.hostile
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = parse_qs(parts.query, keep_blank_values=True)
        got = Got(self.command, parts.path, query, list(self.headers.items()), body)
        hostile.got.append(got)
        self._send(hostile, hostile.reply(got))

    do_POST = do_DELETE = do_GET

    def _send(self, hostile: Hostile, reply: Reply) -> None:
        self.close_connection = True
        if reply.raw is not None:
            self.wfile.write(reply.raw)
            return
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Connection", "close")
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        if isinstance(body, bytes):
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            hostile.sent += len(body)
            return
        self.end_headers()
        assert isinstance(body, Iterable)
        for chunk in body:
            self.wfile.write(chunk)
            self.wfile.flush()
            hostile.sent += len(chunk)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""

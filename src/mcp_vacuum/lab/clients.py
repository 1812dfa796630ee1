"""Registered clients: who they are, where they may be redirected, how they prove themselves."""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import SplitResult, unquote_plus, urlsplit

from mcp_vacuum.lab.assertions import METHOD, TYPE, Assertions, named_in
from mcp_vacuum.lab.faults import Faults
from mcp_vacuum.lab.jose import PublicKey
from mcp_vacuum.lab.messages import Refusal, Request, only

LOOPBACK = ("127.0.0.1", "::1", "localhost")
MOST_GUESSES = 10
"""Wrong secrets of one client in a row; after that nobody is let in as it for a while."""
PAUSE = 5.0
"""Seconds that it takes."""
LARGEST_DOCUMENT = 64 * 1024
"""Bytes of a client ID metadata document."""


@dataclass(frozen=True, slots=True)
class Client:
    """One client as the authorization server knows it.

    `secret_expires_at` is Unix time in seconds, 0 for never (RFC 7591 §3.2.1).
    """

    client_id: str
    redirect_uris: tuple[str, ...]
    auth_method: str = "none"
    secret: str | None = field(default=None, repr=False)
    secret_expires_at: float = 0
    registration_token: str | None = field(default=None, repr=False)
    name: str = ""
    keys: tuple[PublicKey, ...] = ()


class Clients:
    """The registrations of one authorization server.

    Args:
        any_loopback_port: Ignore the port of loopback redirect URIs (RFC 8252 §7.3).
        metadata_documents: Take the URL of a client ID metadata document for a client_id.
        faults: What is wrong with it.
        issuer: Whom client assertions have to be addressed to.
    """

    def __init__(
        self,
        *,
        any_loopback_port: bool,
        metadata_documents: bool,
        faults: Faults | None = None,
        issuer: str = "",
    ) -> None:
        self.faults = faults or Faults()
        self._assertions = Assertions(issuer, self.faults)
        self._any_port = any_loopback_port
        self._metadata_documents = metadata_documents
        self._lock = threading.Lock()
        self._known: dict[str, Client] = {}
        self._secrets: list[str] = []
        self._wrong: dict[str, tuple[int, float]] = {}

    def add(self, client: Client) -> Client:
        """Register a client, or replace the one of that id."""
        with self._lock:
            self._known[client.client_id] = client
            self._secrets += [secret for secret in (client.secret, client.registration_token) if secret]
        return client

    def find(self, client_id: str) -> Client | None:
        """The client of that id; its metadata document is fetched once, unless it was forgotten."""
        with self._lock:
            known = self._known.get(client_id)
        if known or not self._metadata_documents:
            return known
        described = _from_metadata_document(client_id)
        return self.add(described) if described else None

    def forget(self, client_id: str | None = None) -> None:
        """Drop one registration, or all."""
        with self._lock:
            if client_id is None:
                self._known.clear()
            else:
                self._known.pop(client_id, None)

    def secrets_issued(self) -> tuple[str, ...]:
        """Every client secret and registration access token, oldest first."""
        with self._lock:
            return tuple(self._secrets)

    def may_redirect(self, client: Client, uri: str) -> bool:
        """Whether the client registered this redirect URI (RFC 9700 §4.1.3)."""
        flaw = self.faults.accepts_any_redirect
        if uri in client.redirect_uris or flaw is True:
            return True
        if flaw == "longer" and any(uri.startswith(known) for known in client.redirect_uris):
            return True
        return self._any_port and any(_same_but_port(uri, known) for known in client.redirect_uris)

    def authenticate(self, request: Request) -> Client:
        """The client behind a request to /token or /revoke (RFC 6749 §2.3).

        Raises:
            Refusal: invalid_client when it is unknown, uses another method than
                the registered one, a wrong secret or a bad assertion;
                invalid_request when it uses two methods at once.
        """
        client_id, secret, method = _credentials(request)
        client = self.find(client_id)
        if client is None:
            raise Refusal("invalid_client", "no such client", 401)
        if self.faults.ignores_secret:
            return client
        if method != client.auth_method:
            raise Refusal("invalid_client", f"registered for {client.auth_method}, used {method}", 401)
        if method == METHOD:
            self._assertions.check(secret or "", client.client_id, client.keys)
            return client
        if client.secret_expires_at and client.secret_expires_at < time.time():
            raise Refusal("invalid_client", "the client secret has expired", 401)
        self._check_secret(client, secret)
        return client

    def _check_secret(self, client: Client, secret: str | None) -> None:
        """RFC 6749 §2.3.1: guessing is slowed down."""
        with self._lock:
            wrong, since = self._wrong.get(client.client_id, (0, 0.0))
            throttled = wrong >= MOST_GUESSES and not self.faults.never_throttles
            if throttled and time.time() - since < PAUSE:
                raise Refusal("invalid_client", "too many wrong secrets", 429)
            right = secrets.compare_digest((client.secret or "").encode(), (secret or "").encode())
            self._wrong[client.client_id] = (0 if right else wrong + 1, time.time())
        if not right:
            raise Refusal("invalid_client", "wrong client secret", 401)


def acceptable_redirect_uri(uri: object) -> bool:
    """https, http on loopback, or a private-use scheme with a dot (RFC 8252 §7, §8.4); no fragment."""
    if not isinstance(uri, str) or {"#", "*", "@"} & set(uri):
        return False
    parts = urlsplit(uri)
    if parts.scheme == "http":
        return parts.hostname in LOOPBACK
    return (parts.scheme == "https" and bool(parts.hostname)) or "." in parts.scheme


def _credentials(request: Request) -> tuple[str, str | None, str]:
    """(client_id, secret or assertion, authentication method) as the request carries them."""
    in_body, secret = only(request.form, "client_id"), only(request.form, "client_secret")
    basic, assertion = (
        _basic(request.headers.get("authorization", "")),
        only(request.form, "client_assertion"),
    )
    if assertion and (basic or secret or only(request.form, "client_assertion_type") != TYPE):
        raise Refusal("invalid_request", "two ways of client authentication, or an unknown one")
    if assertion:
        return in_body or named_in(assertion), assertion, METHOD
    if basic and (secret or in_body not in (None, basic[0])):
        raise Refusal("invalid_request", "two ways of client authentication at once")
    if basic:
        return *basic, "client_secret_basic"
    if in_body is None:
        raise Refusal("invalid_client", "client_id is missing", 401)
    return in_body, secret, "client_secret_post" if secret else "none"


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refusal("invalid_client", "malformed Basic credentials", 401) from None
    return unquote_plus(client_id), unquote_plus(secret)


def _same_but_port(uri: str, known: str) -> bool:
    return urlsplit(known).hostname in LOOPBACK and _without_port(uri) == _without_port(known)


def _without_port(uri: str) -> SplitResult:
    parts = urlsplit(uri)
    return parts._replace(netloc=f"{parts.username}@{parts.hostname}")


def _from_metadata_document(url: str) -> Client | None:
    """The client a document describes; None if it is unreachable, not on loopback or not about that URL."""
    try:
        document = _fetch(url)
    except (OSError, ValueError, http.client.HTTPException):
        return None
    if not isinstance(document, dict) or document.get("client_id") != url:
        return None
    uris = document.get("redirect_uris")
    if not isinstance(uris, list) or not all(map(acceptable_redirect_uri, uris)):
        return None
    return Client(url, tuple(cast(list[str], uris)), name=str(document.get("client_name", "")))


def _fetch(url: str) -> object:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK or not parts.path.strip("/"):
        raise ValueError("the lab fetches from loopback only, and a path is required")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
    try:
        connection.request("GET", parts.path + ("?" + parts.query if parts.query else ""))
        answer = connection.getresponse()
        body = answer.read(LARGEST_DOCUMENT + 1)
    finally:
        connection.close()
    if answer.status != 200 or len(body) > LARGEST_DOCUMENT:
        raise ValueError("no usable document")
    document: object = json.loads(body)
    return document

"""The one place where recorded secrets become ``***``: nothing of an exchange is shown but through here.

By name: parameters, JSON members and headers that carry secrets. By shape: JWTs and credentials behind an
authentication scheme. By value: what was a secret in one message is masked in every other text of the report,
whatever it is called there. Each becomes `safety.secret.shown`, so that equal ones can be told to be equal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus, urlsplit, urlunsplit

from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.safety.secret import shown
from mcp_vacuum.safety.url import printable

SECRET_NAMES = frozenset(
    """
    access_token refresh_token id_token token id_token_hint subject_token actor_token assertion
    client_assertion client_secret registration_access_token initial_access_token code device_code user_code
    code_verifier verifier state nonce session_state request request_uri logout_token password passwd secret
    api_key apikey private_key csrf csrf_token authenticity_token session session_id sessionid auth_req_id
    verification_uri_complete
    """.split()  # noqa: SIM905 - thirty names read better as text
)
"""Parameters and JSON members whose value is not shown."""

PRIVATE_PARTS = frozenset("d p q dp dq qi k".split())  # noqa: SIM905
"""The private parts of a JWK (RFC 7518 §6), beside a `kty`."""

SECRET_HEADERS = frozenset(
    """
    authorization proxy-authorization cookie set-cookie dpop dpop-nonce mcp-session-id
    x-api-key api-key x-auth-token x-csrf-token
    """.split()  # noqa: SIM905
)
KNOWN_FROM = 8
"""Shorter values are masked where they stand, and not looked for elsewhere: they may be words."""

_WORDS = "|".join(sorted(SECRET_NAMES, key=len, reverse=True))
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]*(?:\.[\w-]*){0,3}")
_SCHEME = re.compile(r"\b(Bearer|DPoP|Basic)(\s+)([A-Za-z0-9._~+/-]{12,}=*)(?![\w=\"])", re.IGNORECASE)
_ASSIGNED = re.compile(rf"(\b(?:{_WORDS})=)([^\s\"'&,;<>{{}}]+)", re.IGNORECASE)
_MEMBER = re.compile(rf"((?:\\*[\"'])(?:{_WORDS})(?:\\*[\"'])\s*:\s*(?:\\*[\"']))([^\"'\\]+)", re.IGNORECASE)
_ENCODED = "application/x-www-form-urlencoded"


class Mask:
    """Masks texts of one report, after having seen all of its exchanges."""

    def __init__(self, exchanges: Iterable[Exchange] = (), also: Iterable[str] = ()) -> None:
        """Learn every secret of `exchanges`, and those of `also`."""
        values = {value for exchange in exchanges for value in _secrets_of(exchange)}.union(also)
        self._known = sorted((value for value in values if len(value) >= KNOWN_FROM), key=len, reverse=True)

    def text(self, text: str) -> str:
        """Mask a text that is no secret itself, and make it printable, line by line."""
        masked = _shapes(self._values(text))
        return "\n".join(printable(line, len(line) + 1) for line in masked.splitlines())

    def url(self, url: str) -> str:
        """Mask a URL: the user in it, and the secret parameters of query and fragment."""
        try:
            parts = urlsplit(url)
            host = parts.netloc.rpartition("@")
            place = f"{shown(host[0])}@{host[2]}" if host[1] else host[2]
            query, fragment = _parameters(parts.query), _parameters(parts.fragment)
        except ValueError:
            return self.text(url)
        return self.text(urlunsplit(parts._replace(netloc=place, query=query, fragment=fragment)))

    def header(self, name: str, value: str) -> str:
        """Mask the value of a header."""
        lower = name.lower()
        if lower in SECRET_HEADERS:
            return _credentials(lower, value)
        if lower in ("location", "referer", "content-location"):
            return self.url(value)
        return self.text(value)

    def body(self, body: bytes, media_type: str) -> str:
        """Mask a body; pages for people and what is no text are described instead."""
        if media_type in ("text/html", "application/xhtml+xml"):
            return f"(a page for people, {len(body)} bytes)"
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return f"({len(body)} bytes that are no text)"
        if media_type == _ENCODED:
            return self.text("&\n".join(_parameters(text).split("&")))
        document = _json(text)
        if document is None:
            return self.text(text)
        return self.text(json.dumps(_masked(document), indent=2, ensure_ascii=False))

    def _values(self, text: str) -> str:
        for value in self._known:
            if value in text:
                text = text.replace(value, shown(value))
        return text


# --- what is secret ---------------------------------------------------------------------------------------


def _secrets_of(exchange: Exchange) -> Iterator[str]:
    """Every secret of an exchange, by the name that it has there, as sent and as meant."""
    for found in _raw_secrets(exchange):
        yield found
        yield unquote_plus(found)
        yield quote(unquote_plus(found), safe="")


def _raw_secrets(exchange: Exchange) -> Iterator[str]:
    yield from _in_url(exchange.url)
    for message in (exchange.request, exchange.response):
        if message is None:
            continue
        for name, value in message.headers:
            yield from _in_header(name.lower(), value)
        yield from _in_body(message.body or b"")


def _in_url(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    yield from _in_parameters(parts.query)
    yield from _in_parameters(parts.fragment)


def _in_parameters(text: str) -> Iterator[str]:
    for name, value in parse_qsl(text):
        if name.lower() in SECRET_NAMES:
            yield value


def _in_header(name: str, value: str) -> Iterator[str]:
    if name == "location":
        yield from _in_url(value)
    elif name in ("cookie", "set-cookie"):
        first = value.split(";") if name == "cookie" else value.split(";")[:1]
        yield from (pair.partition("=")[2].strip() for pair in first)
    elif name in SECRET_HEADERS:
        yield value.rpartition(" ")[2]


def _in_body(body: bytes) -> Iterator[str]:
    text = body.decode(errors="replace")
    document = _json(text)
    if document is not None:
        yield from _in_document(document)
    elif "=" in text and "<" not in text and "\n" not in text:
        yield from _in_parameters(text)


def _in_document(value: Any, secret: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _in_document(member, _is_secret(name, value))
    elif isinstance(value, list):
        for member in value:
            yield from _in_document(member, secret)
    elif isinstance(value, str) and secret:
        yield value


def _is_secret(name: str, document: Mapping[str, Any]) -> bool:
    return name.lower() in SECRET_NAMES or ("kty" in document and name in PRIVATE_PARTS)


# --- how it is masked -------------------------------------------------------------------------------------


def _parameters(text: str) -> str:
    """Mask the values of secret parameters, and leave everything else as it was."""
    return "&".join(_parameter(piece) for piece in text.split("&"))


def _parameter(piece: str) -> str:
    name, equals, value = piece.partition("=")
    secret = value and unquote_plus(name).lower() in SECRET_NAMES
    return f"{name}{equals}{shown(unquote_plus(value))}" if secret else piece


def _credentials(name: str, value: str) -> str:
    """Keep what is no secret of a secret header: the scheme, the names of cookies, a cookie's attributes."""
    if name in ("authorization", "proxy-authorization"):
        scheme, space, rest = value.partition(" ")
        return f"{scheme} {shown(rest)}" if space else shown(value)
    if name == "set-cookie":
        pair, semicolon, attributes = value.partition(";")
        return f"{_cookie(pair)}{semicolon}{printable(attributes)}"
    if name == "cookie":
        return "; ".join(_cookie(pair.strip()) for pair in value.split(";"))
    return shown(value)


def _cookie(pair: str) -> str:
    name, _, value = pair.partition("=")
    return f"{printable(name)}={shown(value)}"


def _masked(value: Any, secret: bool = False) -> Any:
    if isinstance(value, dict):
        return {name: _masked(member, _is_secret(name, value)) for name, member in value.items()}
    if isinstance(value, list):
        return [_masked(member, secret) for member in value]
    return shown(value) if secret and value and isinstance(value, str) else value


def _shapes(text: str) -> str:
    text = _SCHEME.sub(lambda found: f"{found[1]}{found[2]}{shown(found[3])}", text)
    text = _JWT.sub(lambda found: shown(found[0]), text)
    for named in (_ASSIGNED, _MEMBER):
        text = named.sub(lambda found: found[1] + _once(found[2]), text)
    return text


def _once(value: str) -> str:
    """Mask a value that is not masked yet."""
    return value if value.startswith("***") else shown(value)


def _json(text: str) -> Any:
    """Return an object or array, or None for anything else."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None

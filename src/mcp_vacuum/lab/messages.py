"""Requests and responses as the endpoints see them, and the usual answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Params = Mapping[str, tuple[str, ...]]
Headers = tuple[tuple[str, str], ...]


class Refusal(Exception):
    """A request that OAuth says no to: error code, description, HTTP status (RFC 6749 §5.2)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request, read to its end."""

    method: str
    path: str
    query: Params
    headers: Mapping[str, str]
    body: bytes = b""
    form: Params = field(default_factory=dict)
    json: object | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, and how much of it is really sent.

    `delivery` is "whole"; "half", which announces the full length, sends half of
    the body and closes; "twice", head and body and then both again; "drip", the body byte by byte, with a
    pause after each; or "reset", which sends nothing and resets the connection. `length_off` is added to the
    length that is announced, and the connection is closed after the body.
    """

    status: int
    body: bytes = b""
    headers: Headers = ()
    delivery: Literal["whole", "half", "twice", "drip", "reset"] = "whole"
    length_off: int = 0


App = Callable[[Request], Response]


def read_request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Put a request together. A body that is not what its type says gives no form and no JSON."""
    parts = urlsplit(target)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    form = parameters(body.decode("utf-8", "replace")) if kind == "application/x-www-form-urlencoded" else {}
    document = _json_or_none(body) if kind == "application/json" else None
    return Request(method, parts.path, parameters(parts.query), headers, body, form, document)


def _json_or_none(body: bytes) -> object | None:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document


def parameters(text: str) -> Params:
    """Parse a query or form; every name keeps all of its values, in order."""
    return {name: tuple(values) for name, values in parse_qs(text, keep_blank_values=True).items()}


def only(params: Params, name: str) -> str | None:
    """The one value of a parameter; None if absent or empty (RFC 6749 §3.1).

    Raises:
        Refusal: It is there more than once.
    """
    values = params.get(name, ())
    if len(values) > 1:
        raise Refusal("invalid_request", f"{name} is given more than once")
    return values[0] or None if values else None


def required(params: Params, name: str) -> str:
    """The one value of a parameter.

    Raises:
        Refusal: It is missing, empty or repeated.
    """
    value = only(params, name)
    if value is None:
        raise Refusal("invalid_request", f"{name} is missing")
    return value


def json_response(document: object, status: int = 200, headers: Headers = ()) -> Response:
    """JSON that nobody may cache."""
    body = json.dumps(document).encode()
    return Response(
        status, body, (("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers)
    )


def html_response(page: str, status: int = 200, headers: Headers = ()) -> Response:
    """A page that may load nothing and cannot be framed."""
    policy = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    kind = ("Content-Type", "text/html; charset=utf-8")
    return Response(status, page.encode(), (kind, policy, ("Cache-Control", "no-store"), *headers))


def text_response(status: int, text: str = "", headers: Headers = ()) -> Response:
    """A plain sentence, as proxies and tired servers send it."""
    body = (text or f"the lab answers {status}").encode()
    return Response(status, body, (("Content-Type", "text/plain; charset=utf-8"), *headers))


def redirect(location: str, status: int = 303) -> Response:
    """303 by default: the browser goes on with GET and forgets the form (RFC 9700 §4.12)."""
    return Response(status, b"", (("Location", location), ("Cache-Control", "no-store")))


def refused(refusal: Refusal, hostile_text: str | None = None, headers: Headers = ()) -> Response:
    """An OAuth error document (RFC 6749 §5.2)."""
    description = hostile_text or refusal.description
    return json_response({"error": refusal.error, "error_description": description}, refusal.status, headers)


def not_here(allowed: Iterable[str] = ()) -> Response:
    """404, or 405 where other methods are allowed."""
    methods = ", ".join(sorted(allowed))
    return text_response(405, headers=(("Allow", methods),)) if methods else text_response(404)

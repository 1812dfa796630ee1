"""How a client shows at the token endpoint who it is (RFC 6749 §2.3, OAuth 2.1 §2.4)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote_plus, urlencode

from mcp_vacuum.errors import AuthenticationError
from mcp_vacuum.models import AuthMethod, ClientCredentials
from mcp_vacuum.protocol.effects import HeaderList, HttpRequest
from mcp_vacuum.safety.limits import TOKEN_TIMEOUT
from mcp_vacuum.safety.url import check_endpoint

METHODS: tuple[AuthMethod, ...] = (
    "none",
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "client_secret_jwt",
)
SIGNED_METHODS: tuple[AuthMethod, ...] = ("private_key_jwt", "client_secret_jwt")
"""The assertion of these is made anew for each request: `proof.send_to_token_endpoint()` adds it."""

Parameters = Iterable[tuple[str, str | None]]


def authenticated_form(
    endpoint: str, what: str, client: ClientCredentials, parameters: Parameters
) -> HttpRequest:
    """Return a form POST to an endpoint with exactly one kind of client authentication.

    Parameters whose value is None are left out.

    Raises:
        AuthenticationError: The client has no secret although its method needs one.
        SecurityRefused: The endpoint is not https or http on loopback.
    """
    extra, headers = _proof(client)
    form = [(name, value) for name, value in (*parameters, *extra) if value is not None]
    return HttpRequest(
        "POST",
        check_endpoint(endpoint, what),
        headers=(
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "application/json"),
            *headers,
        ),
        body=urlencode(form).encode(),
        timeout=TOKEN_TIMEOUT,
    )


def _proof(client: ClientCredentials) -> tuple[list[tuple[str, str | None]], HeaderList]:
    method = client.token_endpoint_auth_method
    if method in SIGNED_METHODS:
        return [], ()
    if method == "none":
        return [("client_id", client.client_id or None)], ()  # an assertion may be all that there is
    if client.client_secret is None:
        raise AuthenticationError(f"{method} needs a client secret and there is none", spec="RFC 6749 §2.3.1")
    secret = client.client_secret.reveal()
    if method == "client_secret_post":
        return [("client_id", client.client_id), ("client_secret", secret)], ()
    pair = f"{quote_plus(client.client_id)}:{quote_plus(secret)}"
    return [], (("Authorization", f"Basic {b64encode(pair.encode()).decode()}"),)


def choose_method(supported: Iterable[str] | None, *, has_secret: bool) -> AuthMethod:
    """Return the method to register or use, given the server's `token_endpoint_auth_methods_supported`.

    A public client is `none`; where the server lists methods and `none` is not among them, a secret is asked
    for. With a secret it is the first listed method that sends one, in the server's order (the MCP SDK's
    server lists basic second and cannot read it alone), and basic where nothing is listed (RFC 8414 §2).
    """
    listed = tuple(supported or ())
    if not has_secret and (not listed or "none" in listed):
        return "none"
    unsigned = ("client_secret_basic", "client_secret_post")
    with_secret = (known for name in listed if (known := performable(name)) in unsigned)
    return next(with_secret, "client_secret_basic")


def performable(method: str) -> AuthMethod | None:
    """Return `method` if this client can perform it, else None."""
    return next((known for known in METHODS if known == method), None)

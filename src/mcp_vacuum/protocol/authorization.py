"""The authorization request and what comes back through the browser (OAuth 2.1 §4.1, RFC 9207)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NewType
from urllib.parse import parse_qsl, urlsplit

from mcp_vacuum.errors import LoginDeclined, OAuthError, SecurityRefused
from mcp_vacuum.protocol.pkce import s256
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import BrowserUrl, authorization_url, check_endpoint, printable

ValidatedCode = NewType("ValidatedCode", Secret)
"""An authorization code out of a response whose `state` and `iss` were right; only `validate_callback()`
makes one, and `token.code_request()` takes nothing else."""

_SINGLE = ("code", "state", "iss", "error", "error_description", "error_uri")


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """One pending login: made before the redirect, needed to judge the answer, used once.

    Attributes:
        url: What the browser opens; its repr is hidden because `state` is in it.
        state: Ties the answer to this request (RFC 6749 §10.12).
        verifier: The PKCE verifier, for the token request only.
        redirect_uri: Sent again in the token request, byte for byte.
        issuer: The validated issuer (RFC 9207 §2.4); None where the caller knows none.
        iss_required: The server promised `iss`.
        scope: As asked.
        resource: As asked.
    """

    url: BrowserUrl = field(repr=False)
    state: Secret
    verifier: Secret
    redirect_uri: str
    issuer: str | None = None
    iss_required: bool = False
    scope: str | None = None
    resource: str | None = None


def authorization_request(
    endpoint: str,
    *,
    client_id: str,
    redirect_uri: str,
    state: Secret,
    verifier: Secret,
    issuer: str | None = None,
    iss_required: bool = False,
    scope: str | None = None,
    resource: str | None = None,
    dpop_jkt: str | None = None,
) -> AuthorizationRequest:
    """Build the request of one login. `state` and `verifier` are fresh random values of the caller.

    `dpop_jkt` binds the code to a DPoP key (RFC 9449 §10).

    Raises:
        SecurityRefused: The endpoint cannot be opened safely.
    """
    parameters = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("state", state.reveal()),
        ("code_challenge", s256(verifier)),
        ("code_challenge_method", "S256"),
        *((("scope", scope),) if scope else ()),
        *((("resource", resource),) if resource else ()),
        *((("dpop_jkt", dpop_jkt),) if dpop_jkt else ()),
    ]
    url = authorization_url(check_endpoint(endpoint, "authorization_endpoint"), parameters)
    return AuthorizationRequest(url, state, verifier, redirect_uri, issuer, iss_required, scope, resource)


def acceptor(request: AuthorizationRequest) -> Callable[[str], bool]:
    """Return a predicate: does this redirect URL answer `request`? It looks at the URI and `state` only."""

    def accepts(redirect_url: str) -> bool:
        states = [value for name, value in _parameters(redirect_url) if name == "state"]
        ours = bool(states) and all(_same(value, request.state.reveal()) for value in states)
        return ours and _same(_without_query(redirect_url), _without_query(request.redirect_uri))

    return accepts


def validate_callback(request: AuthorizationRequest, redirect_url: str) -> ValidatedCode:
    """Check an authorization response and return its code.

    `state` and `iss` are checked before anything else is believed, errors included: the four rows of
    RFC 9207 §2.4 are *advertised or not* times *sent or not*.

    Raises:
        SecurityRefused: Not our `state`, another `iss`, a promised `iss` missing, a doubled parameter.
        LoginDeclined: The person said no (`access_denied`).
        OAuthError: The server answered with another error.
    """
    parameters = _parameters(redirect_url)
    for name in _SINGLE:
        if sum(1 for key, _ in parameters if key == name) > 1:
            raise SecurityRefused(f"the authorization response repeats {name}", spec="OAuth 2.1 §3.1")
    answer = dict(parameters)
    if not acceptor(request)(redirect_url):
        raise SecurityRefused(
            "the authorization response carries another state, or came to another redirect URI",
            spec="RFC 6749 §10.12",
        )
    _check_iss(request, answer.get("iss"))
    if "error" in answer:
        raise _said_no(request, answer)
    code = answer.get("code", "")
    if not code or not code.isascii() or not code.isprintable():
        raise SecurityRefused("the authorization response has no code", spec="RFC 6749 §4.1.2, A.11")
    return ValidatedCode(Secret(code))


def _check_iss(request: AuthorizationRequest, iss: str | None) -> None:
    if request.issuer is None:
        return
    if iss is None and request.iss_required:
        raise SecurityRefused(
            "the server promises iss in its answers and sent none", spec="RFC 9207 §2.4", url=request.issuer
        )
    if iss is not None and not _same(iss, request.issuer):
        raise SecurityRefused(
            "the answer comes from another authorization server (iss differs)",
            spec="RFC 9207 §2.4",
            url=request.issuer,
        )


def _said_no(request: AuthorizationRequest, answer: dict[str, str]) -> LoginDeclined | OAuthError:
    error = printable(answer["error"], 80)
    if error == "access_denied":
        return LoginDeclined(
            "the login was declined in the browser",
            hint="run the login again to be asked again",
            spec="RFC 6749 §4.1.2.1",
            url=request.issuer,
        )
    detail = printable(answer.get("error_description", ""))
    return OAuthError(
        f"the authorization server answered {error}" + (f": {detail}" if detail else ""),
        error=error,
        spec="RFC 6749 §4.1.2.1",
        url=request.issuer,
    )


def _parameters(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return []


def _without_query(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(errors="replace"), right.encode(errors="replace"))

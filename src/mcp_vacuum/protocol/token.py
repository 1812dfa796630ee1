"""The token endpoint: requests, and its answers as values (OAuth 2.1 §3.2, RFC 6749 §5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime

from mcp_vacuum.errors import AnswerLost, AuthenticationError, OAuthError, ServerUnavailable, VacuumError
from mcp_vacuum.models import ASSUMED_LIFETIME, Binding, ClientCredentials, OAuth2Token
from mcp_vacuum.protocol.authorization import AuthorizationRequest, ValidatedCode
from mcp_vacuum.protocol.client_auth import authenticated_form
from mcp_vacuum.protocol.documents import TokenResponse, read_document, read_error
from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.safety.limits import NotADocument
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import printable

_LONGEST_LIFETIME = 2**31 - 1
"""Seconds; a number of 400 digits is an int to JSON, and overflows the first sum with a float."""
CLOCK_OFF = 60.0
"""Seconds by which two clocks may differ before that is worth a word."""
_DATED = frozenset({"invalid_client", "invalid_grant", "invalid_dpop_proof", "invalid_request"})
"""Errors that a signature with a wrong date can cause."""
_SPECS = {"invalid_dpop_proof": "RFC 9449 §5", "invalid_target": "RFC 8707 §2"}
"""Errors that RFC 6749 §5.2 does not define."""


def code_request(
    endpoint: str, client: ClientCredentials, request: AuthorizationRequest, code: ValidatedCode
) -> HttpRequest:
    """Redeem an authorization code (OAuth 2.1 §4.1.3). Send it once."""
    return authenticated_form(
        endpoint,
        "token_endpoint",
        client,
        [
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
            ("redirect_uri", request.redirect_uri),
            ("code_verifier", request.verifier.reveal()),
            ("resource", request.resource),
        ],
    )


def refresh_request(client: ClientCredentials, binding: Binding, refresh_token: Secret) -> HttpRequest:
    """Refresh at the endpoint that the refresh token is bound to (OAuth 2.1 §4.3). No scope: never wider."""
    return authenticated_form(
        binding.token_endpoint,
        "token_endpoint",
        client,
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.reveal()),
            ("resource", binding.resource),
        ],
    )


@dataclass(frozen=True, slots=True)
class Granted:
    """200 with a usable token.

    Attributes:
        token: Its `expires_in` is `ASSUMED_LIFETIME` where the server gave none.
        lifetime_is_a_guess: The server gave no `expires_in`.
    """

    token: OAuth2Token
    lifetime_is_a_guess: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """An OAuth error document, whatever 4xx carried it: `error` decides.

    Attributes:
        clock_off: Seconds by which our clock is ahead of the server's `Date`, if that is a minute or more.
    """

    error: str
    description: str
    url: str
    clock_off: float | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """Neither a token nor an error document: HTML, a redirect, a 404, a 200 without a token."""

    what: str
    url: str


@dataclass(frozen=True, slots=True)
class TryLater:
    """429 or 5xx.

    Attributes:
        status: The status code.
        retry_after: Seconds that the server asked for, or None.
    """

    status: int
    retry_after: float | None
    url: str


Answer = Granted | Refused | Unusable | TryLater


def read_token_answer(
    response: HttpResponse, *, binding: Binding | None = None, token_type: str = "Bearer"
) -> Answer:
    """Turn an answer of the token endpoint into a value; nothing is raised for what a server may say.

    Args:
        response: The answer; its `received_at` dates the token, because `expires_in` is relative.
        binding: What a refresh token in it will be bound to.
        token_type: What was asked for: ``Bearer`` or ``DPoP``. Another type is refused (RFC 6749 §7.1);
            a Bearer token where DPoP was asked for would be a silent loss (RFC 9449 §5).
    """
    if response.status == 429 or response.status >= 500:
        return TryLater(response.status, _seconds(response.header("retry-after")), response.url)
    error = read_error(response)
    if error is not None and (response.status >= 400 or _has_no_token(response.body)):
        description = printable(error.error_description or "")
        return Refused(printable(error.error, 80), description, response.url, clock_off(response))
    if response.status != 200:
        return Unusable(f"status {response.status} without an OAuth error", response.url)
    return _read_granted(response, binding, token_type)


def _has_no_token(body: bytes) -> bool:
    try:
        return not read_document(TokenResponse, body).access_token
    except NotADocument:
        return True


def _read_granted(response: HttpResponse, binding: Binding | None, wanted: str) -> Granted | Unusable:
    try:
        document = read_document(TokenResponse, response.body)
    except NotADocument as why:
        return Unusable(f"a 200 that is no token response ({why})", response.url)
    if not _fits_a_header(document.access_token):
        return Unusable("an access token that no header can carry", response.url)
    if not _same_type(document.token_type, wanted):
        return Unusable(f"a token of type {printable(document.token_type, 40)!r}, not {wanted}", response.url)
    return _dated(document, response.received_at, binding, wanted)


def _fits_a_header(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable()


def _same_type(given: str, wanted: str) -> bool:
    """`token_type` is case-insensitive (RFC 6749 §5.1)."""
    return given.lower() == wanted.lower()


def _dated(document: TokenResponse, received_at: float, binding: Binding | None, token_type: str) -> Granted:
    """Date the token. A lifetime of 0 or less is one that has just ended: good for this call only."""
    lifetime = ASSUMED_LIFETIME if document.expires_in is None else document.expires_in
    token = OAuth2Token(
        access_token=document.access_token,
        token_type=token_type,
        expires_in=min(max(lifetime, 1), _LONGEST_LIFETIME),
        refresh_token=document.refresh_token or None,
        scope=document.scope,
        created_at=received_at if lifetime > 0 else received_at - 1,
        binding=binding,
    )
    return Granted(token, lifetime_is_a_guess=document.expires_in is None)


def whole(response: HttpResponse) -> HttpResponse:
    """Let an answer pass, unless its JSON begins and does not end: the rest of it never came.

    Raises:
        AnswerLost: A wrong `Content-Length`, or something in between that gave up; the request was processed.
    """
    body = response.body.strip()
    if response.status == 200 and body.startswith(b"{") and not body.endswith(b"}"):
        raise AnswerLost("the answer of the token endpoint breaks off", url=response.url)
    return response


def keep_what_was_left_out(
    token: OAuth2Token, *, refresh_token: Secret | None, scope: str | None
) -> OAuth2Token:
    """A refresh answer without `refresh_token` or `scope` keeps the old one (RFC 6749 §6)."""
    old = refresh_token.reveal() if refresh_token else None
    return replace(token, refresh_token=token.refresh_token or old, scope=token.scope or scope)


def _seconds(text: str | None) -> float | None:
    """Read `Retry-After` in its seconds form (RFC 9110 §10.2.3); a date is not worth a clock."""
    return float(text) if text and text.strip().isdecimal() and len(text) < 7 else None


def clock_off(response: HttpResponse) -> float | None:
    """Return by how many seconds our clock is ahead of the server's (RFC 9110 §6.6.1), if by a minute."""
    try:
        date = parsedate_to_datetime(response.header("date") or "")
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    seconds = response.received_at - date.timestamp()
    return seconds if abs(seconds) >= CLOCK_OFF else None


def _clock_hint(answer: Refused) -> str | None:
    """Say that the clock is wrong where assertions, proofs and their age are what the server refused."""
    if answer.clock_off is None or answer.error not in _DATED:
        return None
    minutes, side = abs(answer.clock_off) / 60, "ahead of" if answer.clock_off > 0 else "behind"
    return f"set the clock: this machine is {minutes:.0f} min {side} the server (its Date header)"


def as_error(answer: Refused | Unusable | TryLater) -> VacuumError:
    """Return the error that an answer means where there is nothing left to try."""
    if isinstance(answer, Refused):
        detail = f": {answer.description}" if answer.description else ""
        return OAuthError(
            f"the token endpoint answered {answer.error}{detail}",
            error=answer.error,
            hint=_clock_hint(answer),
            spec=_SPECS.get(answer.error, "RFC 6749 §5.2"),
            url=answer.url,
        )
    if isinstance(answer, TryLater):
        wait = f" in {answer.retry_after:.0f} s" if answer.retry_after else " later"
        return ServerUnavailable(
            f"the token endpoint answers with status {answer.status}", hint=f"try again{wait}", url=answer.url
        )
    return AuthenticationError(f"the token endpoint gave {answer.what}", spec="RFC 6749 §5.1", url=answer.url)

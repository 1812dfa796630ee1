"""Whole conversations, joined from the other modules by `yield from`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mcp_vacuum.errors import AnswerLost, ServerUnavailable
from mcp_vacuum.models import AuthMethod, Binding, ClientCredentials
from mcp_vacuum.protocol.authorization import AuthorizationRequest, acceptor, validate_callback
from mcp_vacuum.protocol.discovery import discover, discover_auth_server
from mcp_vacuum.protocol.effects import Authorize, Flow, HttpRequest, HttpResponse, ask, pause, send
from mcp_vacuum.protocol.proof import Prover, send_to_token_endpoint, token_type
from mcp_vacuum.protocol.registration import (
    CODE_GRANTS,
    NO_METADATA,
    Deletion,
    management_request,
    read_deletion,
    read_registration,
    registration_request,
)
from mcp_vacuum.protocol.revocation import revocation_refusal, revocation_request
from mcp_vacuum.protocol.token import (
    Answer,
    Granted,
    TryLater,
    as_error,
    code_request,
    read_token_answer,
    refresh_request,
    whole,
)
from mcp_vacuum.safety.secret import Secret

__all__ = [
    "authorize",
    "discover",
    "discover_auth_server",
    "exchange",
    "refresh",
    "register",
    "revoke",
    "unregister",
]

_CODE_TRIES = 3
_CODE_PATIENCE = 20.0
_RESEND_WITHIN = 10.0


def register(
    endpoint: str,
    *,
    name: str,
    redirect_uris: tuple[str, ...],
    scope: str | None,
    issuer: str | None,
    auth_method: AuthMethod = "none",
    grant_types: tuple[str, ...] = CODE_GRANTS,
    about: Mapping[str, object] = NO_METADATA,
) -> Flow[ClientCredentials]:
    """Register a client (RFC 7591). One request: a refusal is final, and retries would only leave litter.

    Raises:
        RegistrationError: Any answer but success.
        ServerUnavailable: No answer, 429 or 5xx.
    """
    request = registration_request(
        endpoint,
        name=name,
        redirect_uris=redirect_uris,
        scope=scope,
        auth_method=auth_method,
        grant_types=grant_types,
        about=about,
    )
    response = yield from send(request)
    return read_registration(response, issuer=issuer, redirect_uris=redirect_uris, auth_method=auth_method)


def unregister(client: ClientCredentials) -> Flow[Deletion]:
    """Delete a registration (RFC 7592 §2.3). One request; a failure leaves nothing worse than it was.

    Raises:
        SecurityRefused: The address that the server gave is not https or http on loopback.
        ServerUnavailable: No answer.
    """
    request = management_request(client, "DELETE")
    if request is None:
        return Deletion(False, "the server gave no way to delete it (RFC 7592)")
    return read_deletion((yield from send(request)))


def authorize(
    endpoint: str,
    client: ClientCredentials,
    request: AuthorizationRequest,
    *,
    prover: Prover | None = None,
) -> Flow[Granted]:
    """Have a person log in, then redeem the code at `endpoint`, the token endpoint of the same server.

    Raises:
        LoginDeclined, OAuthError, SecurityRefused: See `validate_callback()`.
        ServerUnavailable: See `exchange()`.
    """
    redirect_url = yield from ask(Authorize(request.url, request.redirect_uri, acceptor(request)))
    return (yield from exchange(endpoint, client, request, redirect_url, prover=prover))


def exchange(
    endpoint: str,
    client: ClientCredentials,
    request: AuthorizationRequest,
    redirect_url: str,
    *,
    prover: Prover | None = None,
) -> Flow[Granted]:
    """Check the redirect URL and redeem its code (OAuth 2.1 §4.1.3).

    Raises:
        OAuthError: The token endpoint refused.
        AuthenticationError: It gave something that is no usable token.
        ServerUnavailable: It could not be asked, or its answer was lost; a code is never replayed.
    """
    code = validate_callback(request, redirect_url)
    binding = Binding(endpoint, client.client_id, request.issuer, request.resource)
    response = yield from _send_code(code_request(endpoint, client, request, code), client, prover)
    answer = read_token_answer(response, binding=binding, token_type=token_type(prover))
    if isinstance(answer, Granted):
        return answer
    raise as_error(answer)


def _send_code(request: HttpRequest, client: ClientCredentials, prover: Prover | None) -> Flow[HttpResponse]:
    """Send a code; again only where it was surely not processed: no connection, TLS failure, 429, 503."""
    waited = 0.0
    for attempt in range(1, _CODE_TRIES + 1):
        wait = float(attempt)
        try:
            response = yield from send_to_token_endpoint(request, client, prover)
        except AnswerLost as error:
            error.hint = "log in again: a code whose answer was lost is never sent twice"
            raise
        except ServerUnavailable:
            if attempt == _CODE_TRIES:
                raise
        else:
            if response.status not in (429, 503) or attempt == _CODE_TRIES:
                return response
            answer = read_token_answer(response)
            wait = (answer.retry_after if isinstance(answer, TryLater) else None) or wait
            if waited + wait > _CODE_PATIENCE:
                return response
        yield from pause(wait)
        waited += wait
    raise AssertionError("unreachable: the last attempt returns or raises")


def revoke(endpoint: str, client: ClientCredentials, token: Secret, hint: str) -> Flow[str | None]:
    """Revoke a token (RFC 7009); return why the server refused, or None if it is gone.

    Raises:
        ServerUnavailable: It could not be asked.
        AuthenticationError: The client has no key or secret to authenticate with.
    """
    request = revocation_request(endpoint, client, token, hint)
    response = yield from send_to_token_endpoint(request, client, None)
    return revocation_refusal(response)


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """How a refresh went.

    Attributes:
        answer: What the token endpoint said; None if no complete answer came.
        failure: Why none came; the first `AnswerLost`, if there was one.
        sent_before: The token was sent more than once because an answer was lost.
    """

    answer: Answer | None
    failure: ServerUnavailable | None = None
    sent_before: bool = False

    @property
    def outcome_unknown(self) -> bool:
        """The server may have rotated the token without our knowing."""
        return isinstance(self.failure, AnswerLost)


def refresh(
    client: ClientCredentials,
    binding: Binding,
    refresh_token: Secret,
    *,
    patience: float,
    resend: bool,
    jitter: Callable[[], float],
    clock: Callable[[], float],
    prover: Prover | None = None,
) -> Flow[RefreshResult]:
    """Refresh at the bound endpoint (OAuth 2.1 §4.3).

    429, 5xx and a failure before anything was sent are tried again with growing pauses, or after the
    `Retry-After` of the server, while `patience` lasts. A lost answer is asked for once more, within 10 s,
    because the grace periods of servers are short.

    Args:
        client: The client that the refresh token was issued to.
        binding: Where it is sent.
        refresh_token: The token.
        patience: Seconds to spend on trying again; 0 for a single try.
        resend: Ask again after a lost answer.
        jitter: Returns a number from 0 to 1.
        clock: Returns monotonic seconds.
        prover: The key that the tokens are bound to.
    """
    request = refresh_request(client, binding, refresh_token)
    started = clock()
    lost: AnswerLost | None = None
    pauses = _growing_pauses(jitter)
    while True:
        answer: Answer | None = None
        failure: ServerUnavailable | None = None
        wait = next(pauses)
        try:
            response = whole((yield from send_to_token_endpoint(request, client, prover)))
            answer = read_token_answer(response, binding=binding, token_type=token_type(prover))
        except ServerUnavailable as error:
            failure = error
        if isinstance(failure, AnswerLost):
            again = resend and lost is None and clock() - started + wait < _RESEND_WITHIN
            lost = lost or failure
        else:
            again = failure is not None or isinstance(answer, TryLater)
            wait = (answer.retry_after if isinstance(answer, TryLater) else None) or wait
            again = again and clock() - started + wait <= patience
        if not again:
            sent_before = lost is not None and answer is not None
            return RefreshResult(answer, None if answer else lost or failure, sent_before)
        yield from pause(wait)


def _growing_pauses(jitter: Callable[[], float]) -> Iterator[float]:
    pause_for = 0.25
    while True:
        yield pause_for * (0.5 + jitter())
        pause_for = min(pause_for * 2, 8.0)

"""The device authorization grant (RFC 8628): a person says yes on another device."""

from __future__ import annotations

from mcp_vacuum.errors import AuthenticationError, LoginDeclined, SecurityRefused, ServerUnavailable
from mcp_vacuum.models import Binding, ClientCredentials
from mcp_vacuum.protocol.client_auth import authenticated_form
from mcp_vacuum.protocol.documents import DeviceResponse, read_document
from mcp_vacuum.protocol.effects import Flow, HttpRequest, ShowCode, pause, show
from mcp_vacuum.protocol.proof import Prover, send_to_token_endpoint, token_type
from mcp_vacuum.protocol.token import Granted, Refused, TryLater, as_error, read_token_answer
from mcp_vacuum.safety.limits import NotADocument
from mcp_vacuum.safety.url import check_endpoint, printable

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
DEFAULT_INTERVAL = 5
"""Seconds between polls where the server names none (§3.2)."""
SLOW_DOWN = 5
"""Seconds that each `slow_down` adds (§3.5)."""
SHORTEST_INTERVAL = 1
LONGEST_LIFE = 1800


def device_login(
    endpoint: str,
    binding: Binding,
    client: ClientCredentials,
    *,
    scope: str | None,
    patience: float,
    prover: Prover | None = None,
) -> Flow[Granted]:
    """Show a code, and poll until the person has entered it.

    Args:
        endpoint: The device authorization endpoint.
        binding: The token endpoint and resource of the same server.
        client: The client.
        scope: Space separated, or None.
        patience: Seconds to wait for the person; the server's own limit counts too.
        prover: Makes the token DPoP-bound.

    Raises:
        LoginDeclined: Declined, or not finished in time.
        OAuthError, AuthenticationError, SecurityRefused: The server said no, or made no sense.
        ServerUnavailable: No answer.
    """
    parameters = [("scope", scope), ("resource", binding.resource)]
    request = authenticated_form(endpoint, "device_authorization_endpoint", client, parameters)
    response = yield from send_to_token_endpoint(request, client, None)
    answer = read_token_answer(response)
    if response.status != 200 and not isinstance(answer, Granted):
        raise as_error(answer)
    try:
        document = read_document(DeviceResponse, response.body)
    except NotADocument as why:
        raise AuthenticationError(f"the device endpoint gave no code ({why})", spec="RFC 8628 §3.2") from None
    yield from show(_shown(document))
    return (yield from _poll(document, binding, client, patience, prover))


def _shown(document: DeviceResponse) -> ShowCode:
    where = check_endpoint(document.verification_uri, "verification_uri", spec="RFC 8628 §3.3")
    with_code = None
    if document.verification_uri_complete:
        with_code = check_endpoint(
            document.verification_uri_complete, "verification_uri_complete", spec="RFC 8628 §3.3.1"
        )
    if document.user_code != printable(document.user_code, 64):
        raise SecurityRefused("the user code has characters that nobody can type", spec="RFC 8628 §6.1")
    return ShowCode(where, document.user_code, with_code)


def _poll(
    document: DeviceResponse,
    binding: Binding,
    client: ClientCredentials,
    patience: float,
    prover: Prover | None,
) -> Flow[Granted]:
    interval = float(min(max(document.interval or DEFAULT_INTERVAL, SHORTEST_INTERVAL), LONGEST_LIFE))
    left = min(patience, document.expires_in, LONGEST_LIFE)
    while left >= interval:
        yield from pause(interval)
        left -= interval
        try:
            answer = read_token_answer(
                (yield from send_to_token_endpoint(_poll_request(document, binding, client), client, prover)),
                binding=binding,
                token_type=token_type(prover),
            )
        except ServerUnavailable:
            interval *= 2  # §3.5: exponential backoff on a connection timeout
            continue
        if isinstance(answer, Granted):
            return answer
        interval = _next_interval(answer, interval)
    raise LoginDeclined("nobody finished the login in time", hint="run the login again", spec="RFC 8628 §3.5")


def _next_interval(answer: object, interval: float) -> float:
    """Go on, slower if asked, or end with the server's word."""
    if isinstance(answer, TryLater):
        return max(interval * 2, answer.retry_after or 0)
    if isinstance(answer, Refused):
        if answer.error == "authorization_pending":
            return interval
        if answer.error == "slow_down":
            return interval + SLOW_DOWN
        if answer.error in ("access_denied", "expired_token"):
            what = "was declined" if answer.error == "access_denied" else "was not finished in time"
            raise LoginDeclined(f"the login {what}", spec="RFC 8628 §3.5", url=answer.url)
    raise as_error(answer)  # type: ignore[arg-type]


def _poll_request(document: DeviceResponse, binding: Binding, client: ClientCredentials) -> HttpRequest:
    parameters = [
        ("grant_type", DEVICE_CODE),
        ("device_code", document.device_code),
        ("resource", binding.resource),
    ]
    return authenticated_form(binding.token_endpoint, "token_endpoint", client, parameters)

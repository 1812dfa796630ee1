"""Grants without a person: client credentials, JWT bearer, token exchange, ID-JAG. No fallback."""

from __future__ import annotations

from mcp_vacuum.errors import AuthenticationError
from mcp_vacuum.models import Binding, ClientCredentials
from mcp_vacuum.protocol.client_auth import authenticated_form
from mcp_vacuum.protocol.documents import TokenResponse, read_document
from mcp_vacuum.protocol.effects import Flow
from mcp_vacuum.protocol.proof import Prover, send_to_token_endpoint, token_type
from mcp_vacuum.protocol.token import Answer, Granted, as_error, read_token_answer
from mcp_vacuum.safety.limits import NotADocument
from mcp_vacuum.safety.secret import Secret

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def client_credentials(
    binding: Binding, client: ClientCredentials, *, scope: str | None, prover: Prover | None = None
) -> Flow[Granted]:
    """Ask for a token as the client itself (OAuth 2.1 §4.2).

    Raises:
        OAuthError, AuthenticationError, ServerUnavailable: As it came; nothing is retried.
    """
    parameters = [("grant_type", "client_credentials"), ("scope", scope), ("resource", binding.resource)]
    return (yield from _granted(binding, client, parameters, prover))


def jwt_bearer(
    binding: Binding,
    client: ClientCredentials,
    assertion: Secret,
    *,
    scope: str | None,
    prover: Prover | None = None,
) -> Flow[Granted]:
    """Trade an assertion for a token (RFC 7523 §2.1): workload identity, or leg two of ID-JAG.

    Raises:
        OAuthError, AuthenticationError, ServerUnavailable: As it came; the specification forbids a retry.
    """
    parameters = [
        ("grant_type", JWT_BEARER),
        ("assertion", assertion.reveal()),
        ("scope", scope),
        ("resource", binding.resource),
    ]
    return (yield from _granted(binding, client, parameters, prover))


def token_exchange(
    binding: Binding,
    client: ClientCredentials,
    subject_token: Secret,
    *,
    subject_token_type: str = ACCESS_TOKEN,
    audience: str | None = None,
    scope: str | None = None,
    prover: Prover | None = None,
) -> Flow[Granted]:
    """Trade a token for an access token (RFC 8693 §2.1).

    Raises:
        OAuthError, AuthenticationError, ServerUnavailable: As it came.
    """
    parameters = [
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", subject_token.reveal()),
        ("subject_token_type", subject_token_type),
        ("requested_token_type", ACCESS_TOKEN),
        ("audience", audience),
        ("scope", scope),
        ("resource", binding.resource),
    ]
    return (yield from _granted(binding, client, parameters, prover))


def identity_assertion(
    idp_endpoint: str,
    idp_client: ClientCredentials,
    subject_token: Secret,
    *,
    audience: str,
    resource: str,
    scope: str | None,
    subject_token_type: str = ID_TOKEN,
) -> Flow[Secret]:
    """Get an ID-JAG from the identity provider: leg one of enterprise-managed authorization (ID-JAG §4.3).

    Args:
        idp_endpoint: The identity provider's token endpoint.
        idp_client: The client as the identity provider knows it.
        subject_token: The person's ID token.
        audience: The issuer of the MCP server's authorization server.
        resource: The MCP server.
        scope: Space separated, or None.
        subject_token_type: What `subject_token` is.

    Raises:
        AuthenticationError: What came back is no ID-JAG.
        OAuthError, ServerUnavailable: As it came.
    """
    parameters = [
        ("grant_type", TOKEN_EXCHANGE),
        ("requested_token_type", ID_JAG),
        ("audience", audience),
        ("resource", resource),
        ("scope", scope),
        ("subject_token", subject_token.reveal()),
        ("subject_token_type", subject_token_type),
    ]
    request = authenticated_form(idp_endpoint, "token_endpoint", idp_client, parameters)
    response = yield from send_to_token_endpoint(request, idp_client, None)
    if response.status != 200:
        answer = read_token_answer(response)
        if not isinstance(answer, Granted):
            raise as_error(answer)
    try:
        document = read_document(TokenResponse, response.body)
    except NotADocument as why:
        raise AuthenticationError(
            f"the identity provider gave no ID-JAG ({why})", spec="ID-JAG §4.3"
        ) from None
    if document.issued_token_type != ID_JAG or document.token_type.lower() != "n_a":
        raise AuthenticationError("the identity provider gave a token of another type", spec="ID-JAG §4.3.3")
    if not document.access_token:
        raise AuthenticationError("the identity provider gave an empty ID-JAG", spec="ID-JAG §4.3")
    return Secret(document.access_token)


def _granted(
    binding: Binding,
    client: ClientCredentials,
    parameters: list[tuple[str, str | None]],
    prover: Prover | None,
) -> Flow[Granted]:
    request = authenticated_form(binding.token_endpoint, "token_endpoint", client, parameters)
    response = yield from send_to_token_endpoint(request, client, prover)
    answer: Answer = read_token_answer(response, binding=binding, token_type=token_type(prover))
    if isinstance(answer, Granted):
        return answer
    raise as_error(answer)

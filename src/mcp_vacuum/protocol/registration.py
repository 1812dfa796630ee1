"""Dynamic client registration (RFC 7591): ask for little, check what came back."""

from __future__ import annotations

import json
from typing import Any

from mcp_vacuum.errors import RegistrationError, ServerUnavailable
from mcp_vacuum.models import AuthMethod, ClientCredentials
from mcp_vacuum.protocol.client_auth import SIGNED_METHODS, performable
from mcp_vacuum.protocol.documents import RegistrationResponse, read_document, read_error
from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.safety.address import is_loopback_host
from mcp_vacuum.safety.limits import TOKEN_TIMEOUT, NotADocument
from mcp_vacuum.safety.secret import wrapped
from mcp_vacuum.safety.url import check_endpoint, host_of, printable

DEFAULT_SCOPE = "mcp:tools mcp:resources mcp:prompts"
"""Asked for where the server states no scopes."""
CODE_GRANTS = ("authorization_code", "refresh_token")
CLIENT_URI = "https://github.com/mcp-vacuum/mcp-vacuum"


def client_name(server_name: str) -> str:
    """Return the name that a consent page will show."""
    return f"MCP Vacuum - {server_name}"


def registration_request(
    endpoint: str,
    *,
    name: str,
    redirect_uris: tuple[str, ...],
    scope: str | None,
    auth_method: AuthMethod = "none",
    grant_types: tuple[str, ...] = CODE_GRANTS,
) -> HttpRequest:
    """Return the request that registers a client (RFC 7591 §3.1).

    `application_type` follows from the redirect URIs: `native` when one is on loopback (OpenID Connect
    Registration §2), which is what lets a server treat its port as variable.

    Raises:
        SecurityRefused: The endpoint is not https or http on loopback.
    """
    native = any(is_loopback_host(host_of(uri)) for uri in redirect_uris)
    metadata: dict[str, Any] = {
        "client_name": client_name(name),
        "client_uri": CLIENT_URI,
        "redirect_uris": list(redirect_uris),
        "grant_types": list(grant_types),
        "response_types": ["code"] if "authorization_code" in grant_types else [],
        "token_endpoint_auth_method": auth_method,
        "application_type": "native" if native else "web",
        **({"scope": scope} if scope else {}),
    }
    return HttpRequest(
        "POST",
        check_endpoint(endpoint, "registration_endpoint"),
        headers=(("Content-Type", "application/json"), ("Accept", "application/json")),
        body=json.dumps(metadata).encode(),
        timeout=TOKEN_TIMEOUT,
    )


def read_registration(
    response: HttpResponse,
    *,
    issuer: str | None,
    redirect_uris: tuple[str, ...],
    auth_method: AuthMethod = "none",
) -> ClientCredentials:
    """Turn the answer into credentials (RFC 7591 §3.2.1); what the server left out stays as asked.

    Args:
        response: The answer to `registration_request()`.
        issuer: Whose client this becomes.
        redirect_uris: As asked.
        auth_method: As asked.

    Raises:
        RegistrationError: Refused, not understood, or registered differently from what was asked.
        ServerUnavailable: 429 or 5xx.
    """
    document = _accepted(response)
    if not document.client_id:
        raise _odd(response, "registered an empty client_id")
    if document.redirect_uris is not None and not set(redirect_uris) <= set(document.redirect_uris):
        raise _odd(response, "registered other redirect URIs than asked")
    method = performable(document.token_endpoint_auth_method or auth_method)
    if method is None or method in SIGNED_METHODS:
        raise _odd(response, "registered an authentication method that was not asked for")
    if method != "none" and not document.client_secret:
        raise _odd(response, f"registered {method} but gave no client secret")
    return ClientCredentials(
        client_id=document.client_id,
        client_secret=wrapped(document.client_secret) if method != "none" else None,
        issuer=issuer,
        registration="dynamic",
        redirect_uris=tuple(document.redirect_uris or redirect_uris),
        token_endpoint_auth_method=method,
        client_secret_expires_at=document.client_secret_expires_at or 0,
        registration_client_uri=document.registration_client_uri,
        registration_access_token=wrapped(document.registration_access_token),
        scope=document.scope,
    )


def _accepted(response: HttpResponse) -> RegistrationResponse:
    if response.status >= 500 or response.status == 429:
        raise ServerUnavailable(
            f"registration answers with status {response.status}", hint="try again later", url=response.url
        )
    if response.status not in (200, 201):
        raise _refused(response)
    try:
        return read_document(RegistrationResponse, response.body)
    except NotADocument as why:
        raise _odd(response, f"gave an answer that is no registration ({why})") from None


def _refused(response: HttpResponse) -> RegistrationError:
    error = read_error(response.body)
    said = f"status {response.status}"
    if error is not None:
        said = printable(": ".join(filter(None, (error.error, error.error_description))))
    return RegistrationError(
        f"the authorization server refused to register this client ({said})",
        hint="get a client ID from its operator and pass --client-id",
        spec="RFC 7591 §3.2.2",
        url=response.url,
    )


def _odd(response: HttpResponse, what: str) -> RegistrationError:
    return RegistrationError(f"the authorization server {what}", spec="RFC 7591 §3.2.1", url=response.url)

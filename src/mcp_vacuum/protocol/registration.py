"""Dynamic client registration (RFC 7591) and its end (RFC 7592): ask for little, check what came back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

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
NO_METADATA: Mapping[str, object] = MappingProxyType({})
_DECIDED_HERE = frozenset(
    {"redirect_uris", "response_types", "grant_types", "token_endpoint_auth_method", "scope"}
)
"""Members that follow from the login itself; a caller's own value for them goes through its options."""


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
    about: Mapping[str, object] = NO_METADATA,
) -> HttpRequest:
    """Return the request that registers a client (RFC 7591 §3.1).

    `about` describes the client in its own words: `client_name`, `logo_uri`, `software_id` and the like
    replace ours (RFC 7591 §2); what the login itself decides stays as it is.

    `application_type` follows from the redirect URIs: `native` when one is on loopback (OpenID Connect
    Registration §2), which is what lets a server treat its port as variable.

    Raises:
        SecurityRefused: The endpoint is not https or http on loopback.
    """
    native = any(is_loopback_host(host_of(uri)) for uri in redirect_uris)
    metadata: dict[str, Any] = {
        **({} if "client_name" in about else {"client_name": client_name(name), "client_uri": CLIENT_URI}),
        "redirect_uris": list(redirect_uris),
        "grant_types": list(grant_types),
        "response_types": ["code"] if "authorization_code" in grant_types else [],
        "token_endpoint_auth_method": auth_method,
        "application_type": "native" if native else "web",
        **({"scope": scope} if scope else {}),
        **{name: value for name, value in about.items() if name not in _DECIDED_HERE},
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
    method = _registered_method(response, document, auth_method)
    confirmed = _confirmed(response, document, redirect_uris)
    if not document.client_id:
        raise _odd(response, "registered an empty client_id")
    return ClientCredentials(
        client_id=document.client_id,
        client_secret=wrapped(document.client_secret) if method != "none" else None,
        issuer=issuer,
        registration="dynamic",
        redirect_uris=confirmed,
        token_endpoint_auth_method=method,
        client_secret_expires_at=document.client_secret_expires_at or 0,
        registration_client_uri=document.registration_client_uri,
        registration_access_token=wrapped(document.registration_access_token),
        scope=document.scope,
    )


def _confirmed(
    response: HttpResponse, document: RegistrationResponse, asked: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the redirect URIs that we asked for: where we listen is never for a server to choose."""
    if document.redirect_uris is not None and not set(asked) <= set(document.redirect_uris):
        raise _odd(response, "registered other redirect URIs than asked")
    return asked


def _registered_method(
    response: HttpResponse, document: RegistrationResponse, asked: AuthMethod
) -> AuthMethod:
    """Return how the client authenticates, if it can: with a key only where it was registered with one."""
    method = performable(document.token_endpoint_auth_method or asked)
    if method is None or (method in SIGNED_METHODS and method != asked):
        raise _odd(response, "registered an authentication method that was not asked for")
    if method not in ("none", "private_key_jwt") and not document.client_secret:
        raise _odd(response, f"registered {method} but gave no client secret")
    return method


def management_request(client: ClientCredentials, method: Literal["GET", "DELETE"]) -> HttpRequest | None:
    """Return the request that reads or deletes a registration (RFC 7592 §2.1, §2.3).

    None where the server gave no address or no token for it. That token goes to that address alone.

    Raises:
        SecurityRefused: The address is not https or http on loopback.
    """
    if client.registration_client_uri is None or client.registration_access_token is None:
        return None
    token = client.registration_access_token.reveal()
    return HttpRequest(
        method,
        check_endpoint(client.registration_client_uri, "registration_client_uri", spec="RFC 7592 §3"),
        headers=(("Authorization", f"Bearer {token}"), ("Accept", "application/json")),
        timeout=TOKEN_TIMEOUT,
    )


def read_managed(response: HttpResponse, client: ClientCredentials) -> ClientCredentials:
    """Turn the answer to a read into credentials: the server may have given a new secret, address or token.

    Args:
        response: The answer to `management_request(client, "GET")`.
        client: As it was; what the answer leaves out stays (RFC 7592 §2.1).

    Raises:
        RegistrationError: The server knows the client no more, or its answer is not about this client.
        ServerUnavailable: 429 or 5xx.
    """
    read = read_registration(
        response,
        issuer=client.issuer,
        redirect_uris=client.redirect_uris,
        auth_method=client.token_endpoint_auth_method,
    )
    if read.client_id != client.client_id:
        raise _odd(response, "answered with another client's registration")
    return replace(
        read,
        registration_client_uri=read.registration_client_uri or client.registration_client_uri,
        registration_access_token=read.registration_access_token or client.registration_access_token,
        scope=read.scope or client.scope,
    )


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of a registration that was to be deleted.

    Attributes:
        gone: The server has it no more.
        because: Why it still has, or why it had it no more before.
    """

    gone: bool
    because: str | None = None


def read_deletion(response: HttpResponse) -> Deletion:
    """Turn the answer to a delete into its meaning (RFC 7592 §2.3): 204; 401 where the client is unknown."""
    if response.status in (200, 204):
        return Deletion(True)
    error = read_error(response)
    said = f"status {response.status}" + (f", {printable(error.error, 80)}" if error else "")
    if response.status in (401, 404, 410):
        return Deletion(True, f"the server does not know it any more ({said})")
    return Deletion(False, f"the server answered {said}")


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
    error = read_error(response)
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

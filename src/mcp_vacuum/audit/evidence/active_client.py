"""The auditor's own clients: registered for the audit, and deleted after it (RFC 7591, RFC 7592)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from mcp_vacuum.audit.evidence.active import FOREIGN, OwnClient
from mcp_vacuum.audit.evidence.active_session import Session
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.reaction import text_member
from mcp_vacuum.errors import VacuumError
from mcp_vacuum.models import AuthMethod, ClientCredentials
from mcp_vacuum.protocol.client_auth import choose_method
from mcp_vacuum.protocol.device import DEVICE_CODE
from mcp_vacuum.protocol.registration import (
    CODE_GRANTS,
    management_request,
    read_registration,
    registration_request,
)
from mcp_vacuum.safety.limits import TOKEN_TIMEOUT

NAME = "audit of this server"
ABOUT = {"client_name": f"mcp-vacuum ({NAME}; deleted afterwards)"}
DANGEROUS = {
    "a script": "javascript:alert(1)//callback",
    "data": "data:text/html,callback",
    "plain http on another host": "http://evil.example/callback",
    "a wildcard host": "https://*.evil.example/callback",
    "a fragment": "https://client.example/callback#there",
    "a user name": "https://client.example@evil.example/callback",
    "a scheme without a dot": "callback:/there",
}
"""Redirect URIs that no client should be able to register, by what is wrong with them."""


async def choose_clients(session: Session) -> None:
    """Find or register the auditor's client, and a second one where anybody can register."""
    listed = session.document.words("token_endpoint_auth_methods_supported")
    if session.options.client is not None:
        session.client = OwnClient(_bound(session, session.options.client))
    elif session.options.client_metadata_url and session.document.members:
        url = session.options.client_metadata_url
        session.client = OwnClient(
            ClientCredentials(client_id=url, issuer=session.issuer, registration="metadata_document")
        )
    else:
        await _register_both(session, listed)


async def _register_both(session: Session, listed: tuple[str, ...] | None) -> None:
    if session.endpoint("registration") is None:
        session.missing("the server registers no clients by itself; give one with --client-id", "all")
        return
    method = choose_method(listed, has_secret=False)
    session.client = await _registered(session, "registered", "register a client", method)
    if session.client is None:
        return
    confidential = choose_method(listed, has_secret=True)
    if listed is not None and confidential not in listed:
        confidential = method
    session.other = await _registered(
        session, "registered another", "register another client", confidential, FOREIGN
    ) or await _registered(session, "registered another", "register another client", confidential)
    await _register_dangerous(session)
    await _knock_at_registration(session)


async def _registered(
    session: Session, name: str, purpose: str, method: AuthMethod, *more: str
) -> OwnClient | None:
    request = registration_request(
        session.endpoint("registration") or "",
        name=NAME,
        redirect_uris=(session.redirect_uri, *more),
        scope=session.scope,
        auth_method=method,
        grant_types=(*CODE_GRANTS, *((DEVICE_CODE,) if session.endpoint("device_authorization") else ())),
        about={**ABOUT, "audit_unknown_member": "to be ignored"},
    )
    exchange = await _sent(session, name, purpose, request.body or b"")
    made = _made(session, exchange, method)
    if made is None:
        why = f"no client could be registered: {exchange.said}"
        session.missing(why, "all" if name == "registered" else "other client")
        return None
    return OwnClient(made, exchange)


async def register_with_key(
    session: Session, jwk: Mapping[str, object], grants: tuple[str, ...]
) -> OwnClient | None:
    """Register a client that authenticates by assertions which its key signs (RFC 7591 §2, `jwks`).

    None where the server registers no such client, or none with the first of these grants; `seen` has the
    answer.
    """
    request = registration_request(
        session.endpoint("registration") or "",
        name=NAME,
        redirect_uris=(session.redirect_uri,),
        scope=session.scope,
        auth_method="private_key_jwt",
        grant_types=grants,
        about={**ABOUT, "jwks": {"keys": [dict(jwk)]}},
    )
    purpose = "register a client with a key"
    exchange = await _sent(session, "registered with a key", purpose, request.body or b"")
    made = _made(session, exchange, "private_key_jwt")
    if made is None or made.token_endpoint_auth_method != "private_key_jwt":
        return None
    granted = exchange.document.get("grant_types", grants)
    return OwnClient(made, exchange) if isinstance(granted, list | tuple) and grants[0] in granted else None


async def _sent(session: Session, name: str, purpose: str, body: bytes) -> Exchange:
    session.seen[name] = await session.wire.send(
        purpose,
        "POST",
        session.endpoint("registration") or "",
        headers=(("Content-Type", "application/json"), ("Accept", "application/json")),
        body=body,
        timeout=TOKEN_TIMEOUT,
    )
    return session.seen[name]


def _made(session: Session, exchange: Exchange, method: AuthMethod) -> ClientCredentials | None:
    """Return the client that an answer describes, and remember to delete it."""
    if exchange.response is None or not text_member(exchange, "client_id"):
        return None
    try:
        made = read_registration(
            exchange.response, issuer=session.issuer, redirect_uris=(), auth_method=method
        )
    except VacuumError:
        return None
    made = replace(made, redirect_uris=(session.redirect_uri,))
    session.made.append(made)
    return made


async def _register_dangerous(session: Session) -> None:
    """Try to register what no client should be; what is taken is deleted with the rest."""
    for what, uri in DANGEROUS.items():
        document = {
            **ABOUT,
            "redirect_uris": [uri],
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "token_endpoint_auth_method": session.credentials.token_endpoint_auth_method,
        }
        name, body = f"registered {what}", json.dumps(document).encode()
        exchange = await _sent(session, name, f"register {what} as redirect URI", body)
        _made(session, exchange, "none")


async def _knock_at_registration(session: Session) -> None:
    """Read the registration without its token, and with a wrong one."""
    request = management_request(session.credentials, "GET")
    if request is None:
        session.missing("NOT_APPLICABLE: registrations cannot be managed (RFC 7592)", "managed", "unmanaged")
        return
    wrong = (("Authorization", "Bearer not-the-registration-access-token"),)
    for name, purpose, headers in (
        ("managed", "read the registration", request.headers),
        ("managed without a token", "read the registration without its token", ()),
        ("managed with a wrong token", "read the registration with a wrong token", wrong),
    ):
        session.seen[name] = await session.wire.send(purpose, "GET", request.url, headers=headers)


async def forget_clients(session: Session) -> None:
    """Delete what was registered, also where the server had enough of us."""
    for client in session.made:
        with suppress(VacuumError):
            request = management_request(client, "DELETE")
            if request is not None:
                session.wire.go_on(request.url)
                answer = await session.wire.send(
                    "delete the client", "DELETE", request.url, headers=request.headers
                )
                session.seen.setdefault("deleted", answer)


def _bound(session: Session, client: ClientCredentials) -> ClientCredentials:
    """Say how a pre-registered client shows who it is at this server."""
    listed = session.document.words("token_endpoint_auth_methods_supported")
    if client.client_secret is None:
        return replace(client, issuer=session.issuer, token_endpoint_auth_method="none")
    method = choose_method(listed, has_secret=True)
    return replace(client, issuer=session.issuer, token_endpoint_auth_method=method)

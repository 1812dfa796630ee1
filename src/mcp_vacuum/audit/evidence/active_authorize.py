"""The authorization endpoint without a person: sound and defective requests, as a browser without cookies."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.active import FOREIGN, FOREIGN_RESOURCE
from mcp_vacuum.audit.evidence.active_login import Parameters, request_url, sound
from mcp_vacuum.audit.evidence.active_session import Session
from mcp_vacuum.audit.evidence.endpoints import HTML
from mcp_vacuum.audit.evidence.wire import at_once
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.safety.address import is_loopback_host
from mcp_vacuum.safety.url import host_of

ODD_STATE = "a+b%2B c&d=e;f/g?h~"
"""What a state may be made of (RFC 6749, appendix A.5), and what a careless server changes."""
UNKNOWN_SCOPE = "audit:no-such-scope"
LEGACY_TYPES = ("token", "id_token token", "code token")
EXTRA = (("audit_unknown", "1"), ("code", "code-of-the-request"), ("iss", "https://auditor.invalid"))
"""Parameters that an authorization request does not have: they are to be ignored, and not to come back."""


def mutations(redirect_uri: str) -> dict[str, str]:
    """Return redirect URIs that are not the registered one, by what was changed."""
    parts = urlsplit(redirect_uri)
    base = f"{parts.scheme}://{parts.netloc}"
    return {
        "an extra path": f"{redirect_uri}/more",
        "a path that climbs": f"{redirect_uri}/../more",
        "an encoded slash": f"{base}{parts.path}%2fmore",
        "an added query": f"{redirect_uri}?audit=1",
        "a fragment": f"{redirect_uri}#audit",
        "a trailing slash": f"{redirect_uri}/",
        "another case": f"{base}{parts.path.upper()}",
        "another host": f"{parts.scheme}://auditor.invalid{parts.path}",
        "a longer host": f"{parts.scheme}://{parts.hostname}.auditor.invalid{parts.path}",
        "a user name": f"{parts.scheme}://{parts.netloc}@auditor.invalid{parts.path}",
        "another scheme": f"https://{parts.netloc}{parts.path}",
    }


def other_port(redirect_uri: str) -> str | None:
    """Return the redirect URI with another port, if a native app may choose one (RFC 8252 §7.3)."""
    parts = urlsplit(redirect_uri)
    if parts.hostname != "127.0.0.1" or parts.port is None:
        return None
    return redirect_uri.replace(f":{parts.port}", f":{parts.port % 60000 + 1025}", 1)


async def look(session: Session) -> None:
    """Send every request that needs no person, a few at a time."""
    tries: dict[str, tuple[str, Parameters]] = {"asked": ("a sound request", sound(session).parameters)}
    tries |= _redirects(session) | _parameters(session) | _pkce(session)
    if session.other is not None:
        tries["asked as another"] = (
            "a sound request of another client",
            sound(session, other=True).parameters,
        )
    else:
        session.missing("there is no second client to try it with", "asked as another")
    tries |= _forwarding(session)
    urls = {name: (purpose, request_url(session, sent)) for name, (purpose, sent) in tries.items()}

    def asking(name: str):  # type: ignore[no-untyped-def]
        async def ask() -> Exchange:
            purpose, url = urls[name]
            return await session.wire.get(purpose, url, accept=HTML)

        return ask

    answers = await at_once(*map(asking, urls))
    session.seen.update(zip(urls, answers, strict=True))


def _redirects(session: Session) -> dict[str, tuple[str, Parameters]]:
    sent = sound(session)
    tries: dict[str, tuple[str, Parameters]] = {
        "foreign redirect": (
            "a redirect URI that is not registered",
            sent.changed(redirect_uri=FOREIGN),
        ),
        "foreign client": (
            "an unknown client and its redirect URI",
            sent.changed(client_id=f"unknown-{secrets.token_hex(8)}", redirect_uri=FOREIGN),
        ),
    }
    for what, uri in mutations(session.redirect_uri).items():
        tries[f"redirect: {what}"] = (f"a redirect URI with {what}", sent.changed(redirect_uri=uri))
    port = other_port(session.redirect_uri)
    if port and is_loopback_host(host_of(session.redirect_uri)):
        tries["redirect: another port"] = (
            "a redirect URI with another port",
            sent.changed(redirect_uri=port),
        )
    return tries


def _parameters(session: Session) -> dict[str, tuple[str, Parameters]]:
    sent = sound(session)
    doubled = ("client_id", "redirect_uri", "scope", "state")
    tries: dict[str, tuple[str, Parameters]] = {
        f"doubled {name}": (f"{name} twice", [*sent.parameters, (name, dict(sent.parameters)[name])])
        for name in doubled
        if name in dict(sent.parameters)
    }
    tries["no response_type"] = ("no response_type", sent.changed(response_type=None))
    tries["extra parameters"] = ("unknown parameters", [*sent.parameters, *EXTRA])
    tries["odd state"] = ("an unknown scope, and a state of odd characters", _odd(session))
    tries["foreign resource"] = ("an unknown resource", sent.changed(resource=FOREIGN_RESOURCE))
    tries["silent"] = ("prompt=none without a session", [*sent.parameters, ("prompt", "none")])
    for kind in LEGACY_TYPES:
        tries[f"response_type {kind}"] = (
            f"response_type={kind}",
            sent.changed(response_type=kind, nonce=secrets.token_urlsafe(16)),
        )
    return tries


def _odd(session: Session) -> Parameters:
    return sound(session, state=ODD_STATE + secrets.token_urlsafe(12)).changed(scope=UNKNOWN_SCOPE)


def _pkce(session: Session) -> dict[str, tuple[str, Parameters]]:
    sent = sound(session)
    return {
        "no challenge": (
            "no code_challenge",
            sent.changed(code_challenge=None, code_challenge_method=None),
        ),
        "plain": (
            "code_challenge_method=plain",
            sent.changed(code_challenge=sent.verifier, code_challenge_method="plain"),
        ),
        "no method": (
            "no code_challenge_method, which means plain",
            sent.changed(code_challenge=sent.verifier, code_challenge_method=None),
        ),
    }


def _forwarding(session: Session) -> dict[str, tuple[str, Parameters]]:
    """Requests that a client registered by anybody could use to send people elsewhere."""
    if session.other is None or FOREIGN not in _registered(session):
        return {}
    sent = sound(session, other=True)
    return {
        "forwarded scope": (
            "an invalid scope, with a foreign redirect URI that is registered",
            sent.changed(redirect_uri=FOREIGN, scope=UNKNOWN_SCOPE),
        ),
        "forwarded type": (
            "an invalid response_type, with the same",
            sent.changed(redirect_uri=FOREIGN, response_type="audit"),
        ),
    }


def _registered(session: Session) -> tuple[str, ...]:
    """Return the redirect URIs of the other client."""
    registration = session.other.registration if session.other else None
    if registration is None or registration.request is None:
        return ()
    return (FOREIGN,) if FOREIGN.encode() in (registration.request.body or b"") else ()

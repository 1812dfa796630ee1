"""Machine grants: logins that need no person, kept under a name like any other.

Each asks with one request. No retry and no other grant after an error: the specifications forbid both.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, fields

from mcp_vacuum.drivers.workload import read_token
from mcp_vacuum.errors import AuthenticationError
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.protocol import grants
from mcp_vacuum.protocol.assertion import check_assertion
from mcp_vacuum.protocol.effects import Flow
from mcp_vacuum.protocol.proof import Prover
from mcp_vacuum.protocol.token import Granted
from mcp_vacuum.safety.secret import Secret, wrapped

MACHINE_GRANTS = ("client_credentials", "jwt_bearer", "token_exchange", "id_jag")


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantSettings:
    """What a machine grant needs besides its client.

    Attributes:
        token: The assertion or subject token itself, where the caller has no source that can be read anew.
        token_from: Where the assertion or subject token comes from (`drivers.workload`).
        token_type: What the subject token is (RFC 8693 §3).
        audience: Whom the assertion is for, or the `audience` of a token exchange; None for the issuer.
        idp_token_endpoint: Leg one of `id_jag`: the identity provider.
        idp_client_id, idp_client_secret: The client as the identity provider knows it.
    """

    token: str | None = None
    token_from: str | None = None
    token_type: str = grants.ACCESS_TOKEN
    audience: str | None = None
    idp_token_endpoint: str | None = None
    idp_client_id: str | None = None
    idp_client_secret: str | None = None

    def to_secret(self) -> Secret:
        """Return the settings to be sealed."""
        return Secret(json.dumps(asdict(self)))

    @classmethod
    def from_secret(cls, text: Secret | None) -> GrantSettings:
        """Restore what `to_secret()` made; members of newer versions are passed over."""
        kept = json.loads(text.reveal()) if text else {}
        return cls(**{field.name: kept[field.name] for field in fields(cls) if field.name in kept})

    def __repr__(self) -> str:
        return f"GrantSettings(token_from={self.token_from!r}, audience={self.audience!r})"


def machine_flow(credential: Credential, prover: Prover | None) -> Flow[Granted]:
    """Return the flow that gets a token for a machine login.

    Raises:
        AuthenticationError: The assertion is not there, expired, or for somebody else.
    """
    settings = GrantSettings.from_secret(credential.grant_settings)
    binding, client = credential.binding, credential.client
    assert binding is not None
    assert client is not None
    scope = credential.scope_asked
    if credential.grant == "client_credentials":
        return grants.client_credentials(binding, client, scope=scope, prover=prover)
    subject = _subject_token(credential, settings)
    if credential.grant == "jwt_bearer":
        return grants.jwt_bearer(binding, client, subject, scope=scope, prover=prover)
    if credential.grant == "token_exchange":
        return grants.token_exchange(
            binding,
            client,
            subject,
            subject_token_type=settings.token_type,
            audience=settings.audience,
            scope=scope,
            prover=prover,
        )
    return _both_legs(credential, settings, subject, prover)


def _subject_token(credential: Credential, settings: GrantSettings) -> Secret:
    issuer = credential.issuer or ""
    audience = settings.audience or issuer
    if settings.token is not None:
        token = Secret(settings.token)
    elif settings.token_from is not None:
        token = read_token(settings.token_from, audience=audience)
    else:
        raise AuthenticationError(f"the grant {credential.grant} names no source of its token")
    if credential.grant == "jwt_bearer":
        # The specification drafts disagree on issuer and token endpoint; servers take one or both.
        audiences = (audience, issuer, credential.token_endpoint or "")
        check_assertion(token, audiences=audiences, now=time.time())
    return token


def _both_legs(
    credential: Credential, settings: GrantSettings, subject: Secret, prover: Prover | None
) -> Flow[Granted]:
    """Enterprise-managed authorization: an ID-JAG from the identity provider, then a token for it."""
    binding, client = credential.binding, credential.client
    assert binding is not None
    assert client is not None
    assert settings.idp_token_endpoint is not None
    id_jag = yield from grants.identity_assertion(
        settings.idp_token_endpoint,
        _idp_client(settings, client),
        subject,
        audience=credential.issuer or "",
        resource=credential.resource or credential.server,
        scope=credential.scope_asked,
        subject_token_type=settings.token_type,
    )
    return (
        yield from grants.jwt_bearer(binding, client, id_jag, scope=credential.scope_asked, prover=prover)
    )


def _idp_client(settings: GrantSettings, client: ClientCredentials) -> ClientCredentials:
    secret = wrapped(settings.idp_client_secret)
    return ClientCredentials(
        client_id=settings.idp_client_id or client.client_id,
        client_secret=secret,
        token_endpoint_auth_method="client_secret_basic" if secret else "none",
    )

"""Machine logins: no person, one request, kept under a name like a login: `token NAME` works for both."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from mcp_vacuum.drivers.route import Route
from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.drivers.workload import check_source
from mcp_vacuum.errors import DiscoveryError, UsageError
from mcp_vacuum.models import DEFAULT_ACCOUNT, AuthMethod, ClientCredentials, Credential
from mcp_vacuum.protocol import grants
from mcp_vacuum.protocol.assertion import with_signing_alg
from mcp_vacuum.protocol.client_auth import choose_method
from mcp_vacuum.protocol.discovery import AuthServer, Discovery, NotRequired, Probe
from mcp_vacuum.protocol.flows import discover
from mcp_vacuum.protocol.proof import Prover
from mcp_vacuum.protocol.quirks import NO_RESOURCE, PKCE_UNADVERTISED, check_quirks
from mcp_vacuum.protocol.scopes import choose_scope
from mcp_vacuum.safety.address import Reach
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import check_endpoint, host_of, normalise_server_url
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.secure import credential_of
from mcp_vacuum.tokens.machine import MACHINE_GRANTS, GrantSettings, machine_flow
from mcp_vacuum.tokens.renewal import LEASE_TIMEOUT

_NEEDS = {
    "jwt_bearer": grants.JWT_BEARER,
    "client_credentials": "client_credentials",
    "token_exchange": grants.TOKEN_EXCHANGE,
    "id_jag": grants.JWT_BEARER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantOptions:
    """How a machine gets its tokens.

    Attributes:
        grant: One of `MACHINE_GRANTS`.
        client: The client, pre-registered; None for a grant whose assertion is enough.
        account: A name for one of several machine logins.
        scope: Scopes to ask for instead of the server's own choice.
        subject_token: The assertion or subject token itself; better is `token_from`, which is read anew.
        token_from: Where it comes from: `file:PATH`, `env:NAME`, `command:CMD`, `kubernetes`,
            `github-actions`.
        token_type: What a subject token is (RFC 8693 §3).
        audience: Whom the token is for.
        idp_token_endpoint, idp_client_id, idp_client_secret: Leg one of `id_jag`.
        dpop: Bind the tokens to a key, also where the resource does not ask for it.
        resource, quirks, allow_private_network: As in `LoginOptions`.
    """

    grant: str
    client: ClientCredentials | None = None
    account: str = DEFAULT_ACCOUNT
    scope: tuple[str, ...] = ()
    subject_token: Secret | None = field(default=None)
    token_from: str | None = None
    token_type: str | None = None
    audience: str | None = None
    idp_token_endpoint: str | None = None
    idp_client_id: str | None = None
    idp_client_secret: Secret | None = None
    dpop: bool = False
    resource: str | None = None
    quirks: tuple[str, ...] = ()
    allow_private_network: bool = False


def grant_blocking(
    server_url: str,
    options: GrantOptions,
    *,
    store: CredentialStore,
    name: str | None = None,
    greeting: Probe | None = None,
) -> Credential:
    """Get a token as a machine, and keep how it was had.

    Args:
        server_url: The protected server.
        options: See `GrantOptions`.
        store: Where to keep it.
        name: An alias for it.
        greeting: What the server answered already; it is then not asked again.

    Raises:
        UsageError: The options do not fit together.
        DiscoveryError, SecurityRefused: See `protocol.discovery.discover`.
        OAuthError, AuthenticationError, ServerUnavailable: As the server answered; nothing is retried.
        StorageError: It cannot be kept.
    """
    _check(options)
    server = normalise_server_url(server_url)
    if name is not None:
        store.check_alias(server, options.account, name)
    _check_free(store, server, options.account)
    policy = NetworkPolicy(host_of(server), allow_private=options.allow_private_network)
    # A machine sends no authorization request, so there is nothing for PKCE to protect.
    quirks = (*options.quirks, PKCE_UNADVERTISED.name)
    flow = discover(server, greeting=greeting, resource=options.resource, quirks=quirks)
    found = SyncDriver(policy).run(flow)
    if isinstance(found, NotRequired):
        raise DiscoveryError(f"{server} answers without a login", hint="no grant is needed", url=server)
    prover = _prover(options, found)
    draft = _draft(server, options, found, policy, prover)
    granted = SyncDriver(policy).run(machine_flow(draft, prover))
    with store.lease(server, options.account, LEASE_TIMEOUT):
        old = store.get(server, options.account)
        generation = old.generation if old else 0
        alias = name or (old.alias if old else None)
        base = replace(draft, generation=generation, alias=alias)
        token = replace(granted.token, refresh_token=None, binding=None)
        kept = replace(credential_of(server, token, base), refresh_token=None)
        store.put(kept, expected_generation=generation)
        held = Held(token, kept.generation, prover=prover)
        ACCESS_TOKENS.put((store.location, server, options.account), held)
    return kept


def _check(options: GrantOptions) -> None:
    check_quirks(options.quirks)
    if options.grant not in MACHINE_GRANTS:
        known = ", ".join(MACHINE_GRANTS)
        raise UsageError(f"unknown grant {options.grant!r}", hint=f"one of {known}", spec="RFC 6749 §4.5")
    if options.token_from is not None:
        check_source(options.token_from)
    if options.grant == "client_credentials":
        if options.client is None:
            raise UsageError("client_credentials needs a client", hint="--client-id and a secret or key")
        if options.client.client_secret is None and options.client.private_key is None:
            raise UsageError(
                "client_credentials needs a client that can show who it is",
                hint="--client-secret-stdin or --client-key FILE",
                spec="OAuth 2.1 §4.2",
            )
        return
    if options.token_from is None and options.subject_token is None:
        raise UsageError(f"{options.grant} needs a token to show", hint="--token-from file:PATH, say")
    if options.grant == "id_jag":
        if options.idp_token_endpoint is None:
            raise UsageError("id_jag needs the identity provider's token endpoint")
        check_endpoint(options.idp_token_endpoint, "the identity provider's token endpoint")


def _check_free(store: CredentialStore, server: str, account: str) -> None:
    """A machine grant never takes the place of a person's login, which could not be had back without them."""
    old = store.get(server, account)
    if old is not None and old.grant not in MACHINE_GRANTS and old.ended is None:
        raise UsageError(
            f"a person's login for {server} is kept under the account {account!r}",
            hint="give the machine an account of its own: --account NAME",
        )


def _prover(options: GrantOptions, found: Discovery) -> Prover | None:
    if not options.dpop and not found.dpop_required:
        return None
    return Prover.generate(found.auth_server.dpop_algorithms)


def _draft(
    server: str, options: GrantOptions, found: Discovery, policy: NetworkPolicy, prover: Prover | None
) -> Credential:
    """The record without a token."""
    auth_server = found.auth_server
    _check_offered(options.grant, auth_server)
    route = Route.from_environment(auth_server.token_endpoint)
    settings = GrantSettings(
        token=options.subject_token.reveal() if options.subject_token else None,
        token_from=options.token_from,
        token_type=options.token_type
        or (grants.ID_TOKEN if options.grant == "id_jag" else grants.ACCESS_TOKEN),
        audience=options.audience,
        idp_token_endpoint=options.idp_token_endpoint,
        idp_client_id=options.idp_client_id,
        idp_client_secret=options.idp_client_secret.reveal() if options.idp_client_secret else None,
    )
    return Credential(
        server=server,
        account=options.account,
        resource=None if NO_RESOURCE.name in options.quirks else found.resource,
        issuer=auth_server.issuer,
        token_endpoint=auth_server.token_endpoint,
        revocation_endpoint=auth_server.revocation_endpoint,
        introspection_endpoint=auth_server.introspection_endpoint,
        client=_client(options.client, auth_server),
        scope_asked=choose_scope(
            wanted=options.scope, challenged=found.challenged_scope, resource_scopes=found.resource_scopes
        ),
        created_at=time.time(),
        reach=(policy.reach or Reach.PUBLIC).word,
        allow_private_network=options.allow_private_network,
        quirks=options.quirks,
        dpop_key=prover.key.to_secret() if prover else None,
        grant=options.grant,
        grant_settings=settings.to_secret(),
        proxy=route.proxy,
        ca_file=route.ca_file,
    )


def _check_offered(grant: str, server: AuthServer) -> None:
    if server.grant_types is not None and _NEEDS[grant] not in server.grant_types:
        raise DiscoveryError(
            f"{server.issuer} does not offer the grant {_NEEDS[grant]}", spec="RFC 8414 §2", url=server.issuer
        )


def _client(client: ClientCredentials | None, server: AuthServer) -> ClientCredentials:
    if client is None:
        return ClientCredentials(client_id="", issuer=server.issuer, registration="none")
    bound = replace(client, issuer=server.issuer, token_endpoint_auth_method=_method(client, server))
    return with_signing_alg(bound, server.signing_algorithms)


def _method(client: ClientCredentials, server: AuthServer) -> AuthMethod:
    if client.private_key is not None:
        return "private_key_jwt"
    if client.client_secret is None:
        return "none"
    listed = server.auth_methods or ()
    if "client_secret_jwt" in listed and not {"client_secret_basic", "client_secret_post"} & set(listed):
        return "client_secret_jwt"
    return choose_method(server.auth_methods, has_secret=True)

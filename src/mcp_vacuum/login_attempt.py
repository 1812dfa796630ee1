"""What each login has in common, whoever says yes: discovery comes first, and a bound record last."""

from __future__ import annotations

from dataclasses import replace

from mcp_vacuum.drivers.route import Route
from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.login_options import Helpers, LoginOptions, LoginResult
from mcp_vacuum.models import ClientCredentials, Credential, OAuth2Token
from mcp_vacuum.protocol.discovery import Discovery, NotRequired, stated_resource
from mcp_vacuum.protocol.flows import discover
from mcp_vacuum.protocol.proof import Prover
from mcp_vacuum.protocol.quirks import NO_RESOURCE
from mcp_vacuum.protocol.scopes import choose_scope
from mcp_vacuum.safety.address import Reach
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.url import host_of
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.secure import credential_of
from mcp_vacuum.tokens.renewal import LEASE_TIMEOUT


class LoginAttempt:
    """One login in progress.

    Attributes:
        server: The normalised server URL.
        options: What is wanted.
        store: Where the login will be kept.
        helpers: Whom it turns to.
        prover: The key that the tokens are bound to, once `choose_proof` has made one.
        policy: Which hosts the server may point to; learns how public the server is.
        old: The login that is there already; None if there is none.
        replaced: The login whose place this one took, once `keep` has stored it.
        replaced_client: The registration whose place a new one took.
    """

    def __init__(self, server: str, options: LoginOptions, store: CredentialStore, helpers: Helpers) -> None:
        self.server = server
        self.options = options
        self.store = store
        self.helpers = helpers
        self.progress = helpers.progress
        self.prover: Prover | None = None
        self.policy = NetworkPolicy(host_of(server), allow_private=options.allow_private_network)
        self.old = store.get(server, options.account)
        self.replaced: Credential | None = None
        self.replaced_client: ClientCredentials | None = None

    def discover(self) -> Discovery | NotRequired:
        """Find out who authorizes for the server, or that nobody has to.

        Raises:
            DiscoveryError, SecurityRefused, ServerUnavailable: See `protocol.discovery.discover`.
        """
        self.progress("discovering", f"asking {self.server} how to log in")
        flow = discover(
            self.server,
            greeting=self.helpers.greeting,
            resource=self._judged_resource(),
            quirks=self.options.quirks,
            legacy=self.options.legacy,
        )
        found = SyncDriver(self.policy).run(flow)
        if isinstance(found, Discovery):
            issuer = found.auth_server.issuer
            self.progress("discovered", f"authorization server {issuer}")
            if self.old and self.old.issuer and self.old.issuer != issuer:
                self.progress(
                    "issuer_changed",
                    f"it used to be {self.old.issuer}; nothing of that login is sent to the new one",
                )
        return found

    def _judged_resource(self) -> str | None:
        """The resource to insist on: the person's, or the one that the caller's own check let pass."""
        check = self.helpers.check_resource
        if check is None:
            return self.options.resource
        flow = stated_resource(self.server, greeting=self.helpers.greeting)
        stated = SyncDriver(self.policy).run(flow)
        check(self.server, stated)
        return stated

    def choose_proof(self, found: Discovery) -> None:
        """Bind the tokens to a key where the resource asks for it, or the person does."""
        if self.options.dpop or found.dpop_required:
            self.prover = Prover.generate(found.auth_server.dpop_algorithms)

    def _wanted_scope(self, found: Discovery) -> tuple[str, ...]:
        """A step-up asks for the union, so that it takes nothing away; with `force` what is given is all."""
        old, wanted = self.old, self.options.scope
        if not wanted or self.options.force or old is None or old.issuer != found.auth_server.issuer:
            return wanted
        return (*(old.scope or "").split(), *wanted)

    def scope(self, found: Discovery) -> str | None:
        """Return the scopes to ask for, space separated."""
        return choose_scope(
            wanted=self._wanted_scope(found),
            challenged=found.challenged_scope,
            resource_scopes=found.resource_scopes,
            server_scopes=found.auth_server.scopes_supported,
        )

    def resource(self, found: Discovery) -> str | None:
        """Return what to send as `resource`; None for a server that refuses it by quirk."""
        return None if NO_RESOURCE.name in self.options.quirks else found.resource

    def keep(
        self,
        found: Discovery,
        client: ClientCredentials,
        redirect_uri: str | None,
        token: OAuth2Token,
    ) -> LoginResult:
        """Keep a login, bound to what was found, and hold its access token if there is one.

        Raises:
            StorageError: It could not be kept.
        """
        server, account = found.auth_server, self.options.account
        route = Route.from_environment(server.token_endpoint)
        with self.store.lease(self.server, account, LEASE_TIMEOUT):
            old = self.store.get(self.server, account)
            base = Credential(
                server=self.server,
                account=account,
                alias=old.alias if old else None,
                resource=self.resource(found),
                issuer=server.issuer,
                token_endpoint=server.token_endpoint,
                revocation_endpoint=server.revocation_endpoint,
                introspection_endpoint=server.introspection_endpoint,
                device_authorization_endpoint=server.device_authorization_endpoint,
                client=client,
                redirect_uri=redirect_uri,
                scope_asked=self.scope(found),
                scope=token.scope or self.scope(found),
                created_at=token.created_at,
                generation=old.generation if old else 0,
                reach=(self.policy.reach or Reach.PUBLIC).word,
                allow_private_network=self.options.allow_private_network,
                quirks=self.options.quirks,
                legacy=found.legacy,
                grant="device_code" if self.options.device else "authorization_code",
                dpop_key=self.prover.key.to_secret() if self.prover else None,
                proxy=route.proxy,
                ca_file=route.ca_file,
            )
            kept = credential_of(self.server, replace(token, binding=None), base)
            self.store.put(kept, expected_generation=old.generation if old else 0)
            self.replaced = old
            if token.access_token:
                held = Held(token, kept.generation, prover=self.prover)
                ACCESS_TOKENS.put((self.store.location, self.server, account), held)
        self.progress("stored", "the login is kept")
        return LoginResult("new", self.server, kept, token)

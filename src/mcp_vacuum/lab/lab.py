"""The lab as a whole: start it, misuse it, look at what happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mcp_vacuum.lab.authorization import AuthorizationServer
from mcp_vacuum.lab.clients import Client, Clients
from mcp_vacuum.lab.config import LabConfig
from mcp_vacuum.lab.faults import Faults
from mcp_vacuum.lab.grants import Grants
from mcp_vacuum.lab.messages import App, Request, Response
from mcp_vacuum.lab.proof import Proofs
from mcp_vacuum.lab.recorder import Recorder
from mcp_vacuum.lab.resource import ResourceServer
from mcp_vacuum.lab.server import LabServer
from mcp_vacuum.lab.world import MCP_PATH, World

if TYPE_CHECKING:
    from mcp_vacuum.lab.mint import Minter

_NOT_STARTED = "the lab has not been started: use it in a with statement"


class Lab:
    """An authorization server and an MCP server on loopback, from `with` to its end.

    Args:
        config: Its honest properties.

    Raises:
        OSError: On entering, when `config.port` or the next one is taken.
    """

    def __init__(self, config: LabConfig | None = None) -> None:
        self.config = config or LabConfig()
        self.faults = Faults()
        self.recorder = Recorder()
        self._ahead = 0.0
        self._stopped = threading.Event()
        self._running: tuple[World, AuthorizationServer, tuple[LabServer, LabServer]] | None = None

    def start(self) -> Self:
        """Open both ports. A lab starts once."""
        if self._running or self._stopped.is_set():
            raise RuntimeError("a lab starts once")
        mcp = LabServer("mcp", self.recorder, self.config.port)
        authorization = mcp if self.config.same_origin else self._beside(mcp)
        world = self._world(authorization.origin, mcp.origin)
        endpoints, resource = AuthorizationServer(world), ResourceServer(world)
        self._running = world, endpoints, (authorization, mcp)
        if authorization is mcp:
            mcp.start(
                self._behind(
                    lambda request: (resource if resource.owns(request.path) else endpoints)(request)
                )
            )
        else:
            authorization.start(self._behind(endpoints))
            mcp.start(self._behind(resource))
        return self

    def _behind(self, app: App) -> App:
        """Put the fault `around` before an app."""

        def answer(request: Request) -> Response:
            around = self.faults.around
            return around(request, app) if around else app(request)

        return answer

    def stop(self) -> None:
        """Close both ports and wait for every thread. What was recorded and issued stays readable."""
        self._stopped.set()
        for server in self._running[2] if self._running else ():
            server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def mcp_url(self) -> str:
        """The MCP server's endpoint."""
        return self._here.mcp_origin + MCP_PATH

    @property
    def issuer(self) -> str:
        """The authorization server's issuer identifier."""
        return self._here.issuer

    @property
    def resource(self) -> str:
        """The resource identifier in the MCP server's metadata."""
        return self._here.resource

    @property
    def resource_metadata_url(self) -> str:
        """Where the MCP server's metadata lies (RFC 9728 §3.1)."""
        return self._here.prm_url

    @property
    def reuse_detected(self) -> int:
        """How often a rotated refresh token was presented outside the grace period."""
        return self._here.grants.reuses

    @property
    def issued_codes(self) -> tuple[str, ...]:
        """Every authorization code ever issued, oldest first."""
        return self._here.grants.issued()[0]

    @property
    def issued_access_tokens(self) -> tuple[str, ...]:
        """Every access token ever issued, oldest first."""
        return self._here.grants.issued()[1]

    @property
    def issued_refresh_tokens(self) -> tuple[str, ...]:
        """Every refresh token ever issued, oldest first."""
        return self._here.grants.issued()[2]

    @property
    def issued_client_secrets(self) -> tuple[str, ...]:
        """Every client secret and registration access token, oldest first."""
        return self._here.clients.secrets_issued()

    def refresh_tokens_seen(self) -> tuple[str, ...]:
        """Every refresh token presented to /token, in order, with repeats; `recorder.clear()` clears it."""
        forms = (request.form for request in self.recorder.to("/token"))
        return tuple(value for form in forms for value in form.get("refresh_token", ()))

    def advance(self, seconds: float) -> None:
        """Let so much time pass, at once, for codes, tokens and pushed requests; nothing else gets older."""
        self._ahead += seconds

    def expire_access_tokens(self) -> None:
        """Let the MCP server refuse every access token issued so far."""
        self._here.grants.expire_access_tokens()

    def revoke_everything(self) -> None:
        """End all grants: access tokens are refused, refreshing gives `invalid_grant`."""
        self._here.grants.revoke_everything()

    def renew_nonces(self) -> None:
        """Let both servers want another DPoP nonce from now on."""
        self._here.token_proofs.renew_nonce()
        self._here.mcp_proofs.renew_nonce()

    def forget_clients(self) -> None:
        """Drop all registrations: `invalid_client` from now on."""
        self._here.clients.forget()

    def add_client(
        self,
        client_id: str,
        *,
        client_secret: str | None = None,
        redirect_uris: Iterable[str] = ("http://127.0.0.1/callback",),
        auth_method: str = "none",
    ) -> None:
        """Register a client beforehand.

        Raises:
            ValueError: A secret without a method that uses it, or the reverse.
        """
        if (client_secret is None) != (auth_method == "none"):
            raise ValueError("client_secret and auth_method do not go together")
        self._here.clients.add(Client(client_id, tuple(redirect_uris), auth_method, client_secret))

    def serve_client_metadata(self, document: Mapping[str, object] | None = None) -> str:
        """Host a client ID metadata document; returns its URL, which is the client_id.

        Without a document: a public client with the redirect URIs
        `http://127.0.0.1/callback` and `http://localhost/callback`, so a client
        that picks its port needs `LabConfig(any_loopback_port=True)`.
        A `client_id` in the document is left as it is, also when it is wrong.
        The lab's own fetch of it is recorded like any other request.
        """
        if self._running is None:
            raise RuntimeError(_NOT_STARTED)
        return self._running[1].serve_client_metadata(document)

    @property
    def _here(self) -> World:
        if self._running is None:
            raise RuntimeError(_NOT_STARTED)
        return self._running[0]

    def _beside(self, mcp: LabServer) -> LabServer:
        try:
            return LabServer("authorization", self.recorder, self.config.port + 1 if self.config.port else 0)
        except OSError:
            mcp.server_close()
            raise

    def _world(self, authorization_origin: str, mcp_origin: str) -> World:
        config = self.config
        minter = self._minter(authorization_origin + config.issuer_path)
        grants = Grants(
            self._now,
            lifetime=config.access_token_lifetime,
            grace=config.refresh_token_grace,
            rotate=config.rotate,
            code_lifetime=config.code_lifetime,
            faults=self.faults,
            mint=minter.token if minter else None,
        )
        clients = Clients(
            any_loopback_port=config.any_loopback_port,
            metadata_documents=config.cimd,
            faults=self.faults,
            issuer=authorization_origin + config.issuer_path,
        )
        return World(
            config,
            self.faults,
            grants,
            clients,
            self._pause,
            authorization_origin,
            mcp_origin,
            Proofs(nonces=config.dpop_nonces, status=400, believes=lambda: self.faults.believes_proofs),
            Proofs(nonces=config.dpop_nonces, status=401),
            clock=self._now,
            **({"keys": minter.keys} if minter else {}),
        )

    def _minter(self, issuer: str) -> Minter | None:
        if not self.config.jwt:
            return None
        from mcp_vacuum.lab.mint import Minter  # it loads a library that most labs do without

        return Minter(lambda: issuer, self.faults, self._now)

    def _now(self) -> float:
        return time.time() + self._ahead

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self._stopped.wait(seconds)

"""The authorization server: its routes and its metadata (RFC 8414)."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping

from mcp_vacuum.lab.assertions import ALGORITHMS, METHOD
from mcp_vacuum.lab.consent import Consent
from mcp_vacuum.lab.device import GRANT as DEVICE_CODE
from mcp_vacuum.lab.faults import overridden
from mcp_vacuum.lab.messages import App, Request, Response, json_response, not_here
from mcp_vacuum.lab.pushed import Pushed
from mcp_vacuum.lab.registration import Registration
from mcp_vacuum.lab.tokens import TokenEndpoint
from mcp_vacuum.lab.world import World, interrupted

CLIENT_DOCUMENTS = "/client-metadata/"


class AuthorizationServer:
    """Answers everything on the issuer's origin.

    With an issuer path the endpoints lie below it; the metadata lies where
    RFC 8414 §3.1, or OpenID Connect Discovery §4.1, puts it, and nowhere else.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._pushed = Pushed(world)
        self._consent = Consent(world, self._pushed)
        self._registration = Registration(world)
        self._tokens = TokenEndpoint(world)
        self._routes = self._table()
        self._documents: dict[str, dict[str, object]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # guards _documents

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        methods = self._routes.get(request.path)
        if methods is None:
            return self._below(request)
        handler = methods.get(request.method)
        return handler(request) if handler else not_here(methods)

    def serve_client_metadata(self, document: Mapping[str, object] | None) -> str:
        """Host a client ID metadata document; the lab fills in `client_id` where it is missing."""
        with self._lock:
            path = f"{CLIENT_DOCUMENTS}{next(self._numbers)}.json"
            url = self._world.authorization_origin + path
            self._documents[path] = {"client_id": url, **(_DEFAULT_CLIENT if document is None else document)}
        return url

    def metadata(self, _: Request | None = None) -> Response:
        """The metadata document, with the faults that are on."""
        faults = self._world.faults
        self._world.pause(faults.slow_metadata)
        broken = interrupted(faults.metadata_status, faults.metadata_html, faults.metadata_redirect)
        return broken or json_response(self._faulty(self._document()))

    def _table(self) -> dict[str, dict[str, App]]:
        base = self._world.config.issuer_path
        routes: dict[str, dict[str, App]] = {
            self._metadata_path(): {"GET": self.metadata},
            f"{base}/authorize": {"GET": self._consent.ask},
            f"{base}/consent": {"POST": self._consent.answer},
            f"{base}/token": {"POST": self._tokens.token},
            f"{base}/revoke": {"POST": self._tokens.revoke},
            f"{base}/jwks": {"GET": lambda _: json_response(self._world.keys())},
        }
        if DEVICE_CODE in self._world.config.grants:
            devices = self._tokens.devices
            routes[f"{base}/device_authorization"] = {"POST": devices.begin}
            routes[f"{base}/device"] = {"GET": devices.page, "POST": devices.answer}
        if self._world.config.par:
            routes[f"{base}/par"] = {"POST": self._pushed.push}
        if self._world.config.dcr:
            routes[f"{base}/register"] = {"POST": self._registration.register}
        return routes

    def _below(self, request: Request) -> Response:
        """Paths that name one client."""
        if request.method == "GET" and request.path.startswith(CLIENT_DOCUMENTS):
            with self._lock:
                document = self._documents.get(request.path)
            return json_response(document) if document else not_here()
        if request.path.startswith(f"{self._world.config.issuer_path}/register/"):
            return self._registration.manage(request)
        return not_here()

    def _metadata_path(self) -> str:
        path = self._world.config.issuer_path
        if self._world.config.metadata_form == "openid":
            return f"{path}/.well-known/openid-configuration"
        return f"/.well-known/oauth-authorization-server{path}"

    def _document(self) -> dict[str, object]:
        config, issuer = self._world.config, self._world.issuer
        offline = ["offline_access"] if config.offline_access else []
        document: dict[str, object] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "revocation_endpoint": f"{issuer}/revoke",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", *config.grants],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": list(config.token_endpoint_auth_methods),
            "revocation_endpoint_auth_methods_supported": list(config.token_endpoint_auth_methods),
            "scopes_supported": [*config.scopes_supported, *offline],
        }
        return document | self._optional()

    def _optional(self) -> dict[str, object]:
        config, issuer = self._world.config, self._world.issuer
        more: dict[str, object] = {}
        if config.dcr:
            more["registration_endpoint"] = f"{issuer}/register"
        if DEVICE_CODE in config.grants:
            more["device_authorization_endpoint"] = f"{issuer}/device_authorization"
        if METHOD in config.token_endpoint_auth_methods:
            more["token_endpoint_auth_signing_alg_values_supported"] = list(ALGORITHMS)
            more["revocation_endpoint_auth_signing_alg_values_supported"] = list(ALGORITHMS)
        if config.par:
            more["pushed_authorization_request_endpoint"] = f"{issuer}/par"
        if config.dpop:
            more["dpop_signing_alg_values_supported"] = ["ES256", "EdDSA"]
        if config.cimd:
            more["client_id_metadata_document_supported"] = True
        if config.iss_parameter:
            more["authorization_response_iss_parameter_supported"] = True
        if config.jwt:
            more["jwks_uri"] = f"{issuer}/jwks"
        if config.metadata_form == "openid":
            more["jwks_uri"] = f"{issuer}/jwks"
            more["subject_types_supported"] = ["public"]
            more["id_token_signing_alg_values_supported"] = ["RS256"]
        return more

    def _faulty(self, document: dict[str, object]) -> dict[str, object]:
        faults = self._world.faults
        if faults.wrong_issuer is not None:
            document["issuer"] = faults.wrong_issuer
        if faults.pkce_plain_only:
            document["code_challenge_methods_supported"] = ["plain"]
        if faults.no_pkce_advertised:
            del document["code_challenge_methods_supported"]
        if faults.big_metadata:
            document["padding"] = "x" * faults.big_metadata
        return overridden(document, faults.metadata_override)


_DEFAULT_CLIENT: Mapping[str, object] = {
    "client_name": "a client of the lab",
    "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}

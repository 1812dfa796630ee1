"""The protected MCP server: who may in, and its metadata (RFC 9728)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mcp_vacuum.lab.clients import LOOPBACK
from mcp_vacuum.lab.faults import overridden
from mcp_vacuum.lab.grants import Access
from mcp_vacuum.lab.messages import (
    Refusal,
    Request,
    Response,
    json_response,
    not_here,
    redirect,
    refused,
    text_response,
)
from mcp_vacuum.lab.tools import Conversation
from mcp_vacuum.lab.world import MCP_PATH, World, interrupted


class ResourceServer:
    """Answers everything on the MCP server's origin: stateless streamable HTTP, JSON answers."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        if request.path == MCP_PATH and _foreign(request.headers):
            return text_response(403, "a web page of another origin may not call this server")
        if request.path == MCP_PATH:
            return self._mcp(request)
        if request.path == self._world.prm_path and self._world.config.require_login:
            return self.metadata() if request.method == "GET" else not_here(("GET",))
        return not_here()

    def owns(self, path: str) -> bool:
        """Whether a path is the MCP server's, where one origin serves everything."""
        return path in (MCP_PATH, self._world.prm_path)

    def metadata(self) -> Response:
        """The protected resource metadata, with the faults that are on."""
        faults = self._world.faults
        self._world.pause(faults.slow_resource_metadata)
        broken = interrupted(
            faults.resource_metadata_status, faults.resource_metadata_html, faults.resource_metadata_redirect
        )
        return broken or json_response(self._document())

    def _document(self) -> dict[str, object]:
        faults = self._world.faults
        document: dict[str, object] = {
            "resource": faults.wrong_resource or self._world.resource,
            "authorization_servers": [self._world.issuer],
            "scopes_supported": list(self._world.config.scopes_supported),
            "bearer_methods_supported": ["header"],
            "resource_name": "the lab's MCP server",
        }
        if self._world.config.dpop_required:
            document["dpop_bound_access_tokens_required"] = True
        if faults.no_authorization_servers:
            del document["authorization_servers"]
        if faults.big_resource_metadata:
            document["padding"] = "x" * faults.big_resource_metadata
        return overridden(document, faults.resource_metadata_override)

    def _mcp(self, request: Request) -> Response:
        faults = self._world.faults
        broken = interrupted(faults.mcp_status, faults.mcp_html, None)
        if broken:
            return broken
        if faults.mcp_redirect:
            return redirect(faults.mcp_redirect, 307)
        try:
            access = self._admitted(request)
        except Refusal as refusal:
            return self._with_nonce(self._challenged(refusal))
        return self._with_nonce(
            self._spoken(request, access) if request.method == "POST" else not_here(("POST",))
        )

    def _with_nonce(self, response: Response) -> Response:
        return replace(response, headers=(*response.headers, *self._world.mcp_proofs.headers))

    def _spoken(self, request: Request, access: Access | None) -> Response:
        version = request.headers.get("mcp-protocol-version")
        missing = self._missing_scope(request.json, access)
        if missing:
            return self._challenged(missing)
        return Conversation(access, self._world.faults.hostile_text).answer(request.json, version)

    def _admitted(self, request: Request) -> Access | None:
        """Who calls; None where no login is needed.

        Raises:
            Refusal: 401 without a good token for this resource, 403 without the scope.
        """
        lets_in = self._world.faults.lets_in
        if not self._world.config.require_login or (lets_in and lets_in(request)):
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "dpop") or not token:
            raise Refusal("", "no token", 401)
        access = self._world.grants.access(token.strip())
        self._check_binding(request, scheme.lower(), token.strip(), access)
        if access is None or not self._world.is_mcp(access.approval.resource):
            raise Refusal("invalid_token", "unknown, expired, revoked or not for this resource", 401)
        if self._world.faults.mcp_always_401:
            raise Refusal("invalid_token", "a fault of the lab", 401)
        demanded = (self._world.faults.mcp_insufficient_scope or "").split()
        if not set(demanded) <= set(access.scopes):
            raise _InsufficientScope(" ".join(demanded))
        return access

    def _check_binding(self, request: Request, scheme: str, token: str, access: Access | None) -> None:
        """A bound token comes with a proof of its key and never as a bearer token (RFC 9449 §7)."""
        bound_to = access.jkt if access else None
        if access is None or (scheme == "bearer" and not bound_to and not self._world.config.dpop_required):
            return
        if scheme != "dpop" or bound_to is None:
            raise Refusal("invalid_token", "this token, or this server, wants the other scheme", 401)
        url = self._world.mcp_origin + MCP_PATH
        if self._world.mcp_proofs.thumbprint(request, url, token) != bound_to:
            raise Refusal("invalid_token", "no proof of the key that the token is bound to", 401)

    def _missing_scope(self, message: object, access: Access | None) -> Refusal | None:
        if access is None or not self._world.config.enforce_scopes or not isinstance(message, dict):
            return None
        area = str(message.get("method", "")).partition("/")
        scope = f"mcp:{area[0]}"
        needed = area[1] and scope in self._world.config.scopes_supported
        return _InsufficientScope(scope) if needed and scope not in access.scopes else None

    def _challenged(self, refusal: Refusal) -> Response:
        """401 or 403 with WWW-Authenticate (RFC 6750 §3, RFC 9728 §5.1)."""
        own = self._world.faults.challenge
        headers = (self._challenge(refusal),) if own is None else own
        # A header cannot carry a line break: hostile text goes into the body only.
        shown = Refusal(refusal.error or "unauthorized", refusal.description, refusal.status)
        named = tuple(("WWW-Authenticate", value) for value in headers)
        return refused(shown, self._world.faults.hostile_text, named)

    def _challenge(self, refusal: Refusal) -> str:
        parts = {"error": refusal.error, "error_description": refusal.description} if refusal.error else {}
        scopes = self._world.config.challenge_scopes
        if isinstance(refusal, _InsufficientScope):
            parts["scope"] = refusal.scope
        elif self._world.config.challenge_hints:
            parts["scope"] = " ".join(self._world.config.scopes_supported if scopes is None else scopes)
        if self._world.config.challenge_hints:
            parts["resource_metadata"] = self._world.prm_url
        scheme = "DPoP" if self._world.config.dpop_required else "Bearer"
        return " ".join([scheme, ", ".join(f'{name}="{value}"' for name, value in parts.items())]).strip()


class _InsufficientScope(Refusal):
    """403: the token is good, but not for this (RFC 6750 §3.1)."""

    def __init__(self, scope: str) -> None:
        super().__init__("insufficient_scope", "the token lacks a scope", 403)
        self.scope = scope


def _foreign(headers: Mapping[str, str]) -> bool:
    """A page from elsewhere, or a name that was bound to loopback: the transport's DNS rebinding check."""
    named = (headers.get("origin", "").rpartition("//")[2], headers.get("host", ""))
    return any(name and _host(name) not in LOOPBACK for name in named)


def _host(authority: str) -> str:
    host, _, port = authority.rpartition(":")
    return (host if port.isdecimal() else authority).strip("[]")

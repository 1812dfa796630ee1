"""What all endpoints of one lab share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mcp_vacuum.lab.clients import Client, Clients
from mcp_vacuum.lab.config import LabConfig
from mcp_vacuum.lab.faults import Faults
from mcp_vacuum.lab.grants import Approval, Grants
from mcp_vacuum.lab.messages import Params, Refusal, Request, Response, only, redirect, text_response
from mcp_vacuum.lab.proof import Proofs

PRM_WELL_KNOWN = "/.well-known/oauth-protected-resource"
MCP_PATH = "/mcp"


@dataclass(frozen=True, slots=True)
class World:
    """The two servers' addresses, their common state and their faults.

    `pause` sleeps for seconds, and less when the lab is stopped meanwhile; `clock` gives Unix seconds.
    """

    config: LabConfig
    faults: Faults
    grants: Grants
    clients: Clients
    pause: Callable[[float], None]
    authorization_origin: str
    mcp_origin: str
    token_proofs: Proofs
    mcp_proofs: Proofs
    keys: Callable[[], dict[str, object]] = lambda: {"keys": []}
    clock: Callable[[], float] = time.time

    @property
    def issuer(self) -> str:
        """The issuer identifier (RFC 8414 §2)."""
        return self.authorization_origin + self.config.issuer_path

    @property
    def resource(self) -> str:
        """The resource identifier: the MCP URL, or the origin if its metadata lies there (RFC 9728 §3)."""
        at_root = self.config.prm_location == "root"
        return self.mcp_origin if at_root else self.mcp_origin + MCP_PATH

    @property
    def prm_path(self) -> str:
        """Path of the protected resource metadata (RFC 9728 §3.1)."""
        return PRM_WELL_KNOWN + ("" if self.config.prm_location == "root" else MCP_PATH)

    @property
    def prm_url(self) -> str:
        """URL of the protected resource metadata."""
        return self.mcp_origin + self.prm_path

    def is_mcp(self, resource: str) -> bool:
        """Whether a resource identifier means the lab's MCP server."""
        names = [self.resource, self.mcp_origin + MCP_PATH]
        if self.config.prm_location == "root":
            names.append(self.mcp_origin + "/")  # the same identifier (RFC 3986 §6.2.3)
        return resource in names

    def wanted_resource(self, params: Params) -> str | None:
        """The request's `resource` (RFC 8707 §2); None only where it is not required.

        Raises:
            Refusal: invalid_target if it is missing, repeated or not served here.
        """
        values = [value for value in params.get("resource", ()) if value]
        if not values and not self.config.require_resource:
            return None
        if len(values) != 1:
            raise Refusal("invalid_target", "exactly one resource is required")
        known = self.is_mcp(values[0]) or values[0] in self.config.also_serves
        if not known and not self.faults.serves_any_resource:
            raise Refusal("invalid_target", "no tokens for that resource here")
        return values[0]

    def approval(self, request: Request, client: Client) -> Approval:
        """What a client may have without a person, or will ask one for: known scopes, and one resource.

        Raises:
            Refusal: invalid_target, or invalid_scope where none of the scopes is known.
        """
        resource = self.wanted_resource(request.form) or self.resource
        asked = (only(request.form, "scope") or " ".join(self.config.scopes_supported)).split()
        granted = tuple(dict.fromkeys(scope for scope in asked if scope in self.scopes_known()))
        if not granted:
            raise Refusal("invalid_scope", "none of these scopes is known here")
        return Approval(client.client_id, self.config.subject, granted, resource)

    def scopes_known(self) -> tuple[str, ...]:
        """Every scope that can be granted."""
        offline = ("offline_access",) if self.config.offline_access else ()
        return (*self.config.scopes_supported, *self.config.extra_scopes, *offline)


def interrupted(status: int | None, html: bool, location: str | None) -> Response | None:
    """The answer of a `…_status`, `…_html` or `…_redirect` fault, None if none of them is on."""
    if status is not None:
        return text_response(status)
    if location is not None:
        return redirect(location, 302)
    return stray_page() if html else None


def stray_page() -> Response:
    """A web page where a document was expected, without the lab's own careful headers."""
    page = b"<!doctype html><title>Welcome</title><p>This is a web page, not the answer you want.</p>"
    return Response(200, page, (("Content-Type", "text/html; charset=utf-8"),))

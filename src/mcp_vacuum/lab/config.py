"""What a lab is like when nothing misbehaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class LabConfig:
    """The lab's honest properties; what is dishonest is in `Faults`.

    Raises:
        ValueError: `issuer_path` is neither empty nor of the form `/tenant`, or
            `token_endpoint_auth_methods` names a method that the lab lacks.
    """

    access_token_lifetime: float = 1800
    """Seconds an access token is accepted; `expires_in` says so, in whole seconds, at least 1."""
    code_lifetime: float = 60
    """Seconds from consent to the exchange of a code."""
    jwt: bool = False
    """Access tokens are JWTs (RFC 9068), and the metadata names the keys that verify them."""
    refresh_token_grace: float = 0.0
    """Seconds in which a rotated refresh token still gets its successor (RFC 9700 §4.14.2)."""
    rotate: bool = True
    """A refresh replaces the refresh token, and reuse of the old one is detected."""
    issue_refresh_token: bool = True
    """Logins get a refresh token, whether or not `offline_access` was asked for."""
    scopes_supported: tuple[str, ...] = ("mcp:tools", "mcp:resources", "mcp:prompts")
    """Listed in both metadata documents, and granted when a request names no scope."""
    extra_scopes: tuple[str, ...] = ("mcp:admin",)
    """Granted when asked for, listed nowhere: what a step-up can reach. Others are left out silently."""
    challenge_scopes: tuple[str, ...] | None = None
    """What the 401 names; None means `scopes_supported`."""
    enforce_scopes: bool = False
    """tools/* needs mcp:tools, resources/* mcp:resources, prompts/* mcp:prompts; else 403."""
    offline_access: bool = True
    """The authorization server lists `offline_access` among its scopes, and grants it."""
    dcr: bool = True
    """Dynamic client registration, RFC 7591, with reading and deleting of RFC 7592."""
    client_secret_lifetime: float = 0
    """Seconds until a registered client's secret expires; 0 means never."""
    cimd: bool = False
    """Client ID metadata documents; the lab fetches them from loopback addresses only."""
    issuer_path: str = ""
    """Path of the issuer identifier, as in `/tenant`."""
    iss_parameter: bool = True
    """RFC 9207: the authorization response carries `iss`, and the metadata says that it does."""
    token_endpoint_auth_methods: tuple[str, ...] = ("none", "client_secret_basic", "client_secret_post")
    """A registration that asks for another method gets the first of these; `private_key_jwt` needs `jwks`."""
    metadata_form: Literal["oauth", "openid"] = "oauth"
    """RFC 8414, or OpenID Connect Discovery (then at that one URL only)."""
    challenge_hints: bool = True
    """The 401 carries `resource_metadata` and `scope`."""
    prm_location: Literal["path", "root"] = "path"
    """Where RFC 9728 metadata lies. At the root, `resource` is the MCP server's origin (§3.3)."""
    require_login: bool = True
    """False: the MCP server is open to everyone and has no metadata."""
    require_resource: bool = True
    """/authorize and /token insist on `resource` (RFC 8707); without it tokens are for the MCP server."""
    also_serves: tuple[str, ...] = ()
    """More resources the authorization server issues tokens for; the MCP server refuses such tokens."""
    any_loopback_port: bool = False
    """A loopback redirect URI matches whatever its port (RFC 8252 §7.3); False compares exactly."""
    same_origin: bool = False
    """Everything on the MCP server's port, which then records as "mcp". With `challenge_hints`,
    `require_resource` and `iss_parameter` off and both metadata documents at 404, a server of
    MCP 2025-03-26."""
    grants: tuple[str, ...] = ()
    """More grants of /token, by the names of the metadata: `client_credentials`, and the URNs of the device
    grant (RFC 8628), JWT bearer (RFC 7523) and token exchange (RFC 8693)."""
    trusted_key: str | None = None
    """PEM of the public key that JWT bearer assertions, and exchanged JWTs, are signed with."""
    par: bool = False
    """Authorization requests may be pushed beforehand (RFC 9126)."""
    par_lifetime: float = 60
    """Seconds that a pushed request is good for; the answer says so, in whole seconds."""
    device_interval: float = 1
    """Seconds between polls of a device login; a faster one gets `slow_down`."""
    dpop: bool = False
    """Both servers take DPoP-bound tokens (RFC 9449); who sends a proof gets one."""
    dpop_required: bool = False
    """The MCP server takes no others, and its metadata and challenge say so."""
    dpop_nonces: bool = False
    """Both servers insist on nonces, each on its own (RFC 9449 §8, §9)."""
    subject: str = "ada"
    """The person who logs in."""
    port: int = 0
    """The MCP server's port, the authorization server takes the next one; 0 lets the system choose both."""

    def __post_init__(self) -> None:
        path = self.issuer_path
        if path and (not path.startswith("/") or path.endswith("/")):
            raise ValueError(f"issuer_path is '' or '/tenant', not {path!r}")
        unknown = set(self.token_endpoint_auth_methods) - {
            "none",
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        }
        if unknown or not self.token_endpoint_auth_methods:
            raise ValueError(f"token_endpoint_auth_methods the lab lacks: {sorted(unknown) or 'none given'}")

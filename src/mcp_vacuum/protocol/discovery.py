"""From a server URL to the authorization server that guards it (RFC 9728, RFC 8414, OpenID Discovery)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from mcp_vacuum.errors import DiscoveryError, SecurityRefused, ServerUnavailable
from mcp_vacuum.protocol.challenge import BearerHints, bearer_hints
from mcp_vacuum.protocol.documents import (
    AuthorizationServerMetadata,
    Document,
    ProtectedResourceMetadata,
    read_document,
)
from mcp_vacuum.protocol.effects import Flow, HttpRequest, HttpResponse, send
from mcp_vacuum.protocol.quirks import PKCE_UNADVERTISED
from mcp_vacuum.safety.limits import (
    DISCOVERY_TIMEOUT,
    MAX_REDIRECTS,
    METADATA_TIMEOUT,
    PROBE_TIMEOUT,
    NotADocument,
)
from mcp_vacuum.safety.url import EndpointUrl, check_endpoint, origin, printable

D = TypeVar("D", bound=Document)

_RESOURCE_WELL_KNOWN = "/.well-known/oauth-protected-resource"
_SERVER_WELL_KNOWN = "/.well-known/oauth-authorization-server"
_OPENID_WELL_KNOWN = "/.well-known/openid-configuration"
_ABSENT = frozenset({404, 405, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ACCEPT_MCP = "application/json, text/event-stream"


@dataclass(frozen=True, slots=True)
class AuthServer:
    """An authorization server whose metadata passed every check.

    Attributes:
        issuer: The server's own string; compared and sent as it is.
        authorization_endpoint: None where no grant that it supports uses one (RFC 8414 §2).
        iss_advertised: It promises `iss` in authorization responses (RFC 9207 §3).
        metadata_documents: It takes client ID metadata documents.
        grant_types: `grant_types_supported`, None if it does not say.
        dpop_algorithms: `dpop_signing_alg_values_supported` (RFC 9449 §5.1).
        signing_algorithms: `token_endpoint_auth_signing_alg_values_supported`.
    """

    issuer: str
    authorization_endpoint: EndpointUrl | None
    token_endpoint: EndpointUrl
    registration_endpoint: EndpointUrl | None = None
    revocation_endpoint: EndpointUrl | None = None
    introspection_endpoint: EndpointUrl | None = None
    device_authorization_endpoint: EndpointUrl | None = None
    scopes_supported: tuple[str, ...] | None = None
    auth_methods: tuple[str, ...] | None = None
    iss_advertised: bool = False
    metadata_documents: bool = False
    grant_types: tuple[str, ...] | None = None
    dpop_algorithms: tuple[str, ...] | None = None
    signing_algorithms: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a login to one protected resource has to know.

    Attributes:
        server_url: What the person asked for.
        resource: The identifier that tokens are bound to (RFC 8707), the resource's own string.
        auth_server: Its authorization server.
        challenged_scope: The `scope` of the challenge, as it stands.
        resource_scopes: `scopes_supported` of the resource.
        dpop_required: The resource takes DPoP-bound tokens only (RFC 9728 §2), or challenged for one.
        legacy: The 2025-03-26 shape was used: the authorization server is the server's own origin.
    """

    server_url: str
    resource: str
    auth_server: AuthServer
    challenged_scope: str | None = None
    resource_scopes: tuple[str, ...] | None = None
    dpop_required: bool = False
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class NotRequired:
    """The server answers without a login."""

    server_url: str


def discover(
    server_url: str,
    *,
    greeting: Probe | None = None,
    resource: str | None = None,
    quirks: tuple[str, ...] = (),
    legacy: bool = False,
) -> Flow[Discovery | NotRequired]:
    """Find out how to log in to `server_url`.

    Args:
        server_url: Normalised (`safety.url.normalise_server_url`).
        greeting: What the server answered already, if it was asked; it is then not asked again.
        resource: The resource identifier that the person insists on, instead of the server's URL.
        quirks: Named deviations to tolerate.
        legacy: Where there is no resource metadata at all, take the 2025-03-26 shape.

    Raises:
        DiscoveryError: There is no usable metadata.
        SecurityRefused: A document breaks a rule; `spec` names it.
        ServerUnavailable: The server is down, or asks to come back later.
    """
    patience = Patience()
    probe = greeting or (yield from probe_server(server_url, patience))
    metadata = yield from _find_resource_metadata(server_url, probe, resource, patience)
    if not isinstance(metadata, ProtectedResourceMetadata):
        if legacy and probe.protected:
            return (yield from _discover_legacy(server_url, probe, quirks, patience))
        return _without_metadata(server_url, probe, metadata)
    if not metadata.authorization_servers:
        raise DiscoveryError(
            f"{server_url} needs a login but lists no authorization server",
            hint="tell its operator; `authorization_servers` must name at least one",
            spec="RFC 9728 §2",
            url=server_url,
        )
    issuer = metadata.authorization_servers[0]
    server = yield from discover_auth_server(issuer, quirks=quirks, patience=patience)
    return Discovery(
        server_url,
        metadata.resource,
        server,
        challenged_scope=probe.hints.scope if probe.hints else None,
        resource_scopes=metadata.scopes_supported,
        dpop_required=bool(metadata.dpop_bound_access_tokens_required or (probe.hints and probe.hints.dpop)),
    )


def _discover_legacy(
    server_url: str, probe: Probe, quirks: tuple[str, ...], patience: Patience
) -> Flow[Discovery]:
    """MCP 2025-03-26: the server's origin is its authorization server, with endpoints at fixed paths.

    PKCE support cannot be verified there; S256 is sent all the same, and `state` is checked as always.
    """
    issuer = origin(server_url)
    quirks = (*quirks, PKCE_UNADVERTISED.name)
    urls = iter((f"{issuer}{_SERVER_WELL_KNOWN}",))
    what = "authorization server metadata"
    found = yield from _first_document(AuthorizationServerMetadata, urls, what, patience)
    if isinstance(found, tuple):
        server = check_server_metadata(found[0], issuer, quirks=quirks)
    else:
        server = AuthServer(
            issuer=issuer,
            authorization_endpoint=check_endpoint(f"{issuer}/authorize", "authorization_endpoint"),
            token_endpoint=check_endpoint(f"{issuer}/token", "token_endpoint"),
            registration_endpoint=check_endpoint(f"{issuer}/register", "registration_endpoint"),
        )
    scope = probe.hints.scope if probe.hints else None
    return Discovery(server_url, server_url, server, challenged_scope=scope, legacy=True)


@dataclass(frozen=True, slots=True)
class Probe:
    """How a server greets a request without a token."""

    status: int
    content_type: str
    hints: BearerHints | None = None

    @property
    def protected(self) -> bool:
        """It asks for a login."""
        return self.status == 401

    @property
    def open(self) -> bool:
        """It answers like an API, without a login."""
        return self.status < 300 and self.content_type in ("application/json", "text/event-stream")


def probe_server(server_url: str, patience: Patience | None = None) -> Flow[Probe]:
    """Ask once without a token: GET first, which changes nothing; `initialize` where GET is not served.

    `patience` is what a discovery that this is part of has left.
    """
    target, patience = check_endpoint(server_url, "the server URL"), patience or Patience()
    probe = yield from _asked("GET", target, patience)
    if probe.protected or (probe.open and probe.content_type == "text/event-stream"):
        return probe
    again = yield from _asked("POST", target, patience)
    return again if again.protected or again.open or not probe.open else probe


def _asked(method: str, target: EndpointUrl, patience: Patience) -> Flow[Probe]:
    timeout = min(PROBE_TIMEOUT, patience.for_one(target, "a way to log in"))
    response = yield from send(_probe_request(method, target, timeout))
    patience.left -= response.took
    return _read_probe(response)


def _probe_request(method: str, url: EndpointUrl, timeout: float) -> HttpRequest:
    body = None if method == "GET" else json.dumps(_INITIALIZE).encode()
    headers = (("Accept", _ACCEPT_MCP), *((("Content-Type", "application/json"),) if body else ()))
    return HttpRequest(method, url, headers, body, timeout=timeout, max_body=0)


_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "mcp-vacuum", "version": "1"},
    },
}


def _read_probe(response: HttpResponse) -> Probe:
    if response.status >= 500 or response.status == 429:
        raise _unavailable(response)
    content_type = (response.header("content-type") or "").partition(";")[0].strip().lower()
    return Probe(response.status, content_type, bearer_hints(response.header_lines("www-authenticate")))


def _without_metadata(server_url: str, probe: Probe, misfit: Misfit | None) -> NotRequired:
    if probe.open:
        return NotRequired(server_url)
    if probe.protected:
        raise DiscoveryError(
            f"{server_url} needs a login but publishes no {_usable(misfit, 'protected resource metadata')}",
            hint="its operator has to serve RFC 9728 metadata",
            spec="RFC 9728 §3, MCP authorization",
            url=server_url,
        )
    what = f"status {probe.status}" + (f" and {printable(probe.content_type)}" if probe.content_type else "")
    raise DiscoveryError(
        f"{server_url} answers with {what}: this looks like no MCP server or protected API",
        hint="check the path of the URL; MCP servers often end in /mcp",
        url=server_url,
    )


# --- protected resource metadata (RFC 9728) ---------------------------------------------------------------


def resource_metadata_urls(server_url: str, hint: str | None) -> Iterator[str]:
    """Yield the URLs to try, in MCP's order: the challenge's, the path form, the root form."""
    if hint:
        yield hint
    parts = urlsplit(server_url)
    suffix = parts.path.rstrip("/")
    if suffix:
        query = f"?{parts.query}" if parts.query else ""
        yield f"{origin(server_url)}{_RESOURCE_WELL_KNOWN}{parts.path}{query}"
    yield f"{origin(server_url)}{_RESOURCE_WELL_KNOWN}"


def stated_resource(server_url: str, *, greeting: Probe | None = None) -> Flow[str | None]:
    """Return the `resource` of a server's metadata as it stands, unchecked; None where there is no metadata.

    For a caller that judges it before `discover(resource=…)` insists on it.

    Raises:
        DiscoveryError, SecurityRefused, ServerUnavailable: See `discover`.
    """
    patience = Patience()
    probe = greeting or (yield from probe_server(server_url, patience))
    hint = probe.hints.resource_metadata if probe.hints else None
    urls = resource_metadata_urls(server_url, hint)
    found = yield from _first_document(ProtectedResourceMetadata, urls, "resource_metadata", patience)
    return found[0].resource if isinstance(found, tuple) else None


def _find_resource_metadata(
    server_url: str, probe: Probe, wanted: str | None, patience: Patience
) -> Flow[ProtectedResourceMetadata | Misfit | None]:
    hint = probe.hints.resource_metadata if probe.hints else None
    root = f"{origin(server_url)}{_RESOURCE_WELL_KNOWN}"
    urls = resource_metadata_urls(server_url, hint)
    found = yield from _first_document(ProtectedResourceMetadata, urls, "resource_metadata", patience)
    if not isinstance(found, tuple):
        return found
    metadata, url = found
    _check_resource(metadata.resource, server_url, url == root, wanted)
    return metadata


def _check_resource(resource: str, server_url: str, from_root: bool, wanted: str | None) -> None:
    """A document counts only for the resource that it was asked for (RFC 9728 §3.3)."""
    accepted = [wanted] if wanted else [server_url, *([origin(server_url)] if from_root else [])]
    if any(same_but_root_slash(resource, identifier) for identifier in accepted):
        return
    raise SecurityRefused(
        f"the metadata of {server_url} is for another resource: {printable(resource)}",
        hint=f"if that is the server you mean: mcp-vacuum login {quote(printable(resource))}"
        if _same_origin(resource, server_url)
        else None,
        spec="RFC 9728 §3.3",
        url=server_url,
    )


# --- authorization server metadata (RFC 8414, OpenID Connect Discovery) -----------------------------------


def server_metadata_urls(issuer: str) -> Iterator[str]:
    """Yield the well-known URLs of an issuer, in MCP's order: three with a path, two without."""
    base, path = origin(issuer), urlsplit(issuer).path.rstrip("/")
    yield f"{base}{_SERVER_WELL_KNOWN}{path}"
    yield f"{base}{_OPENID_WELL_KNOWN}{path}"
    if path:
        yield f"{base}{path}{_OPENID_WELL_KNOWN}"


def discover_auth_server(
    issuer: str, *, quirks: tuple[str, ...] = (), patience: Patience | None = None
) -> Flow[AuthServer]:
    """Fetch and check the metadata of one authorization server.

    `patience` is what a discovery that this is part of has left.

    Raises:
        DiscoveryError: None of the well-known URLs has it, or an endpoint is missing.
        SecurityRefused: The issuer differs, S256 is not offered, or an endpoint is not https.
    """
    check_endpoint(issuer, "the issuer", spec="RFC 8414 §2")
    urls = server_metadata_urls(issuer)
    what = "authorization server metadata"
    found = yield from _first_document(AuthorizationServerMetadata, urls, what, patience or Patience())
    if not isinstance(found, tuple):
        raise DiscoveryError(
            f"the authorization server {printable(issuer)} publishes no {_usable(found, 'metadata')}",
            hint="its operator has to serve RFC 8414 or OpenID Connect metadata",
            spec="RFC 8414 §3",
            url=issuer,
        )
    return check_server_metadata(found[0], issuer, quirks=quirks)


def check_server_metadata(
    metadata: AuthorizationServerMetadata, expected_issuer: str, *, quirks: tuple[str, ...] = ()
) -> AuthServer:
    """Turn metadata into an `AuthServer`; see `discover_auth_server` for what it raises."""
    _check_issuer(metadata.issuer, expected_issuer)
    _check_pkce(metadata, quirks)
    return AuthServer(
        issuer=metadata.issuer,
        authorization_endpoint=_optional(metadata, "authorization_endpoint"),
        token_endpoint=_required(metadata, "token_endpoint"),
        registration_endpoint=_optional(metadata, "registration_endpoint"),
        revocation_endpoint=_optional(metadata, "revocation_endpoint"),
        introspection_endpoint=_optional(metadata, "introspection_endpoint"),
        device_authorization_endpoint=_optional(metadata, "device_authorization_endpoint"),
        scopes_supported=metadata.scopes_supported,
        auth_methods=metadata.token_endpoint_auth_methods_supported,
        iss_advertised=bool(metadata.authorization_response_iss_parameter_supported),
        metadata_documents=bool(metadata.client_id_metadata_document_supported),
        grant_types=metadata.grant_types_supported,
        dpop_algorithms=metadata.dpop_signing_alg_values_supported,
        signing_algorithms=metadata.token_endpoint_auth_signing_alg_values_supported,
    )


def _check_issuer(stated: str, expected: str) -> None:
    """Metadata counts only for the issuer that it was asked for."""
    if not same_but_root_slash(stated, expected):
        raise SecurityRefused(
            f"metadata for {printable(expected)} names another issuer: {printable(stated)}",
            spec="RFC 8414 §3.3",
            url=expected,
        )


def _check_pkce(metadata: AuthorizationServerMetadata, quirks: tuple[str, ...]) -> None:
    """Nobody is sent to a server that does not say that it checks S256."""
    if (
        "S256" not in (metadata.code_challenge_methods_supported or ())
        and PKCE_UNADVERTISED.name not in quirks
    ):
        raise SecurityRefused(
            f"{printable(metadata.issuer)} does not advertise PKCE with S256",
            hint=f"if you know that it supports S256: log in with --quirk {PKCE_UNADVERTISED.name}",
            spec="MCP authorization, Authorization Code Protection",
            url=metadata.issuer,
        )


def _optional(metadata: AuthorizationServerMetadata, member: str) -> EndpointUrl | None:
    url: str | None = getattr(metadata, member)
    return check_endpoint(url, member) if url else None


def _required(metadata: AuthorizationServerMetadata, member: str) -> EndpointUrl:
    endpoint = _optional(metadata, member)
    if endpoint is None:
        issuer = printable(metadata.issuer)
        raise DiscoveryError(f"{issuer} has no {member}", spec="RFC 8414 §2", url=metadata.issuer)
    return endpoint


def same_but_root_slash(left: str, right: str) -> bool:
    """Equal as raw strings, or both the same origin with and without its slash.

    The built-in quirk `issuer-root-slash`: URL types of several servers add that slash
    (https://github.com/modelcontextprotocol/python-sdk/issues/1919).
    """
    if left == right:
        return True
    bare, slashed = sorted((left, right), key=len)
    return slashed == f"{bare}/" and bare.count("/") == 2 and not {"?", "#"} & set(bare)


# --- fetching ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Patience:
    """How many seconds are left for one discovery, all of its documents and redirects together."""

    left: float = DISCOVERY_TIMEOUT

    def for_one(self, url: str, what: str) -> float:
        """Return what one request may take.

        Raises:
            ServerUnavailable: Nothing is left.
        """
        if self.left <= 0:
            raise ServerUnavailable(f"looking for {what} took more than {DISCOVERY_TIMEOUT:.0f} s", url=url)
        return min(METADATA_TIMEOUT, self.left)


@dataclass(frozen=True, slots=True)
class Misfit:
    """A JSON object where a document should be, and why it is not that document."""

    url: str
    why: str


def _usable(misfit: Misfit | None, what: str) -> str:
    """Name what is missing; of what is there but unfit, say where, and what is wrong with it."""
    return f"usable {what}: {misfit.url}: {misfit.why}" if misfit else what


def _first_document(
    model: type[D], urls: Iterator[str], what: str, patience: Patience
) -> Flow[tuple[D, str] | Misfit | None]:
    """Fetch the first URL that has the document. A server that is slow or odd ends the search.

    Where none has it, the first object that is something else is what there is to say.
    """
    misfit: Misfit | None = None
    for url in dict.fromkeys(urls):
        response = yield from _fetch(check_endpoint(url, what), what, patience)
        document = _read_metadata(model, response, url, what)
        if document is not None and not isinstance(document, Misfit):
            return document, url
        misfit = misfit or document
    return misfit


def _fetch(url: EndpointUrl, what: str, patience: Patience) -> Flow[HttpResponse]:
    """GET a document; a few redirects are followed, on the same origin only."""
    target = url
    for _ in range(MAX_REDIRECTS + 1):
        timeout = patience.for_one(target, what)
        request = HttpRequest("GET", target, (("Accept", "application/json"),), timeout=timeout)
        response = yield from send(request)
        patience.left -= response.took
        if response.status not in _REDIRECTS:
            return response
        location = _joined(target, response.header("location") or "")
        if not _same_origin(location, url):
            raise SecurityRefused(
                f"{what} redirects to another origin",
                spec="MCP security best practices, Validate Redirect Targets",
                url=url,
            )
        target = check_endpoint(location, what)
    raise SecurityRefused(f"{what} redirects more than {MAX_REDIRECTS} times", url=url)


def _joined(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        return ""


def _same_origin(foreign: str, url: str) -> bool:
    """Compare an unchecked URL with a checked one; what is no URL has no origin."""
    try:
        return foreign.startswith(("http://", "https://")) and origin(foreign) == origin(url)
    except ValueError:
        return False


def _read_metadata(model: type[D], response: HttpResponse, url: str, what: str) -> D | Misfit | None:
    if response.status in _ABSENT:
        return None
    if response.status >= 500 or response.status == 429:
        raise _unavailable(response)
    if response.status != 200:
        raise DiscoveryError(f"{what} answers with status {response.status}", url=response.url)
    try:
        return read_document(model, response.body)
    except NotADocument as why:
        return Misfit(url, printable(str(why), 200)) if response.body.lstrip().startswith(b"{") else None


def _unavailable(response: HttpResponse) -> ServerUnavailable:
    wait = response.header("retry-after") or ""
    hint = f"try again in {wait} s" if wait.isdecimal() and len(wait) < 7 else "try again later"
    return ServerUnavailable(
        f"{response.url} answers with status {response.status}", hint=hint, url=response.url
    )

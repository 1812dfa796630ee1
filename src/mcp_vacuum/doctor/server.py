"""The checks of what a server says about logging in, and of the stored login against it."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_vacuum.doctor.clock import check_skew
from mcp_vacuum.doctor.conversation import Conversation, Exchange
from mcp_vacuum.doctor.finding import Finding, fail, failed_with, ok, skipped, warn
from mcp_vacuum.doctor.logins import Logins, check_closed, check_login, command, named
from mcp_vacuum.errors import DiscoveryError, LoginRequired, SecurityRefused, ServerUnavailable, VacuumError
from mcp_vacuum.models import Credential
from mcp_vacuum.protocol.discovery import Discovery, NotRequired, same_but_root_slash
from mcp_vacuum.protocol.documents import AuthorizationServerMetadata
from mcp_vacuum.protocol.quirks import PKCE_UNADVERTISED
from mcp_vacuum.safety.url import check_endpoint, host_of

AFTER_PROBE = ("resource-metadata", "issuer", "server-metadata", "endpoints", "pkce", "registration")
REQUIRED = ("authorization_endpoint", "token_endpoint")
OPTIONAL = (
    "registration_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "device_authorization_endpoint",
)
_PKCE = "MCP authorization, Authorization Code Protection"


def check_conversation(facts: Conversation) -> Iterator[Finding]:
    """Judge what the server said; what a failed hop was needed for is skipped."""
    greeting = check_greeting(facts)
    yield greeting
    if skew := check_skew(facts.skew, host_of(facts.url)):
        yield skew
    if greeting.verdict == "fail":
        yield from _skip(AFTER_PROBE, "the server does not greet as it should")
    elif isinstance(facts.found, NotRequired):
        yield from _skip(AFTER_PROBE, "the server answers without a login")
    else:
        yield from _metadata(facts)


def check_greeting(facts: Conversation) -> Finding:
    """See that the server asks for a login as RFC 9728 §5.1 says, or needs none."""
    if facts.probe is None:
        return failed_with("greeting", facts.error or ServerUnavailable("the server does not answer"))
    if isinstance(facts.found, NotRequired):
        return ok("greeting", f"status {facts.probe.status}: it answers without a login")
    if not facts.probe.protected and facts.resource_metadata is None and facts.error is not None:
        return failed_with("greeting", facts.error)
    hints = facts.probe.hints
    if not facts.probe.protected:
        return warn(
            "greeting",
            f"status {facts.probe.status} instead of 401, although it publishes where to log in",
            "MCP authorization asks for 401; check the path of the URL",
        )
    if hints is None:
        return warn(
            "greeting",
            "it answers 401 without a Bearer challenge",
            "RFC 9110 §11.6.1 asks for WWW-Authenticate; the metadata is looked for where it should be",
        )
    told = [
        *(["names its metadata"] if hints and hints.resource_metadata else []),
        *([f"scope {hints.scope}"] if hints and hints.scope else []),
        *(["DPoP"] if hints and hints.dpop else []),
    ]
    return ok("greeting", f"status {facts.probe.status}" + (f": {', '.join(told)}" if told else ""))


def _metadata(facts: Conversation) -> Iterator[Finding]:
    """The two documents, in the order in which they are found."""
    checks = (check_resource_metadata, check_issuer, check_server_metadata)
    for done, check in enumerate(checks, start=1):
        finding = check(facts)
        yield finding
        if finding.verdict == "fail":
            yield from _skip(AFTER_PROBE[done:], f"{finding.name.replace('-', ' ')} failed")
            return
    document = facts.server_metadata
    yield check_endpoints(facts, document)
    yield check_pkce(facts, document)
    yield check_registration(document)


def check_resource_metadata(facts: Conversation) -> Finding:
    """See what the protected resource metadata says (RFC 9728)."""
    document, tried = facts.resource_metadata, _tried(facts.resource_exchanges)
    if document is None:
        if isinstance(facts.found, Discovery) and facts.found.legacy:
            return warn("resource-metadata", f"none, the 2025-03-26 shape; tried {tried}")
        return _because("resource-metadata", facts.error, tried)
    if facts.error is not None and not facts.server_exchanges and not _issuer_trouble(facts):
        return _because("resource-metadata", facts.error, tried)
    more = f"; tried {tried}" if len(facts.resource_exchanges) > 1 else ""
    return ok(
        "resource-metadata", f"{facts.resource_exchanges[-1].request.url} for {document.resource}{more}"
    )


def check_issuer(facts: Conversation) -> Finding:
    """See which authorization server guards the resource."""
    if trouble := _issuer_trouble(facts):
        return failed_with("issuer", trouble)
    expected, document = _expected_issuer(facts), facts.server_metadata
    if document is not None and not same_but_root_slash(document.issuer, expected):
        return failed_with("issuer", facts.error or DiscoveryError("the issuer is another one"))
    servers = facts.resource_metadata.authorization_servers if facts.resource_metadata else None
    more = f", and {len(servers) - 1} more that are not used" if servers and len(servers) > 1 else ""
    return ok("issuer", f"{document.issuer if document else expected}{more}")


def check_server_metadata(facts: Conversation) -> Finding:
    """See that the authorization server publishes its metadata (RFC 8414)."""
    tried = _tried(facts.server_exchanges)
    if facts.server_metadata is None:
        if isinstance(facts.found, Discovery) and facts.found.legacy:
            return warn("server-metadata", f"none: endpoints at fixed paths; tried {tried}")
        return _because("server-metadata", facts.error, tried)
    more = f"; tried {tried}" if len(facts.server_exchanges) > 1 else ""
    return ok("server-metadata", f"{facts.server_exchanges[-1].request.url}{more}")


def check_endpoints(facts: Conversation, document: AuthorizationServerMetadata | None) -> Finding:
    """See that the endpoints that are needed are there and may be used."""
    if document is None:
        return skipped("endpoints", "there is no metadata that names them")
    for member in (*REQUIRED, *OPTIONAL):
        url = getattr(document, member)
        try:
            if url:
                check_endpoint(url, member)
            elif member in REQUIRED:
                raise DiscoveryError(f"{document.issuer} has no {member}", spec="RFC 8414 §2")
        except VacuumError as error:
            return failed_with("endpoints", error)
    there = [member for member in (*REQUIRED, *OPTIONAL) if getattr(document, member)]
    return ok("endpoints", ", ".join(member.removesuffix("_endpoint").replace("_", " ") for member in there))


def check_pkce(facts: Conversation, document: AuthorizationServerMetadata | None) -> Finding:
    """See that S256 is advertised: a client must not go on without it."""
    if document is None:
        return skipped("pkce", "there is no metadata that advertises it; S256 is sent all the same")
    methods = document.code_challenge_methods_supported
    if "S256" in (methods or ()):
        return ok("pkce", "S256 is advertised")
    told = f"only {', '.join(methods)} is" if methods else "nothing is"
    if PKCE_UNADVERTISED.name in facts.terms.quirks:
        return warn("pkce", f"{told} advertised; this login tolerates it", PKCE_UNADVERTISED.why)
    fix = f"tell its operator; if it supports S256 all the same: login --quirk {PKCE_UNADVERTISED.name}"
    return fail("pkce", f"{told} advertised, S256 has to be", _PKCE, fix, error=SecurityRefused)


def check_registration(document: AuthorizationServerMetadata | None) -> Finding:
    """See how a client gets its ID there."""
    if document is None:
        return skipped("registration", "there is no metadata that offers it")
    offered = [
        *(["dynamic registration"] if document.registration_endpoint else []),
        *(["client ID metadata documents"] if document.client_id_metadata_document_supported else []),
    ]
    if offered:
        return ok("registration", ", ".join(offered))
    fix = "mcp-vacuum login URL --client-id ID, with an ID from its operator"
    return warn("registration", "it registers nobody by itself", fix=fix)


# --- the stored login -------------------------------------------------------------------------------------


def check_stored(facts: Logins | None, server: str, talk: Conversation | None) -> Iterator[Finding]:
    """Judge the stored logins of one server, and whether they still belong to what it says today."""
    if facts is None:
        yield skipped("login", "the vault is not open")
        return
    own = facts.of(server)
    yield from (check_closed(*each) for each in own.closed)
    for credential in own.opened:
        yield check_login(credential, own)
        if talk is not None and isinstance(talk.found, Discovery):
            yield check_binding(credential, talk.found)
    if not own.opened and not own.closed:
        if talk is not None and isinstance(talk.found, NotRequired):
            yield ok("login", "none is needed")
        else:
            fix = f"mcp-vacuum login {server}" if talk is not None and talk.found else ""
            yield warn("login", f"no login for {server} is stored", fix=fix)


def check_binding(credential: Credential, found: Discovery) -> Finding:
    """Compare where a refresh goes with what is discovered today."""
    today, name = found.auth_server, named(credential.server, credential.account)
    again = f"mcp-vacuum login {command(credential.server, credential.account)} --force"
    if credential.issuer is not None and not same_but_root_slash(credential.issuer, today.issuer):
        return fail(
            "binding",
            f"the login for {name} is at {credential.issuer}, and the server now names {today.issuer}",
            "nothing of the login is sent to the new one (MCP authorization, Authorization Server Migration)",
            again,
            error=LoginRequired,
        )
    if credential.token_endpoint is not None and credential.token_endpoint != today.token_endpoint:
        return warn(
            "binding",
            f"the login's token endpoint is {credential.token_endpoint}, today's is {today.token_endpoint}",
            "a refresh goes to the login's own and to no other",
            again,
        )
    client = credential.client.client_id if credential.client and credential.client.client_id else "none"
    return ok("binding", f"issuer and token endpoint are today's; client {client}")


def _skip(names: tuple[str, ...], because: str) -> Iterator[Finding]:
    return (skipped(name, because) for name in names)


def _because(name: str, error: VacuumError | None, tried: str) -> Finding:
    found = failed_with(name, error or DiscoveryError("it is not what was asked for"))
    why = f"{found.why}; tried {tried}" if found.why else f"tried {tried}"
    return fail(name, found.what, why, found.fix, error=type(error) if error else DiscoveryError)


def _tried(exchanges: tuple[Exchange, ...]) -> str:
    return ", ".join(f"{each.request.url} ({each.outcome})" for each in exchanges) or "nothing"


def _expected_issuer(facts: Conversation) -> str:
    document = facts.resource_metadata
    if document is not None and document.authorization_servers:
        return document.authorization_servers[0]
    return facts.found.auth_server.issuer if isinstance(facts.found, Discovery) else ""


def _issuer_trouble(facts: Conversation) -> VacuumError | None:
    """Why the issuer that the resource names cannot be asked at all."""
    document = facts.resource_metadata
    if document is None or not document.authorization_servers:
        return None
    try:
        check_endpoint(document.authorization_servers[0], "the issuer", spec="RFC 8414 §2")
    except VacuumError as error:
        return error
    return None

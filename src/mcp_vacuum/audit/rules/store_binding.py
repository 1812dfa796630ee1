"""What is stored says what it belongs to, and goes nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.store import StoreEvidence
from mcp_vacuum.audit.evidence.store_foreign import ForeignSecret
from mcp_vacuum.audit.jwt import Jwt
from mcp_vacuum.audit.rule import FileSpot, Finding, Kind, Level, NotChecked, Results, Rule, Severity, rule
from mcp_vacuum.audit.rules.store_words import clients_of, logins_of, record, untold
from mcp_vacuum.errors import SecurityRefused, WrongAudience
from mcp_vacuum.models import Credential
from mcp_vacuum.safety.url import check_endpoint, printable
from mcp_vacuum.tokens.bind import Audience

LOW, MEDIUM, INFO = Severity.LOW, Severity.MEDIUM, Severity.INFO
ENDPOINTS = (
    "issuer",
    "token_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "device_authorization_endpoint",
)


@rule(
    id="ST-BIND-01",
    title="Each record names issuer, resource, client_id, type, scope, expiry",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP client registration, Authorization Server Binding",
        "MCP authorization server discovery, Authorization Server Location",
    ),
    fix="migrate records to the full key",
    kinds=(Kind.STORE,),
    bad='{"access_token": "…", "refresh_token": "…"}',
    good='{"issuer": "https://as.example", "resource": "https://mcp.example/mcp", "client_id": "…", …}',
)
def records_name_what_they_belong_to(evidence: StoreEvidence) -> Results:
    """A token that does not say whose it is will be sent to whoever asks for it."""
    if (
        isinstance(evidence.logins, str)
        and evidence.vault is not None
        and not isinstance(evidence.vault, str)
    ):
        for row in evidence.vault.rows:
            if row.key.kind == "login" and not row.issuer:
                yield Finding(f"login {row.key.name}", "it names no issuer")
    for login in logins_of(evidence):
        for name, severity in _missing(login):
            yield Finding(f"{record(login)}, {name}", f"it names no {name}", severity)
    yield from untold(evidence)


def _missing(login: Credential) -> Iterator[tuple[str, Severity | None]]:
    told: Mapping[str, tuple[object, Severity | None]] = {
        "issuer": (login.issuer, None),
        "resource": (login.resource, None),
        "client_id": (login.client, MEDIUM),
        "token_type": (login.token_type, MEDIUM),
        # What was not asked for, and not said in the answer, is the server's default (RFC 6749 §3.3).
        "scope": (login.scope or login.scope_asked, LOW),
        "expires_at": (login.expires_at, LOW),
    }
    return ((name, severity) for name, (value, severity) in told.items() if not value)


@rule(
    id="ST-BIND-02",
    title="One credential is never filed under two issuers",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=(
        "MCP client registration, Authorization Server Binding",
        "RFC 9207 §4 (unique issuer per server)",
    ),
    fix="re-register per issuer",
    kinds=(Kind.STORE,),
    bad="the same refresh token in the logins of https://as.example and https://other.example",
    good="a client and a refresh token of its own for each issuer",
)
def one_issuer_for_each_credential(evidence: StoreEvidence) -> Results:
    """A server that gets what another one issued can use it there: that is how a mix-up ends."""
    for what, issuers in _shared(evidence):
        yield Finding(what, f"it is filed under {len(issuers)} issuers: {', '.join(sorted(issuers))}")
    for issuer, endpoints in _torn(evidence):
        why = f"logins of this issuer have {len(endpoints)} token endpoints: {', '.join(sorted(endpoints))}"
        yield Finding(f"issuer {printable(issuer)}", why)
    yield from untold(evidence)


def _shared(evidence: StoreEvidence) -> Iterator[tuple[str, set[str]]]:
    """Yield what two issuers have; a metadata document's URL is meant to be shown to all."""
    issuers: defaultdict[tuple[str, Hashable], set[str]] = defaultdict(set)
    for login in logins_of(evidence):
        if login.refresh_token and login.issuer:
            issuers["a refresh token", login.refresh_token].add(login.issuer)
    for _, client in clients_of(evidence):
        if client.client_secret and client.issuer and client.registration != "metadata_document":
            issuers["a client", (client.client_id, client.client_secret)].add(client.issuer)
    return ((what, found) for (what, _), found in issuers.items() if len(found) > 1)


def _torn(evidence: StoreEvidence) -> Iterator[tuple[str, set[str]]]:
    endpoints: defaultdict[str, set[str]] = defaultdict(set)
    for login in logins_of(evidence):
        if login.issuer and login.token_endpoint:
            endpoints[login.issuer].add(login.token_endpoint)
    return ((issuer, found) for issuer, found in endpoints.items() if len(found) > 1)


@rule(
    id="ST-BIND-03",
    title="Stored audience and issuer match the server it is used for",
    level=Level.ADVICE,
    severity=Severity.HIGH,
    sources=("MCP authorization, Token Handling", "RFC 9068 §2.2", "RFC 8707 §2"),
    fix="drop and re-authorize",
    kinds=(Kind.STORE,),
    bad="a login of https://mcp.example/mcp whose resource is https://other.example",
    good="a login of https://mcp.example/mcp whose resource is https://mcp.example/mcp",
)
def tokens_are_for_their_server(evidence: StoreEvidence) -> Results:
    """A server that is sent a token for another one can use it there."""
    for login in logins_of(evidence):
        yield from _of_login(login)
    foreign = [(file, each) for file in evidence.foreign for each in file.secrets]
    for file, each in foreign:
        why = _of_another(each)
        if why:
            where = FileSpot(file.file.path, each.line)
            yield Finding(f"{file.file.path}: {each.member}", why, certain=False, file=where)
    yield from untold(evidence, beside=any(each.server for _, each in foreign))


def _of_login(login: Credential) -> Iterator[Finding]:
    if login.resource and "://" in login.server and not _covers(login.resource, login.server):
        yield Finding(f"{record(login)}, resource", f"its tokens are for {printable(login.resource)}")
    if "no-resource" in login.quirks:
        why = "quirk no-resource: the server was never told what the tokens are for"
        yield Finding(f"{record(login)}, quirks", why, LOW)
    jwt = Jwt.read(login.refresh_token.reveal()) if login.refresh_token else None
    named = str(jwt.claims["iss"]) if jwt and jwt.claims.get("iss") else None
    if named and login.issuer and named != login.issuer:
        yield Finding(f"{record(login)}, refresh token", f"its iss is {printable(named)}", certain=False)


def _of_another(secret: ForeignSecret) -> str:
    """Say whose an access token is, if it is a JWT for another server than the one it is kept for."""
    jwt = Jwt.read(secret.secret.reveal()) if secret.server and secret.kind != "ID token" else None
    urls = [each for each in jwt.audiences if "://" in each] if jwt else []
    if not urls or any(_covers(url, secret.server or "") for url in urls):
        return ""
    return f"it is kept for {printable(secret.server or '')}, and its aud is {printable(', '.join(urls))}"


def _covers(resource: str, server: str) -> bool:
    try:
        Audience(resource).check(server)
    except (WrongAudience, ValueError):
        return False
    return True


@rule(
    id="ST-BIND-04",
    title="Stored endpoints are https and still those of the issuer",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §1.5", "RFC 8414 §3.3"),
    fix="revalidate before next use",
    kinds=(Kind.STORE,),
    bad='{"token_endpoint": "http://as.example/token"}',
    good='{"token_endpoint": "https://as.example/token"}',
)
def endpoints_are_https(evidence: StoreEvidence) -> Results:
    """A refresh token goes to the stored endpoint; who can read or move that gets it."""
    for login in logins_of(evidence):
        for name in ENDPOINTS:
            if (url := getattr(login, name)) and (why := _unfit(url, name)):
                yield Finding(f"{record(login)}, {name}", why)
        yield from _unverified(login)
    yield from untold(evidence)
    if logins_of(evidence):
        asked = "that takes a request, which this audit does not send; `mcp-vacuum doctor URL` does"
        yield NotChecked(f"INCONCLUSIVE: whether issuers still name these endpoints: {asked}")


def _unfit(url: str, name: str) -> str:
    try:
        check_endpoint(url, name)
    except SecurityRefused as error:
        return f"{error.message}: {printable(urlsplit(url)._replace(query='', fragment='').geturl())}"
    return ""


def _unverified(login: Credential) -> Iterator[Finding]:
    if login.legacy:
        why = "the 2025-03-26 shape: nothing verified its endpoints or its PKCE support"
        yield Finding(f"{record(login)}, legacy", why, LOW)
    if "pkce-unadvertised" in login.quirks:
        why = "quirk pkce-unadvertised: nothing says that the server checks the code verifier"
        yield Finding(f"{record(login)}, quirks", why, LOW)
    if login.allow_private_network:
        why = "the login lets the server point to private addresses"
        yield Finding(f"{record(login)}, allow_private_network", why, INFO)


RULES: tuple[Rule, ...] = (
    records_name_what_they_belong_to,
    one_issuer_for_each_credential,
    tokens_are_for_their_server,
    endpoints_are_https,
)

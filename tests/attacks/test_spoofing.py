"""Spoofed metadata: a document speaks for somebody else."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

from mcp_vacuum.errors import (
    DiscoveryError,
    LoginRequired,
    RegistrationError,
    SecurityRefused,
    ServerUnavailable,
)
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.tokens.stored import stored_tokens
from tests.attacks.hostile import METADATA, PRM, Reply
from tests.attacks.kit import NOTHING, Loot, Sees, attack, attacks, defence, in_the_test
from tests.attacks.world import World

ISSUER = defence(
    "the issuer of metadata is the one that was asked for",
    {"protocol.discovery._check_issuer": lambda *_: None},
)
RESOURCE = defence(
    "metadata counts for the resource that was asked for",
    {"protocol.discovery._check_resource": lambda *_: None},
)
AUDIENCE = defence("a token goes to its own resource only", {"tokens.bind.Audience._covers": lambda *_: True})
BOUND = in_the_test(
    "a refresh goes to the endpoint of the login's record",
    "`models.py: Credential.binding`",
    lambda patch: patch.setattr("mcp_vacuum.models.Credential.binding", property(_guessed)),
)
PER_ISSUER = in_the_test(
    "a client is shown to its own issuer only",
    "`login.py: _of_issuer`",
    lambda patch: patch.setattr("mcp_vacuum.login_client._of_issuer", lambda client, _issuer: client),
)


def _guessed(record: object) -> object:
    """Careless: without metadata at hand the token endpoint is guessed from the server's URL."""
    from mcp_vacuum.models import Binding
    from mcp_vacuum.safety.url import origin

    return Binding(f"{origin(record.server)}/token", record.client.client_id, record.issuer, record.resource)  # type: ignore[attr-defined]


@attacks(
    "metadata that names another issuer: {}",
    {
        "an honest one": lambda own: "https://accounts.honest.example",
        "upper case": str.upper,
        "a path more": lambda own: f"{own}/tenant",
        "a query more": lambda own: f"{own}?x",
        "an escape": lambda own: own.replace("127", "%3127"),
    },
    source="RFC 8414 §3.3, §6.2",
    defence=ISSUER,
    sees=Sees(SecurityRefused, "RFC 8414 §3.3"),
)
def test_issuer(world: World, changed: object) -> Loot:
    evil = world.hostile()
    evil.metadata["issuer"] = changed(evil.origin)  # type: ignore[operator]
    world.log_in(evil.url)
    return [f"a registration request for {evil.metadata['issuer']}" for _ in evil.to("/register")]


@attack(
    "an authorization server answers with the honest issuer and its own token endpoint",
    source="RFC 8414 §6.2, RFC 9700 §4.4.1",
    defence=ISSUER,
    sees=Sees(SecurityRefused, "RFC 8414 §3.3"),
)
def test_issuer_of_the_lab(world: World) -> Loot:
    """With it the honest `iss` passes, and the code of the honest server comes to the attacker."""
    lab, evil = world.lab(require_resource=False), world.hostile()
    lab.add_client("public-client", redirect_uris=("http://127.0.0.1:18743/callback",))
    evil.metadata |= {"issuer": lab.issuer, "authorization_endpoint": f"{lab.issuer}/authorize"}
    evil.resource_metadata["resource"] = evil.url
    client = ClientCredentials(client_id="public-client", redirect_uris=("http://127.0.0.1:18743/callback",))
    world.log_in(evil.url, client=client, quirks=("no-resource",))
    return evil.forms("/token", "code", "code_verifier")


@attack(
    "a server says that it is another server's resource",
    source="RFC 9728 §3.3, §7.3",
    defence=RESOURCE + AUDIENCE,
    sees=Sees(SecurityRefused, "RFC 9728 §3.3"),
)
def test_resource_of_another_server(world: World) -> Loot:
    """So the honest authorization server issues a token for the honest server, to be sent to this one."""
    lab, evil = world.lab(), world.hostile()
    evil.resource_metadata = {"resource": lab.resource, "authorization_servers": [lab.issuer]}
    world.log_in(evil.url)
    world.error, refused = None, world.error
    world.attempt(lambda: _call(world, evil.url))
    world.error = refused or world.error
    return evil.saw("an access token of the honest server", *lab.issued_access_tokens)


def _call(world: World, url: str) -> None:
    import httpx2

    from mcp_vacuum.integrations.httpx2 import VacuumAuth
    from mcp_vacuum.tokens.stored import find_login, login_tokens

    record = find_login(world.store, url)
    auth = VacuumAuth(login_tokens(world.store, record))
    with httpx2.Client(auth=auth, trust_env=False) as client:
        client.post(url, json={})


@attacks(
    "metadata for a neighbour at the same origin: {}",
    {"another path": "/other", "a parent": "/", "a longer path": "/mcp/admin", "a fragment": "/mcp#x"},
    source="RFC 9728 §3.3",
    defence=RESOURCE,
    sees=Sees(SecurityRefused, "RFC 9728 §3.3"),
)
def test_resource_of_a_neighbour(world: World, path: str) -> Loot:
    """One host, many tenants: the token would be good for somebody else's."""
    evil = world.hostile()
    evil.resource_metadata["resource"] = f"{evil.origin}{path}"
    world.log_in(evil.url)
    return [f"a token request for {got.form['resource']}" for got in evil.to("/token")]


@attack(
    "no authorization server is named, and traps lie at the usual paths",
    source="MCP authorization, Authorization Server Location; RFC 9728 §2",
    defence=in_the_test(
        "endpoints are never guessed",
        "`protocol/discovery.py: discover`",
        lambda patch: patch.setattr("mcp_vacuum.login_attempt.discover", _guessing),
    ),
    sees=Sees(DiscoveryError, "RFC 9728"),
)
def test_traps_where_metadata_is_missing(world: World) -> Loot:
    evil = world.hostile(resource_metadata={"authorization_servers": None})
    evil.answers[f"{METADATA}*"] = Reply(404)
    world.log_in(evil.url)
    return [
        f"a request to {got.path}" for got in evil.got if got.path in ("/authorize", "/token", "/register")
    ]


@attack(
    "all metadata is hidden to have the 2025-03-26 paths used",
    source="MCP 2025-03-26 fallbacks, LibreChat#12266",
    defence=in_the_test(
        "the shape of 2025-03-26 is used only where a person asked for it",
        "`login.py: LoginOptions.legacy`",
        lambda patch: patch.setattr("mcp_vacuum.login_attempt.discover", _guessing),
    ),
    sees=Sees(DiscoveryError, "RFC 9728"),
)
def test_legacy_paths(world: World) -> Loot:
    evil = world.hostile()
    evil.answers |= {f"{METADATA}*": Reply(404), f"{PRM}*": Reply(404), "/.well-known/*": Reply(404)}
    world.log_in(evil.url)
    return [
        f"a request to {got.path}" for got in evil.got if got.path in ("/authorize", "/token", "/register")
    ]


def _guessing(server_url: str, **options: object) -> Generator[Any, Any, Any]:
    """Careless: endpoints at the server's origin where it names none."""
    from mcp_vacuum.protocol import discovery

    yield from ()
    probe = discovery.Probe(401, "")
    return (yield from discovery._discover_legacy(server_url, probe, (), discovery.Patience()))


@attack(
    "metadata disappears after the login, to have the refresh token sent to the server itself",
    source="LibreChat#12266, python-sdk#3250",
    defence=BOUND,
    sees=None,
)
def test_refresh_at_the_resource_server(world: World) -> Loot:
    lab = world.lab()
    world.log_in(lab.mcp_url)
    (refresh_token,) = lab.issued_refresh_tokens
    lab.faults.resource_metadata_status = lab.faults.metadata_status = 404
    ACCESS_TOKENS._held.clear()
    lab.recorder.clear()
    world.attempt(lambda: stored_tokens(world.store, lab.mcp_url, resource=lab.resource).obtain())
    astray = [r for r in lab.recorder.to("/token") if r.server == "mcp"]
    return [f"the refresh token at {r.path}" for r in astray if r.form["refresh_token"] == (refresh_token,)]


@attack(
    "the token endpoint in the metadata changes after the login",
    source="RFC 9700 §4.14, can1357/oh-my-pi#861",
    defence=in_the_test(
        "a refresh goes to the endpoint of the login's record",
        "`models.py: Credential.binding`",
        lambda patch: patch.setattr("mcp_vacuum.models.Credential.binding", property(_as_published_now)),
    ),
    sees=None,
)
def test_token_endpoint_moves(world: World) -> Loot:
    lab, evil = world.lab(), world.hostile()
    world.log_in(lab.mcp_url)
    _elsewhere["token_endpoint"] = f"{evil.origin}/token"
    lab.faults.metadata_override = {"token_endpoint": f"{evil.origin}/token"}
    ACCESS_TOKENS._held.clear()
    world.attempt(lambda: stored_tokens(world.store, lab.mcp_url, resource=lab.resource).obtain())
    return evil.saw("the refresh token", *lab.issued_refresh_tokens)


_elsewhere: dict[str, str] = {}


def _as_published_now(record: object) -> object:
    """Careless: what the metadata says today."""
    from mcp_vacuum.models import Binding

    return Binding(_elsewhere["token_endpoint"], record.client.client_id, record.issuer, record.resource)  # type: ignore[attr-defined]


@attack(
    "the server names another authorization server, to get the secret of a pre-registered client",
    source="MCP authorization, Authorization Server Binding",
    defence=PER_ISSUER,
    sees=Sees(RegistrationError, "Authorization Server Binding"),
)
def test_secret_of_a_client(world: World) -> Loot:
    lab, evil = world.lab(), world.hostile()
    client = ClientCredentials(
        client_id="known",
        client_secret=Secret("s3cret-of-the-honest"),
        issuer=lab.issuer,
        token_endpoint_auth_method="client_secret_post",
    )
    evil.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    world.log_in(evil.url, client=client)
    return evil.saw("the client secret", "s3cret-of-the-honest")


@attack(
    "the server names another authorization server, to get the client that was registered before",
    source="MCP authorization, Authorization Server Migration",
    defence=in_the_test(
        "registrations are kept for one issuer",
        "`storage/credentials.py: CredentialStore.registration`",
        lambda patch: patch.setattr("mcp_vacuum.login_client.ClientChoice._kept_registration", _of_anybody),
    ),
    sees=None,
)
def test_client_of_the_old_issuer(world: World) -> Loot:
    lab, evil = world.lab(token_endpoint_auth_methods=("client_secret_post",)), world.hostile()
    _kept.clear()
    world.log_in(lab.mcp_url)
    old = world.store.registration(lab.issuer)
    assert old is not None
    _kept["client"] = old
    lab.faults.resource_metadata_override = {"authorization_servers": [evil.origin]}
    world.log_in(lab.mcp_url, force=True)
    secrets = [*lab.issued_client_secrets, *lab.issued_refresh_tokens, old.client_id]
    return evil.saw("something of the old login", *secrets)


_kept: dict[str, ClientCredentials] = {}


def _of_anybody(_choice: object) -> ClientCredentials | None:
    """Careless: the registration that is there."""
    return _kept.get("client")


@attack(
    "a stored login is imported after its server moved to another authorization server",
    source="MCP authorization, Authorization Server Migration",
    defence=in_the_test(
        "an imported client is compared with the issuer of today",
        "`login_import.py`",
        lambda patch: patch.setattr("mcp_vacuum.login_import.same_but_root_slash", lambda *_: True),
    ),
    sees=Sees(LoginRequired, "Authorization Server Migration"),
)
def test_import(world: World) -> Loot:
    from mcp_vacuum.login import LoginOptions
    from mcp_vacuum.login_import import import_blocking
    from mcp_vacuum.models import OAuth2Token

    evil = world.hostile()
    client = ClientCredentials(client_id="c", issuer="https://accounts.honest.example")
    token = OAuth2Token("", expires_in=1, refresh_token="the-old-refresh-token", created_at=0.0)
    world.attempt(lambda: import_blocking(evil.url, LoginOptions(), client, token, store=world.store))
    refused = world.error
    world.attempt(lambda: stored_tokens(world.store, evil.url, resource=evil.url).obtain())
    world.error = refused
    return evil.saw("the refresh token", "the-old-refresh-token")


@attack(
    "one document with two issuers, for two parsers",
    source="RFC 8259 §4, RFC 8414 §3.3",
    defence=defence("a key that comes twice makes it no document", {"safety.limits._unique": dict}),
    sees=Sees(DiscoveryError, "RFC 8414 §3"),
)
def test_two_issuers(world: World) -> Loot:
    evil = world.hostile()
    text = json.dumps(evil.document)
    evil.answers[f"{METADATA}*"] = Reply.document('{"issuer": "https://honest.example", ' + text[1:])
    evil.answers["/.well-known/openid-configuration"] = Reply(404)
    world.log_in(evil.url)
    return ["a registration" for _ in evil.to("/register")]


@attacks(
    "an issuer that is no issuer: {}",
    {
        "plain http": "http://honest.example",
        "a file": "file:///etc/passwd",
        "a user name": "https://honest.example@127.0.0.1/",
        "a fragment": "https://honest.example#x",
        "nothing": "",
    },
    source="RFC 8414 §2, OAuth 2.1 §1.5",
    defence=defence(
        "a URL is checked before a request may go there",
        {"safety.url.check_endpoint": lambda url, *_, **__: url},
    ),
    sees=Sees(SecurityRefused, "RFC 8414 §2"),
)
def test_no_issuer(world: World, issuer: str) -> Loot:
    evil = world.hostile(resource_metadata={"authorization_servers": [issuer]})
    asked: list[str] = []
    world.patch.setattr("mcp_vacuum.drivers.sync.SyncTransport.send", _asking(asked, evil.origin))
    world.log_in(evil.url)
    if not issuer and not isinstance(world.error, SecurityRefused):
        asked.append("a search for metadata of nobody")
    return [f"a request to {url}" for url in asked]


def _asking(asked: list[str], honest: str) -> object:
    from mcp_vacuum.drivers.transport import SyncTransport

    real = SyncTransport.send

    def send(self: SyncTransport, request: object) -> object:
        url = str(request.url)  # type: ignore[attr-defined]
        if not url.startswith(honest):
            asked.append(url)
        return real(self, request)  # type: ignore[arg-type]

    return send


@attacks(
    "a challenge inside another one: {}",
    {
        "in a realm": 'Basic realm="Bearer resource_metadata=\\"{evil}\\""',
        "in an error text": 'Bearer resource_metadata="{own}", error_description="resource_metadata={evil}"',
        "behind a doubled parameter": 'Bearer resource_metadata="{own}", resource_metadata="{evil}"',
        "in a second line": 'Bearer resource_metadata="{own}", Basic realm="resource_metadata={evil}"',
    },
    source="RFC 9110 §11.6.1, CL-DISC-01",
    defence=in_the_test(
        "a challenge is parsed, not searched",
        "`protocol/challenge.py: parse_challenges`",
        lambda patch: patch.setattr("mcp_vacuum.protocol.discovery.bearer_hints", _last_match),
    ),
    sees=NOTHING,
)
def test_challenge(world: World, challenge: str) -> Loot:
    """A realm or an error text may hold what somebody else wrote, a user name for instance."""
    evil, thief = world.hostile(), world.hostile()
    trap = f"{thief.origin}/trap"
    evil.challenge = challenge.format(evil=trap, own=f"{evil.origin}{PRM}/mcp")
    world.log_in(evil.url)
    return [f"a request to {got.path}" for got in thief.got]


def _last_match(lines: list[str]) -> object:
    """Careless: a regular expression."""
    import re

    from mcp_vacuum.protocol.challenge import BearerHints

    found = re.findall(r'resource_metadata=[\\"]*([^\\"\s,]+)', " ".join(lines))
    return BearerHints(found[-1] if found else None)


@attack(
    "metadata fails with 500, to have the 2025-03-26 paths used where a person allowed them",
    source="MCP 2025-03-26 fallbacks, CL-LEG-01",
    defence=in_the_test(
        "only 404, 405 and 410 mean that there is none",
        "`protocol/discovery.py: _read_metadata`",
        lambda patch: patch.setattr(
            "mcp_vacuum.protocol.discovery._read_metadata",
            lambda model, response, *_: None if response.status != 200 else _read(model, response),
        ),
    ),
    sees=Sees(ServerUnavailable, says="status 500"),
)
def test_legacy_after_500(world: World) -> Loot:
    """Somebody on the way, or a moment's overload, would turn every check of metadata off."""
    evil = world.hostile(answers={"/.well-known/*": Reply(500)})
    world.log_in(evil.url, legacy=True)
    return [
        f"a request to {got.path}" for got in evil.got if got.path in ("/authorize", "/token", "/register")
    ]


def _read(model: Any, response: Any) -> Any:
    from mcp_vacuum.protocol.documents import read_document

    return read_document(model, response.body)

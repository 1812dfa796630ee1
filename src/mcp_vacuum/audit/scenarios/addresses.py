"""LAB-08: public servers, as a client sees them, that point to plain http and to private addresses.

The client is told of a proxy. Behind it invented names are the laboratory's servers, and nothing else is
there: who asks for another address is seen, and reaches nobody.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.client import ASKED_FOR
from mcp_vacuum.audit.scenarios.certificates import TRUST, a_person_inside, said, translated
from mcp_vacuum.audit.scenarios.scenario import HONEST, Arrange, Scenario, Stage, nothing
from mcp_vacuum.lab.certificates import Authority
from mcp_vacuum.lab.encrypted import Encrypted
from mcp_vacuum.lab.gateway import Gateway

MCP, LOGIN = "mcp.laboratory.example", "login.laboratory.example"
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")

PRIVATE = {
    "private": "https://10.0.0.1",
    "link-local": "https://169.254.169.254",
    "shared": "https://100.64.0.1",
    "unique-local": "https://[fd00::1]",
    "mapped": "https://[::ffff:10.0.0.1]",
    "decimal": "https://167772161",
    "hexadecimal": "https://0x0a000001",
    "octal": "https://012.0.0.1",
}
"""By variant: the authorization server that the resource's metadata names."""


def behind_gateway(more: Arrange) -> Arrange:
    """Make both servers public, as far as the client can see, and then do more."""

    def arrange(stage: Stage) -> None:
        authority = Authority.make(stage.folder)
        origins = {stage.lab.mcp_url.removesuffix("/mcp"): MCP, stage.lab.issuer: LOGIN}
        ways = {host: _port(stage, authority, origin, host) for origin, host in origins.items()}
        gateway = stage.stack.enter_context(Gateway(ways))
        outside = {origin: f"https://{host}" for origin, host in origins.items()}
        stage.environment |= dict.fromkeys(TRUST, str(authority.bundle))
        stage.environment |= dict.fromkeys(_PROXIES, gateway.url) | {"NODE_USE_ENV_PROXY": "1"}
        stage.url = said(stage.lab.mcp_url, outside)
        stage.aliases |= {host: urlsplit(origin).netloc for origin, host in origins.items()}
        stage.twist(translated(outside))
        stage.ending.append(lambda: stage.notes.extend(f"{ASKED_FOR}{each}" for each in gateway.refused))
        more(stage)

    return arrange


def _port(stage: Stage, authority: Authority, origin: str, host: str) -> int:
    context = authority.context(host=host)
    return stage.stack.enter_context(Encrypted(urlsplit(origin).port or 0, context)).port


def _server(url: str) -> Arrange:
    def arrange(stage: Stage) -> None:
        stage.lab.faults.resource_metadata_override = {"authorization_servers": [url]}

    return arrange


def _loopback(stage: Stage) -> None:
    _server(stage.other.issuer)(stage)


def _challenge(stage: Stage) -> None:
    place = f"http://{MCP}/.well-known/oauth-protected-resource/mcp"
    stage.lab.faults.challenge = (f'Bearer resource_metadata="{place}"',)


def _endpoint(name: str) -> Arrange:
    def arrange(stage: Stage) -> None:
        stage.lab.faults.metadata_override = {f"{name}_endpoint": f"http://{LOGIN}/{name}"}

    return arrange


def _scenario(name: str, what: str, more: Arrange, *, other: bool = False) -> Scenario:
    return Scenario(
        f"LAB-08/{name}",
        what,
        arrange=behind_gateway(more),
        others=(HONEST,) if other else (),
        person=a_person_inside,
    )


SCENARIOS = (
    _scenario("good", "both servers are public and behind https, and the client has a proxy", nothing),
    _scenario("http-resource", "the challenge of a public server names metadata over plain http", _challenge),
    _scenario(
        "http-server",
        "the metadata of a public server names an authorization server over plain http",
        _server(f"http://{LOGIN}"),
    ),
    _scenario(
        "http-registration",
        "the registration endpoint of a public server is plain http",
        _endpoint("registration"),
    ),
    _scenario("http-token", "the token endpoint of a public server is plain http", _endpoint("token")),
    _scenario(
        "loopback",
        "the metadata of a public server names an authorization server on loopback",
        _loopback,
        other=True,
    ),
    *(
        _scenario(
            name,
            f"the metadata of a public server names an authorization server at {url.removeprefix('https://')}",
            _server(url),
        )
        for name, url in PRIVATE.items()
    ),
)

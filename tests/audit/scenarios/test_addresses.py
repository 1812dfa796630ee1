"""LAB-08: what a client behind the gateway gets to see."""

from __future__ import annotations

import json
import ssl
from contextlib import ExitStack
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mcp_vacuum.audit.evidence.client import Answer
from mcp_vacuum.audit.scenarios.addresses import LOGIN, MCP, PRIVATE, SCENARIOS
from mcp_vacuum.audit.scenarios.scenario import Stage
from mcp_vacuum.lab import Lab

PRM = "/.well-known/oauth-protected-resource/mcp"
METADATA = "/.well-known/oauth-authorization-server"


class Behind:
    """A scenario, and a connection through its gateway."""

    def __init__(self, name: str, stack: ExitStack, folder: Path) -> None:
        (scenario,) = (each for each in SCENARIOS if each.name == f"LAB-08/{name}")
        labs = tuple(stack.enter_context(Lab(config)) for config in (scenario.config, *scenario.others))
        self.stage = Stage(
            labs,
            lambda url: url,
            lambda purpose, method, url: Answer(purpose, method, url, 0),
            folder=folder,
            stack=stack,
        )
        scenario.arrange(self.stage)
        labs[0].faults.around = self.stage.twists[0]

    def get(self, host: str, path: str) -> tuple[str, dict[str, object]]:
        """The challenge and the document at a URL."""
        gateway = urlsplit(self.stage.environment["HTTPS_PROXY"])
        context = ssl.create_default_context(cafile=self.stage.environment["SSL_CERT_FILE"])
        client = HTTPSConnection("127.0.0.1", gateway.port, timeout=5, context=context)
        client.set_tunnel(host, 443)
        client.request("GET", path)
        answer = client.getresponse()
        body = answer.read()
        client.close()
        return answer.headers.get("WWW-Authenticate", ""), json.loads(body)


def test_both_servers_are_public(tmp_path: Path) -> None:
    with ExitStack() as stack:
        behind = Behind("good", stack, tmp_path)

        assert behind.stage.url == f"https://{MCP}/mcp"
        assert f'"https://{MCP}{PRM}"' in behind.get(MCP, "/mcp")[0]
        assert behind.get(MCP, PRM)[1]["authorization_servers"] == [f"https://{LOGIN}"]
        assert behind.get(LOGIN, METADATA)[1]["token_endpoint"] == f"https://{LOGIN}/token"


@pytest.mark.parametrize("name", PRIVATE)
def test_a_private_address_is_named(name: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        behind = Behind(name, stack, tmp_path)

        assert behind.get(MCP, PRM)[1]["authorization_servers"] == [PRIVATE[name]]


def test_loopback_is_another_laboratory(tmp_path: Path) -> None:
    with ExitStack() as stack:
        behind = Behind("loopback", stack, tmp_path)

        assert behind.get(MCP, PRM)[1]["authorization_servers"] == [behind.stage.other.issuer]


def test_plain_http_is_named(tmp_path: Path) -> None:
    with ExitStack() as stack:
        resource = Behind("http-resource", stack, tmp_path).get(MCP, "/mcp")[0]
        server = Behind("http-server", stack, tmp_path).get(MCP, PRM)[1]
        endpoints = {
            name: Behind(f"http-{name}", stack, tmp_path).get(LOGIN, METADATA)[1][f"{name}_endpoint"]
            for name in ("registration", "token")
        }

    assert f'resource_metadata="http://{MCP}{PRM}"' in resource
    assert server["authorization_servers"] == [f"http://{LOGIN}"]
    assert endpoints == {name: f"http://{LOGIN}/{name}" for name in endpoints}


def test_what_was_asked_for_is_noted(tmp_path: Path) -> None:
    with ExitStack() as stack:
        behind = Behind("good", stack, tmp_path)
        with pytest.raises(OSError, match="502"):
            behind.get("10.0.0.1", "/")
        for finish in behind.stage.ending:
            finish()

    assert behind.stage.notes == ["asked for https://10.0.0.1:443"]

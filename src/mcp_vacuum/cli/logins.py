"""What the commands share: finding a login, and telling about it."""

from __future__ import annotations

import time
from typing import Any

from mcp_vacuum.agent.source import held_by_agent, logins_from_agent
from mcp_vacuum.cli.ui import Ui, duration
from mcp_vacuum.models import DEFAULT_ACCOUNT, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.storage.passphrase_source import ask_on_terminal
from mcp_vacuum.tokens.facts import LoginFacts, Seen, seen
from mcp_vacuum.tokens.stored import find_login


class Passphrase:
    """Asks for the passphrase on the terminal; what was typed is for the agent that is started next."""

    told: Secret | None = None

    def __call__(self, prompt: str) -> str:
        """Ask."""
        text = ask_on_terminal(prompt)
        self.told = Secret(text)
        return text


def opened(name: str, account: str) -> tuple[CredentialStore, Credential]:
    """Open the vault and find a login in it.

    Raises:
        LoginRequired: There is none.
        StorageError: The vault cannot be opened.
    """
    store = open_store(create=False)
    credential = find_login(store, name, account)
    assert store is not None
    return store, credential


def look(name: str | None = None, account: str = DEFAULT_ACCOUNT) -> Seen:
    """Have all logins, or the one that is called `name`, told by the agent if it runs, else by the vault.

    So a person who has unlocked the agent is not asked for the vault's passphrase each time.

    Raises:
        LoginRequired: There is no login of that name.
        StorageError: The vault cannot be opened.
    """
    told = logins_from_agent(name, account)
    if told is not None:
        return Seen.told(told)
    return seen(open_store(create=False), name, account, held_by_agent())


def as_json(login: LoginFacts) -> dict[str, Any]:
    """Return the object of `login`, `grant`, `status` and `refresh`."""
    return {
        "server": login.server,
        "account": login.account,
        "alias": login.alias,
        "issuer": login.issuer,
        "client_id": login.client_id,
        "registration": login.registration,
        "scope": login.scope,
        "expires_at": login.expires_at,
        "refreshable": login.refreshable,
        "access_token": "in_agent" if login.in_agent else "none",
        "state": login.state,
        "quirks": list(login.quirks),
        "grant": login.grant,
        "token_type": login.token_type,
        "legacy": login.legacy,
        "dpop": login.dpop,
        "proxy": login.proxy,
        "ca_file": login.ca_file,
    }


def not_required_json(server: str, account: str) -> dict[str, Any]:
    """Return the object of a `login` to a server that needs none."""
    nothing = dict.fromkeys(
        ("alias", "issuer", "client_id", "scope", "expires_at", "grant", "token_type", "proxy", "ca_file")
    )
    return {
        "server": server,
        "account": account,
        **nothing,
        "registration": "none",
        "refreshable": False,
        "access_token": "none",
        "state": "not_required",
        "quirks": [],
        "legacy": False,
        "dpop": False,
    }


def as_text(ui: Ui, login: LoginFacts, *, now: float | None = None) -> str:
    """Describe a login for a person."""
    moment = time.time() if now is None else now
    facts = [
        ("server", ui.bold(login.server)),
        ("state", state_text(ui, login)),
        ("account", login.account),
        *([("alias", login.alias)] if login.alias else []),
        ("issuer", login.issuer or "unknown"),
        ("client", _client_text(login)),
        ("scope", login.scope or "as the server chose"),
        *([("token", "in the agent's memory")] if login.in_agent else []),
        ("refreshed", refreshed_text(login, moment)),
        *_peculiarities(login),
    ]
    return ui.facts(facts)


def refreshed_text(login: LoginFacts, now: float) -> str:
    """Say how long ago a login was made or refreshed; `now` in Unix seconds."""
    return duration((login.refreshed_at or login.created_at) - now)


def _client_text(login: LoginFacts) -> str:
    if login.registration == "none":
        return "unknown"
    if login.client_id is None:
        return "none: the assertion is enough"
    return f"{login.client_id} ({login.registration.replace('_', ' ')})"


def _peculiarities(login: LoginFacts) -> list[tuple[str, str]]:
    """What sets a login apart from the usual one."""
    facts = []
    if login.grant != "authorization_code":
        facts.append(("grant", login.grant.replace("_", " ")))
    if login.dpop:
        facts.append(("token type", "DPoP: of no use without the key that is kept here"))
    if login.legacy:
        facts.append(("legacy", "the 2025-03-26 shape: nothing verified its endpoints or its PKCE support"))
    if login.quirks:
        facts.append(("quirks", ", ".join(login.quirks)))
    if login.proxy is not None:
        facts.append(("proxy", login.proxy))
    if login.ca_file is not None:
        facts.append(("ca file", login.ca_file))
    return facts


def state_text(ui: Ui, login: LoginFacts) -> str:
    """Describe the state in a few words."""
    from mcp_vacuum.tokens.renewal import WHY_ENDED

    if login.state == "valid" and login.refreshable:
        return ui.good("valid") + ui.dim("  it refreshes by itself")
    if login.state == "valid":
        return ui.good("valid") + ui.dim("  until its token ends: the server gave no refresh token")
    if login.state == "doubtful":
        return ui.bad("doubtful") + ui.dim(
            f"  the server's answers make no sense: login {login.server} --force"
        )
    why = WHY_ENDED.get(login.ended or "", "the server gave no refresh token")
    return ui.bad("login required") + ui.dim(f"  {why}")

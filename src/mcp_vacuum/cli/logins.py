"""What the commands share: finding a login, and telling about it."""

from __future__ import annotations

import time
from typing import Any

from mcp_vacuum.cli.ui import Ui, duration
from mcp_vacuum.drivers.route import proxy_address
from mcp_vacuum.models import Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.storage.passphrase_source import ask_on_terminal
from mcp_vacuum.tokens.machine import MACHINE_GRANTS
from mcp_vacuum.tokens.policy import doubtful
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


def state_of(credential: Credential, in_agent: bool = False) -> str:
    """Return ``valid`` (a token can be had without a person), ``login_required`` or ``doubtful``."""
    if credential.ended is not None or not (in_agent or refreshable(credential)):
        return "login_required"
    return "doubtful" if doubtful(credential.doubts) else "valid"


def refreshable(credential: Credential) -> bool:
    """True if a new token needs no person: there is a refresh token, or a machine asks anew."""
    return credential.refresh_token is not None or credential.grant in MACHINE_GRANTS


def as_json(credential: Credential, in_agent: bool = False) -> dict[str, Any]:
    """Return the object of `login`, `grant`, `status` and `refresh`.

    Args:
        credential: The login.
        in_agent: The agent holds an access token of it.
    """
    client = credential.client
    return {
        "server": credential.server,
        "account": credential.account,
        "alias": credential.alias,
        "issuer": credential.issuer,
        "client_id": (client.client_id or None) if client else None,
        "registration": client.registration if client else "none",
        "scope": credential.scope,
        "expires_at": credential.expires_at,
        "refreshable": refreshable(credential),
        "access_token": "in_agent" if in_agent else "none",
        "state": state_of(credential, in_agent),
        "quirks": list(credential.quirks),
        "grant": credential.grant,
        "token_type": credential.token_type,
        "legacy": credential.legacy,
        "dpop": credential.dpop_key is not None,
        "proxy": proxy_address(credential.proxy) if credential.proxy else None,
        "ca_file": credential.ca_file,
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


def as_text(ui: Ui, credential: Credential, in_agent: bool = False, *, now: float | None = None) -> str:
    """Describe a login for a person."""
    moment = time.time() if now is None else now
    facts = [
        ("server", ui.bold(credential.server)),
        ("state", state_text(ui, credential, in_agent)),
        ("account", credential.account),
        *([("alias", credential.alias)] if credential.alias else []),
        ("issuer", credential.issuer or "unknown"),
        ("client", _client_text(credential)),
        ("scope", credential.scope or "as the server chose"),
        *([("token", "in the agent's memory")] if in_agent else []),
        ("refreshed", duration((credential.refreshed_at or credential.created_at) - moment)),
        *_peculiarities(credential),
    ]
    return ui.facts(facts)


def _client_text(credential: Credential) -> str:
    client = credential.client
    if client is None:
        return "unknown"
    if not client.client_id:
        return "none: the assertion is enough"
    return f"{client.client_id} ({client.registration.replace('_', ' ')})"


def _peculiarities(credential: Credential) -> list[tuple[str, str]]:
    """What sets a login apart from the usual one."""
    facts = []
    if credential.grant != "authorization_code":
        facts.append(("grant", credential.grant.replace("_", " ")))
    if credential.dpop_key is not None:
        facts.append(("token type", "DPoP: of no use without the key that is kept here"))
    if credential.legacy:
        facts.append(("legacy", "the 2025-03-26 shape: nothing verified its endpoints or its PKCE support"))
    if credential.quirks:
        facts.append(("quirks", ", ".join(credential.quirks)))
    if credential.proxy is not None:
        facts.append(("proxy", proxy_address(credential.proxy)))
    if credential.ca_file is not None:
        facts.append(("ca file", credential.ca_file))
    return facts


def state_text(ui: Ui, credential: Credential, in_agent: bool = False) -> str:
    """Describe the state in a few words."""
    from mcp_vacuum.tokens.renewal import WHY_ENDED

    state = state_of(credential, in_agent)
    if state == "valid" and refreshable(credential):
        return ui.good("valid") + ui.dim("  it refreshes by itself")
    if state == "valid":
        return ui.good("valid") + ui.dim("  until its token ends: the server gave no refresh token")
    if state == "doubtful":
        return ui.bad("doubtful") + ui.dim(
            f"  the server's answers make no sense: login {credential.server} --force"
        )
    why = WHY_ENDED.get(credential.ended or "", "the server gave no refresh token")
    return ui.bad("login required") + ui.dim(f"  {why}")

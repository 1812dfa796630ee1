"""Where every command and integration gets its tokens: from the agent, or from this process.

`MCP_VACUUM_AGENT` decides: `auto` (the default) uses the agent, starts one on demand, and goes on without one
where none can run; `on` insists; `off` goes without. A locked agent is an answer, never a reason to go on
without it.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any, Literal, cast

import anyio.to_thread

from mcp_vacuum.agent import client, peer, wire
from mcp_vacuum.errors import AgentUnavailable, LoginRequired, UsageError, VacuumError, VaultLocked
from mcp_vacuum.models import DEFAULT_ACCOUNT, Credential, OAuth2Token
from mcp_vacuum.safety.secret import Secret, wrapped
from mcp_vacuum.safety.url import normalise_server_url, origin
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held, Place
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.env_source import EnvSource, taken_key
from mcp_vacuum.storage.home import state_home
from mcp_vacuum.storage.key_source import Ask, KeyName
from mcp_vacuum.storage.opening import VAULT_FILE, open_store, unlock_vault, vault_header, vault_location
from mcp_vacuum.storage.passphrase_source import PassphraseSource
from mcp_vacuum.tokens import stored
from mcp_vacuum.tokens.policy import MIN_VALIDITY
from mcp_vacuum.tokens.source import Headers, LoginTokens

Mode = Literal["auto", "on", "off"]
MODE_VARIABLE = "MCP_VACUUM_AGENT"
_OTHERS_START = 3.0
"""Seconds in which an agent that another process has started should listen."""
_PAUSE = 0.02
_LOG = logging.getLogger("mcp_vacuum")


def token_source(name: str, account: str = DEFAULT_ACCOUNT, agent: Mode | None = None) -> LoginTokens:
    """Return the tokens of a login in the user's vault; may block while an agent starts.

    Args:
        name: A server URL in any spelling, an alias, or a host name that only one login has.
        account: Which of several logins of that server.
        agent: Whether to use the agent; `MCP_VACUUM_AGENT` decides if absent.

    Raises:
        LoginRequired: There is no such login.
        UsageError: Several could be meant, or a URL is malformed.
        VaultLocked: The vault is locked.
        AgentUnavailable: The agent was insisted on, and there is none.
        StorageError: The vault cannot be read.
    """
    url = normalise_server_url(name) if "://" in name else name
    found = ask(wire.Find(url, account), agent)
    if found is not None:
        place = (found["location"], found["server"], found["account"])
        return AgentTokens(place, agent, resource=found["resource"])
    store = open_store(create=False)
    credential = stored.find_login(store, name, account)
    assert store is not None  # find_login() found something in it
    return stored.login_tokens(store, credential)


def login_tokens(store: CredentialStore, credential: Credential) -> LoginTokens:
    """Return the tokens of a login in an open store: from the agent if it is the agent's store."""
    if mode_of(None) == "off" or store.location != vault_location(state_home()):
        return stored.login_tokens(store, credential)
    place = (store.location, credential.server, credential.account)
    return AgentTokens(place, None, resource=stored.resource_of(credential), store=store)


class AgentTokens(LoginTokens):
    """The tokens of one login, refreshed by the agent.

    Access tokens are kept here until they near their end. Of a DPoP login the key stays with the agent,
    which makes the headers of each request.
    """

    def __init__(
        self,
        place: Place,
        agent: Mode | None,
        *,
        resource: str | None,
        store: CredentialStore | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            place: Which login.
            agent: See `token_source`.
            resource: What its tokens may be sent to.
            store: The open store, if the caller has it, for the time when there is no agent.
        """
        super().__init__(place, self._from_agent, resource=resource)
        self._agent: Mode | None = agent
        self._store = store
        self._nonces: dict[str, str] = {}

    # --- tokens ---------------------------------------------------------------------------------------

    def _from_agent(self, min_validity: float, rejected: int | None) -> Held:
        _, server, account = self.place
        reply = self._ask(wire.Token(server, account, min_validity, rejected))
        if reply is None:
            return self._without_agent(min_validity, rejected)
        token = OAuth2Token(
            reply["access_token"],
            reply["token_type"],
            reply["expires_in"],
            scope=reply["scope"],
            created_at=reply["created_at"],
        )
        held = Held(token, reply["generation"], reply["mono"])
        ACCESS_TOKENS.put(self.place, held)
        return held

    def _without_agent(self, min_validity: float, rejected: int | None) -> Held:
        from mcp_vacuum.tokens.renewal import Renewal

        _, server, account = self.place
        store = self._store or open_store(create=False)
        if store is None:
            raise LoginRequired(server, "no login is stored", account=account)
        self._store = store
        held = ACCESS_TOKENS.get(self.place)
        if held is not None and _proved_elsewhere(held):
            ACCESS_TOKENS.forget(self.place)  # without the agent's key it is of no use
        return Renewal(store, server, account, rejected=rejected, min_validity=min_validity).run()

    def _ask(self, request: wire.Request) -> dict[str, Any] | None:
        return ask(request, self._agent)

    # --- headers --------------------------------------------------------------------------------------

    def ready(self, method: str, url: str) -> Headers | None:
        """See `TokenSource.ready`; the headers of a DPoP login have to be asked for."""
        held = ACCESS_TOKENS.get(self.place)
        if held is None or not _proved_elsewhere(held):
            return super().ready(method, url)
        self._check(url)
        return None

    async def headers(self, method: str, url: str, *, refused: Headers | None = None) -> Headers:
        """See `TokenSource.headers`."""
        self._check(url)
        held = await self.obtain_async(rejected=self._generation(refused))
        if not _proved_elsewhere(held):
            return self._headers(held, method, url)
        return await anyio.to_thread.run_sync(self._signed, method, url)

    def headers_blocking(self, method: str, url: str, *, refused: Headers | None = None) -> Headers:
        """See `TokenSource.headers_blocking`."""
        self._check(url)
        held = self.obtain(rejected=self._generation(refused))
        return self._signed(method, url) if _proved_elsewhere(held) else self._headers(held, method, url)

    def note_nonce(self, url: str, nonce: str) -> None:
        """See `TokenSource.note_nonce`; the agent is told with the next request."""
        self._note(url, nonce)

    def _note(self, url: str, nonce: str) -> bool | None:
        held = ACCESS_TOKENS.get(self.place)
        if held is None or not _proved_elsewhere(held):
            return super()._note(url, nonce)
        known = self._nonces.get(origin(url))
        self._nonces[origin(url)] = nonce
        return nonce != known

    def _signed(self, method: str, url: str) -> Headers:
        _, server, account = self.place
        reply = self._ask(wire.Headers(server, account, method, url, self._nonces.get(origin(url))))
        if reply is not None:
            return cast(Headers, reply["headers"])
        return self._headers(self._without_agent(MIN_VALIDITY, None), method, url)


def _proved_elsewhere(held: Held) -> bool:
    return held.prover is None and held.token.token_type.lower() == "dpop"


# --- asking -----------------------------------------------------------------------------------------------


def mode_of(agent: Mode | None) -> Mode:
    """Return the caller's choice, else that of `MCP_VACUUM_AGENT`.

    Raises:
        UsageError: The variable is none of the three words.
    """
    mode = agent or os.environ.get(MODE_VARIABLE) or "auto"
    if mode not in ("auto", "on", "off"):
        raise UsageError(f"{MODE_VARIABLE}={mode!r} is none of auto, on, off")
    return cast(Mode, mode)


def ask(
    request: wire.Request, agent: Mode | None = None, told: Secret | None = None
) -> dict[str, Any] | None:
    """Ask the agent of the user's home, starting one if there is a vault; None means: go on without.

    Args:
        request: What to ask.
        agent: See `token_source`.
        told: The passphrase of the vault, if a person has just typed it; for an agent that has to be started.

    Raises:
        AgentUnavailable: The agent was insisted on, and there is none.
        VacuumError: What the agent answered.
    """
    mode, home = mode_of(agent), state_home()
    # False where even looking is forbidden: then it is the vault that says so.
    if mode == "off" or not os.path.exists(home / VAULT_FILE):  # noqa: PTH110
        return None
    try:
        return _asked_or_started(home, request, told)
    except AgentUnavailable as error:
        if mode == "on":
            raise
        _LOG.info("going on without the agent: %s", error)
        return None


def _asked_or_started(home: Path, request: wire.Request, told: Secret | None) -> dict[str, Any]:
    deadline = time.monotonic() + client.START_TIME
    start_at = 0.0
    while True:
        try:
            return client.ask(home, request)
        except client.NotRunning:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() >= start_at and not client.start(home, told or _from_environment(home)):
            start_at = time.monotonic() + _OTHERS_START  # somebody else is at it
        time.sleep(_PAUSE)


def _from_environment(home: Path) -> Secret | None:
    """Return the key that only this process's environment has; it is taken out of there."""
    if (vault_header(home) or {}).get("key_source") != EnvSource.name:
        return None
    EnvSource().read(KeyName(""))
    return wrapped(taken_key())


def tell(request: wire.Request) -> dict[str, Any] | None:
    """Ask the agent if one is running; None if there is none to be asked."""
    try:
        return None if mode_of(None) == "off" else client.ask(state_home(), request)
    except VacuumError as error:
        _LOG.info("the agent was not told: %s", error)
        return None


def adopt(store: CredentialStore, credential: Credential, told: Secret | None = None) -> bool:
    """Hand the access token of a login that was just made to the agent; True if it has it now.

    Args:
        store: Where the login is.
        credential: The login.
        told: The passphrase that opened the store; a new agent gets it, and so does one that has no key yet.

    Raises:
        AgentUnavailable: The agent was insisted on, and there is none; the login is stored all the same.
    """
    held = ACCESS_TOKENS.get((store.location, credential.server, credential.account))
    if held is None or held.generation != credential.generation or not _is_mine(store):
        return False
    try:
        return _adopted(_adoption(credential, held), told)
    except AgentUnavailable:
        raise
    except VacuumError as error:  # the login is stored, and nobody is helped by an error after it
        _LOG.warning("the agent did not take the token: %s", error)
        return False


def _is_mine(store: CredentialStore) -> bool:
    return store.location == vault_location(state_home())


def _adopted(request: wire.Adopt, told: Secret | None) -> bool:
    try:
        return ask(request, told=told) is not None
    except VaultLocked:
        if told is None:
            raise
    return ask(wire.Unlock(told)) is not None and ask(request) is not None


def _adoption(credential: Credential, held: Held) -> wire.Adopt:
    token = held.token
    return wire.Adopt(
        credential.server,
        credential.account,
        held.generation,
        Secret(token.access_token),
        token.token_type,
        token.expires_in,
        token.created_at,
        held.mono,
        token.scope,
    )


def logins_from_agent(name: str | None, account: str) -> dict[str, Any] | None:
    """Return what the running agent tells of all logins, or of one; None if it is not the one to ask.

    Raises:
        LoginRequired, UsageError, StorageError: See `find_login`.
    """
    if mode_of(None) == "off":
        return None
    try:
        return client.ask(state_home(), wire.Logins(name, account))
    except (AgentUnavailable, VaultLocked) as error:  # whether the vault itself is locked, it says itself
        _LOG.info("the agent was not asked: %s", error)
        return None


def held_by_agent() -> set[tuple[str, str]]:
    """Return server and account of each login whose access token the running agent has."""
    status = tell(wire.Status()) or {"holds": []}
    return {(login["server"], login["account"]) for login in status["holds"]}


def start_agent() -> dict[str, Any]:
    """Start the agent of the user's home, whatever `MCP_VACUUM_AGENT` says, and return its status.

    Raises:
        AgentUnavailable: There is no vault yet, or the agent cannot be started.
        StorageError: It cannot open the vault.
    """
    return _asked_or_started(state_home(), wire.Status(), None)


def unlock_agent(ask_person: Ask) -> None:
    """Unlock the vault and the agent.

    Args:
        ask_person: Asks for the passphrase, where that is the key; on the caller's terminal.

    Raises:
        UsageError: There is no vault.
        KeyUnavailable: The passphrase is wrong, or the key source does not answer; it stays locked.
        VaultLocked: The last passphrase was wrong, and it is too soon for the next.
    """
    home = state_home()
    header = vault_header(home)
    if header is None or not peer.SUPPORTED:
        unlock_vault(home, ask_person).close()  # says so if there is none
        return
    told = _from_environment(home)
    if header.get("key_source") == PassphraseSource.name:
        told = Secret(ask_person("Passphrase of the vault: "))
    _asked_or_started(home, wire.Unlock(told), None)

"""`mcp-vacuum demo`: the whole story, with everything real but the people and the network."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.errors import LoginRequired, VacuumError
from mcp_vacuum.integrations.httpx2 import VacuumAuth
from mcp_vacuum.lab import Lab, LabConfig, User
from mcp_vacuum.login import LoginResult, Ways, login_blocking
from mcp_vacuum.logout import logout_blocking
from mcp_vacuum.safety.secret import readable_in
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.tokens.stored import find_login, login_tokens

EXAMPLE = "mcp-vacuum demo"
LIFETIME = 2


@command(EXAMPLE)
def demo(ui: Ui) -> None:
    """See the whole story on this machine, without a network.

    Starts an authorization server and a protected MCP server on loopback, logs in, lists tools, lets the
    access token expire, refreshes, logs out, and checks each step. Leaves nothing behind.
    """
    started = time.monotonic()
    story = Story(ui)
    with _scratch_home() as home, Lab(LabConfig(access_token_lifetime=LIFETIME)) as lab:
        _tell(story, lab, home)
    story.check(not home.exists(), "nothing is left: servers stopped, the vault of this demo deleted")
    members = {"steps": story.steps, "seconds": round(time.monotonic() - started, 1)}
    ui.result(members, f"\n{story.count} steps, all checked. Now a server of yours: mcp-vacuum login URL")


class Story:
    """Tells steps, and stops at the first that is not so."""

    def __init__(self, ui: Ui) -> None:
        """Begin at step one."""
        self.ui = ui
        self.steps: list[str] = []

    @property
    def count(self) -> int:
        """How many steps were told."""
        return len(self.steps)

    def check(self, is_so: bool, text: str) -> None:
        """Tell a step if its check holds.

        Raises:
            VacuumError: It does not.
        """
        if not is_so:
            raise VacuumError(f"the demo expected something else: {text}", hint="please report this")
        self.steps.append(text)
        if not self.ui.settings.json:
            self.ui.out(f"{self.ui.good('✓')} {text}")


def _tell(story: Story, lab: Lab, home: Path) -> None:
    store = open_store(home)
    assert store is not None
    story.check(True, f"a protected MCP server is up: {lab.mcp_url}")
    story.check(True, f"and its authorization server: {lab.issuer}")
    story.check(httpx2.get(lab.mcp_url, trust_env=False).status_code == 401, "without a token it answers 401")
    result = _log_in(story, lab, store)
    source = login_tokens(store, find_login(store, lab.mcp_url))
    with httpx2.Client(auth=VacuumAuth(source), trust_env=False) as client:
        _list_tools(story, lab, client)
        _search_the_disk(story, lab, home)
        _expire_and_refresh(story, lab, client, result)
    _log_out(story, lab, store)


def _log_in(story: Story, lab: Lab, store: CredentialStore) -> LoginResult:
    result = login_blocking(lab.mcp_url, store=store, ways=_somebody_who_agrees())
    requests = [r for r in lab.recorder.requests if not r.path.endswith(("/authorize", "/consent"))]
    challenge = lab.recorder.to("/authorize")[0].query
    story.check(
        challenge["code_challenge_method"] == ("S256",) and len(challenge["state"][0]) >= 43,
        "login: discovered, registered, asked with PKCE S256, state and resource",
    )
    story.check(
        len(requests) - 1 == 5, "it took 5 requests: challenge, two metadata documents, registration, token"
    )
    story.check(
        result.token is not None and result.credential is not None,
        "somebody said yes; state and iss were checked, the code was redeemed",
    )
    return result


def _somebody_who_agrees() -> Ways:
    user = User()
    return lambda listener, timeout: BrowserVisit(
        listener, timeout=timeout, opener=lambda url: bool(user.visit(url))
    )


def _list_tools(story: Story, lab: Lab, client: httpx2.Client) -> None:
    answer = _rpc(client, lab.mcp_url, "tools/list")
    names = [tool["name"] for tool in answer["result"]["tools"]]
    story.check(bool(names), f"with the token it lists its tools: {', '.join(names)}")


def _search_the_disk(story: Story, lab: Lab, home: Path) -> None:
    secrets = [*lab.issued_access_tokens, *lab.issued_refresh_tokens, *lab.issued_codes]
    secrets += [request.form["code_verifier"][0] for request in lab.recorder.to("/token")]
    files = [path for path in home.rglob("*") if path.is_file()]
    found = [path for path in files for secret in secrets if readable_in(path.read_bytes(), secret)]
    story.check(
        bool(files) and not found,
        f"on disk: {len(files)} files, in none an access token, refresh token, code or verifier",
    )


def _expire_and_refresh(story: Story, lab: Lab, client: httpx2.Client, result: LoginResult) -> None:
    assert result.token is not None
    lab.recorder.clear()
    with story.ui.waiting(f"the access token lives {LIFETIME} s; waiting for its end"):
        time.sleep(max(result.token.expires_at - time.time(), 0) + 0.1)
    answer = _rpc(client, lab.mcp_url, "tools/list")
    refreshes = [r for r in lab.recorder.to("/token") if r.form["grant_type"] == ("refresh_token",)]
    story.check(
        "result" in answer and len(refreshes) == 1 and not lab.recorder.to("/authorize"),
        f"the token ended after {LIFETIME} s; one refresh, no browser, the request just worked",
    )
    story.check(
        lab.reuse_detected == 0 and len(lab.issued_refresh_tokens) == 2,
        "the refresh token was rotated; the old one was sent once and never again",
    )


def _log_out(story: Story, lab: Lab, store: CredentialStore) -> None:
    ended = logout_blocking(store, find_login(store, lab.mcp_url))
    story.check(ended.revoked, "logout: the authorization server revoked the grant")
    try:
        find_login(store, lab.mcp_url)
    except LoginRequired as why:
        story.check(True, f"and this machine has forgotten it: {why.reason}, exit code {why.exit_status}")


def _rpc(client: httpx2.Client, url: str, method: str) -> dict[str, dict[str, list[dict[str, str]]]]:
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    response = client.post(url, json={"jsonrpc": "2.0", "id": 1, "method": method}, headers=headers)
    answer: dict[str, dict[str, list[dict[str, str]]]] = response.json()
    return answer


@contextmanager
def _scratch_home() -> Iterator[Path]:
    """A vault of its own, with a key file of its own: the keyring and the real logins are left alone."""
    before = os.environ.get("MCP_VACUUM_KEY_SOURCE")
    os.environ["MCP_VACUUM_KEY_SOURCE"] = "file"
    try:
        with tempfile.TemporaryDirectory(prefix="mcp-vacuum-demo-") as folder:
            yield Path(folder)
    finally:
        if before is None:
            del os.environ["MCP_VACUUM_KEY_SOURCE"]
        else:
            os.environ["MCP_VACUUM_KEY_SOURCE"] = before

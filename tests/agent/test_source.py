"""Where commands and integrations get their tokens: from a real agent, or without one."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_vacuum.agent import client, wire
from mcp_vacuum.agent.source import (
    AgentTokens,
    adopt,
    held_by_agent,
    login_tokens,
    mode_of,
    start_agent,
    tell,
    token_source,
)
from mcp_vacuum.errors import (
    AgentUnavailable,
    LoginRequired,
    OAuthError,
    ServerUnavailable,
    UsageError,
    VaultLocked,
    WrongAudience,
)
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.models import Credential
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.opening import memory_store, open_store
from mcp_vacuum.tokens.source import LoginTokens, Rejection
from tests.agent.running import NEEDS_PROC, Home, greeting_of, impostor
from tests.helpers import log_in, refreshes, wait_for

pytestmark = NEEDS_PROC
MODES = pytest.mark.parametrize("mode", ["auto", "on", "off"])


def forget() -> None:
    """Begin without an access token in memory, as a new process does."""
    ACCESS_TOKENS._held.clear()


def stored(home: Home, url: str) -> Credential:
    found = home.store().get(url)
    assert found is not None
    return found


class TestMode:
    @MODES
    def test_a_token_is_had_in_each(self, home: Home, lab: Lab, url: str, mode: str) -> None:
        held = token_source(url, agent=mode).obtain()  # type: ignore[arg-type]

        assert held.token.access_token == lab.issued_access_tokens[-1]
        assert len(home.agents()) == (0 if mode == "off" else 1)
        assert len(refreshes(lab)) == 1

    @MODES
    def test_the_variable_says_the_same(self, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
        monkeypatch.setenv("MCP_VACUUM_AGENT", mode)

        assert mode_of(None) == mode
        assert mode_of("on") == "on"

    @pytest.mark.parametrize("value", ["yes", "ON", "0", " off"])
    def test_a_senseless_value_is_a_usage_error(
        self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_AGENT", value)
        with pytest.raises(UsageError, match="none of auto, on, off"):
            token_source(url)

    def test_an_empty_value_is_the_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_AGENT", "")

        assert mode_of(None) == "auto"

    @MODES
    def test_without_a_vault_nothing_is_started_and_nothing_made(self, home: Home, mode: str) -> None:
        with pytest.raises(LoginRequired):
            token_source("https://mcp.example/mcp", agent=mode)  # type: ignore[arg-type]

        assert list(home.root.iterdir()) == []

    def test_a_store_that_is_not_the_users_vault_has_no_agent(self, home: Home, lab: Lab) -> None:
        store = memory_store()
        log_in(lab, store)
        credential = store.get(lab.mcp_url)
        assert credential is not None

        assert not isinstance(login_tokens(store, credential), AgentTokens)
        assert adopt(store, credential) is False
        assert home.agents() == []


class TestWhenNoneCanRun:
    @pytest.fixture
    def other_version(self, home: Home, url: str) -> object:
        return impostor(home, greeting_of(home, version="0.0.1"), version="0.0.1")

    def test_auto_goes_on_without(self, home: Home, lab: Lab, url: str) -> None:
        for greeting in (greeting_of(home, version="0.0.1"), greeting_of(home, digest="0" * 12)):
            with impostor(home, greeting) as path:
                forget()
                assert (
                    token_source(url, agent="auto").obtain().token.access_token
                    == lab.issued_access_tokens[-1]
                )
                assert home.run("token", url).stdout == f"{lab.issued_access_tokens[-1]}\n"
            path.unlink()
        assert home.agents() == []

    def test_on_is_an_error(self, home: Home, lab: Lab, url: str) -> None:
        for greeting in (greeting_of(home, version="0.0.1"), greeting_of(home, digest="0" * 12)):
            with impostor(home, greeting) as path:
                with pytest.raises(AgentUnavailable):
                    token_source(url, agent="on")
                done = home.run("token", url, env={"MCP_VACUUM_AGENT": "on"})
                assert (done.returncode, done.stdout) == (6, "")
            path.unlink()
        assert refreshes(lab) == ()

    def test_a_sign_that_is_open_to_others(self, home: Home, url: str) -> None:
        home.start()
        home.place.sign.chmod(0o644)

        assert home.run("token", url).returncode == 0
        assert home.run("token", url, env={"MCP_VACUUM_AGENT": "on"}).returncode == 6

    def test_a_locked_agent_is_an_answer(self, home: Home, lab: Lab, url: str) -> None:
        """Nobody goes on without it."""
        locked = wire.frame(
            wire.encode_error(VaultLocked("the vault is locked", hint="mcp-vacuum agent unlock"))
        )
        with impostor(home, greeting_of(home), locked):
            with pytest.raises(VaultLocked):
                token_source(url, agent="auto")
            done = home.run("token", url)

        assert done.returncode == 6
        assert "mcp-vacuum agent unlock" in done.stderr
        assert refreshes(lab) == ()


class TestFallingBack:
    """The agent dies under a source that asked it before."""

    def killed(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        """No agent, and none that could be started."""
        for pid in home.agents():
            os.kill(pid, signal.SIGKILL)
            home.wait_for_the_end(pid)
        monkeypatch.setattr("sys.executable", "/nowhere/python")

    def test_auto_goes_on(self, home: Home, lab: Lab, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        source = token_source(url, agent="auto")
        before = source.headers_blocking("GET", url)
        self.killed(home, monkeypatch)
        after = source.headers_blocking("GET", url, refused=before)

        assert after == {"Authorization": f"Bearer {lab.issued_access_tokens[-1]}"} != before
        assert lab.reuse_detected == 0

    def test_on_does_not(self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        source = token_source(url, agent="on")
        before = source.headers_blocking("GET", url)
        self.killed(home, monkeypatch)
        with pytest.raises(AgentUnavailable):
            source.headers_blocking("GET", url, refused=before)

    def test_a_source_asks_the_next_agent(self, home: Home, lab: Lab, url: str) -> None:
        source = token_source(url, agent="on")
        before = source.headers_blocking("GET", url)
        (pid,) = home.agents()
        os.kill(pid, signal.SIGKILL)
        home.wait_for_the_end(pid)
        after = source.headers_blocking("GET", url, refused=before)

        assert after == {"Authorization": f"Bearer {lab.issued_access_tokens[-1]}"} != before
        assert len(home.agents()) == 1

    @pytest.mark.parametrize("mode", ["auto", "on"])
    def test_an_agent_that_dies_in_the_middle_of_a_request(
        self, home: Home, lab: Lab, url: str, mode: str
    ) -> None:
        """Another one is started, and answers."""
        source = token_source(url, agent=mode)  # type: ignore[arg-type]
        (pid,) = home.agents()
        lab.faults.token_delay, lab.faults.token_status, lab.faults.token_times = 30.0, 503, 1
        got: list[str] = []
        asking = threading.Thread(target=lambda: got.append(source.obtain().token.access_token))
        asking.start()
        wait_for(lambda: refreshes(lab), "the refresh under way")
        os.kill(pid, signal.SIGKILL)
        asking.join(60)

        assert got == [lab.issued_access_tokens[-1]]
        assert pid not in home.agents()
        assert len(home.agents()) == 1

    def test_one_that_cannot_be_started_again_in_the_middle_of_a_request(
        self, home: Home, lab: Lab, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = token_source(url, agent="on")
        (pid,) = home.agents()
        lab.faults.token_delay, lab.faults.token_status, lab.faults.token_times = 30.0, 503, 1
        caught: list[Exception] = []

        def ask() -> None:
            try:
                source.obtain()
            except AgentUnavailable as error:
                caught.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: refreshes(lab), "the refresh under way")
        monkeypatch.setattr("sys.executable", "/nowhere/python")
        os.kill(pid, signal.SIGKILL)
        asking.join(60)

        assert len(caught) == 1


class TestOneAgentManyProcesses:
    def test_a_login_is_adopted_and_nothing_is_refreshed(self, home: Home, lab: Lab) -> None:
        store = home.store()
        result = log_in(lab, store)
        lab.recorder.clear()
        assert result.credential is not None
        assert adopt(store, result.credential)
        done = home.run("token", lab.mcp_url)

        assert done.stdout == f"{lab.issued_access_tokens[0]}\n"
        assert lab.recorder.requests == ()
        assert held_by_agent() == {(lab.mcp_url, "default")}

    def test_a_login_that_is_not_the_stored_one_is_not_adopted_and_no_error(
        self, home: Home, lab: Lab
    ) -> None:
        """It was refreshed by somebody else since: the login itself has worked."""
        store = home.store()
        result = log_in(lab, store)
        assert result.credential is not None
        other = home.store()
        other.put(replace(stored(home, lab.mcp_url), generation=2), expected_generation=1)

        assert adopt(store, result.credential) is False

    def test_a_login_without_a_refresh_token_lives_in_the_agent(self, home: Home) -> None:
        with Lab(LabConfig(issue_refresh_token=False)) as lab:
            store = home.store()
            result = log_in(lab, store)
            assert result.credential is not None
            adopt(store, result.credential)
            forget()
            done = home.run("token", lab.mcp_url)
            source = token_source(lab.mcp_url)

            assert done.stdout == f"{lab.issued_access_tokens[0]}\n"
            assert source.obtain().token.access_token == lab.issued_access_tokens[0]

    def test_a_logout_elsewhere_makes_the_agent_refuse(self, home: Home, lab: Lab, url: str) -> None:
        home.start()
        home.token(url)
        assert home.run("logout", url, env={"MCP_VACUUM_AGENT": "off"}).returncode == 0
        with pytest.raises(LoginRequired):
            home.token(url)
        status = home.status()

        assert status is not None
        assert status["holds"] == []
        assert home.run("token", url).returncode == 3

    def test_a_refresh_elsewhere_makes_it_drop_its_token(self, home: Home, lab: Lab, url: str) -> None:
        home.start()
        old = home.token(url)
        token_source(url, agent="off").obtain(rejected=2)
        new = home.token(url)

        assert (old["generation"], new["generation"]) == (2, 4)
        assert new["access_token"] == lab.issued_access_tokens[-1] != old["access_token"]
        assert lab.reuse_detected == 0

    def test_a_login_anew_elsewhere_too(self, home: Home, lab: Lab, url: str) -> None:
        home.start()
        old = home.token(url)
        home.log_in(lab, force=True)
        new = home.token(url)

        assert new["access_token"] not in (old["access_token"], None)
        assert new["generation"] == 4

    def test_an_alias_that_was_moved_is_followed_at_once(self, home: Home, lab: Lab, url: str) -> None:
        home.store().set_alias(url, "default", "work")
        home.start()
        with Lab() as other:
            home.log_in(other)
            assert home.token("work")["server"] == url
            store = home.store()
            store.set_alias(url, "default", None)
            store.set_alias(other.mcp_url, "default", "work")

            assert home.token("work")["server"] == other.mcp_url
            assert home.token("work")["access_token"] == other.issued_access_tokens[-1]

    def test_a_program_keeps_its_token_and_asks_again_near_its_end(
        self, home: Home, lab: Lab, url: str
    ) -> None:
        source = token_source(url)
        source.obtain()
        status = home.status()
        assert status is not None
        for _ in range(5):
            source.obtain()
        again = home.status()
        assert again is not None
        assert again["requests"] == status["requests"] + 1  # the first status itself
        source.obtain(1000)
        assert len(refreshes(lab)) == 1

    def test_forget_and_status_are_told_only_to_an_agent_that_runs(
        self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert tell(wire.Status()) is None
        assert held_by_agent() == set()
        home.start()
        home.token(url)
        assert held_by_agent() == {(url, "default")}
        tell(wire.Forget(url, "default"))
        assert held_by_agent() == set()
        monkeypatch.setenv("MCP_VACUUM_AGENT", "off")
        assert tell(wire.Status()) is None

    def test_the_agent_is_started_whatever_the_variable_says(
        self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_AGENT", "off")

        assert start_agent()["pid"] == start_agent()["pid"] == home.agents()[0]


class TestErrors:
    """What the agent met is met here."""

    def test_a_login_that_ended(self, home: Home, lab: Lab, url: str) -> None:
        lab.revoke_everything()
        source = token_source(url, agent="on")
        with pytest.raises(LoginRequired, match="ended it") as caught:
            source.obtain()

        assert (caught.value.server, caught.value.account) == (url, "default")
        done = home.run("token", url)
        assert done.returncode == 3
        assert f"mcp-vacuum login {url}" in done.stderr

    def test_the_servers_own_word(self, home: Home, lab: Lab, url: str) -> None:
        lab.faults.token_error = "invalid_scope"
        with pytest.raises(OAuthError) as caught:
            token_source(url, agent="on").obtain()

        assert caught.value.error == "invalid_scope"
        assert home.run("token", url).returncode == 7

    @pytest.mark.long
    def test_a_server_that_is_gone(self, home: Home, lab: Lab, url: str) -> None:
        source = token_source(url, agent="on")
        lab.stop()
        with pytest.raises(ServerUnavailable):
            source.obtain()

    def test_a_name_that_could_mean_two(self, home: Home, url: str) -> None:
        with Lab() as other:
            home.log_in(other)
            with pytest.raises(UsageError, match="could mean"):
                token_source("127.0.0.1", agent="on")

    def test_an_unknown_account(self, home: Home, url: str) -> None:
        with pytest.raises(LoginRequired) as caught:
            token_source(url, "third", agent="on")

        assert caught.value.account == "third"


class TestHeaders:
    def test_of_a_bearer_login(self, home: Home, lab: Lab, url: str) -> None:
        source = token_source(url)
        headers = asyncio.run(source.headers("GET", url))

        assert headers == {"Authorization": f"Bearer {lab.issued_access_tokens[-1]}"}
        assert source.ready("GET", url) is headers

    def test_not_for_another_resource(self, home: Home, url: str) -> None:
        source = token_source(url)
        for ask in (source.ready, source.headers_blocking):
            with pytest.raises(WrongAudience):
                ask("GET", "https://attacker.example/mcp")

    def test_a_refused_token_is_not_shown_again(self, home: Home, lab: Lab, url: str) -> None:
        source = token_source(url)
        refused = source.headers_blocking("GET", url)
        lab.expire_access_tokens()
        better = source.after_blocking("GET", url, Rejection(401, refused))

        assert better == {"Authorization": f"Bearer {lab.issued_access_tokens[-1]}"} != refused
        assert len(refreshes(lab)) == 2


def status_of(lab: Lab, url: str, headers: object) -> tuple[int, str | None]:
    """Send one request to the laboratory's MCP server; returns its status and its nonce."""
    import httpx2

    answer = httpx2.post(url, headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})  # type: ignore[arg-type]
    return answer.status_code, answer.headers.get("DPoP-Nonce")


class TestDpop:
    @pytest.fixture
    def lab(self) -> object:
        with Lab(LabConfig(dpop=True, dpop_required=True, dpop_nonces=True)) as lab:
            yield lab

    @pytest.fixture
    def url(self, home: Home, lab: Lab) -> str:
        home.log_in(lab, dpop=True)
        return lab.mcp_url

    def answered(self, source: LoginTokens, lab: Lab, url: str) -> int:
        """One call, as an integration makes it: a new nonce is worth another try."""
        headers = source.headers_blocking("POST", url)
        status, nonce = status_of(lab, url, headers)
        if status == 401 and nonce is not None:
            rejection = Rejection(401, headers, nonce=nonce)
            better = source.after_blocking("POST", url, rejection)
            assert better is not None
            status, _ = status_of(lab, url, better)
        return status

    def test_the_key_stays_with_the_agent_and_its_proofs_are_taken(
        self, home: Home, lab: Lab, url: str
    ) -> None:
        source = token_source(url, agent="on")
        statuses = [self.answered(source, lab, url) for _ in range(3)]
        held = source.at_hand()

        assert [status for status in statuses if status == 401] == []
        assert held is not None
        assert held.prover is None
        assert held.token.token_type == "DPoP"
        assert source.ready("POST", url) is None

    def test_each_request_has_a_proof_of_its_own(self, home: Home, url: str) -> None:
        source = token_source(url, agent="on")
        one, two = source.headers_blocking("POST", url), asyncio.run(source.headers("POST", url))

        assert one["Authorization"] == two["Authorization"]
        assert one["DPoP"] != two["DPoP"]

    def test_a_new_nonce_of_the_server_is_followed(self, home: Home, lab: Lab, url: str) -> None:
        source = token_source(url, agent="on")
        self.answered(source, lab, url)
        lab.renew_nonces()

        assert self.answered(source, lab, url) != 401

    def test_the_same_nonce_again_is_no_reason_for_another_try(self, home: Home, lab: Lab, url: str) -> None:
        source = token_source(url, agent="on")
        headers = source.headers_blocking("POST", url)
        rejection = Rejection(401, headers, nonce="n", fresh=True)

        assert source.after_blocking("POST", url, rejection) is not None
        assert source.after_blocking("POST", url, rejection) is None

    def test_the_agent_itself_refuses_another_resource(self, home: Home, url: str) -> None:
        home.start()
        for elsewhere in ("https://attacker.example/mcp", url.replace("/mcp", "/other"), "nonsense", ""):
            with pytest.raises(WrongAudience):
                client.ask(home.path, wire.Headers(url, "default", "GET", elsewhere))
        with pytest.raises(WrongAudience):
            token_source(url).headers_blocking("GET", "https://attacker.example/mcp")

    def test_without_the_agent_the_key_is_taken_from_the_store(
        self, home: Home, lab: Lab, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = token_source(url, agent="auto")
        assert self.answered(source, lab, url) != 401
        (pid,) = home.agents()
        os.kill(pid, signal.SIGKILL)
        home.wait_for_the_end(pid)
        monkeypatch.setattr("sys.executable", "/nowhere/python")

        assert self.answered(source, lab, url) != 401
        held = source.at_hand()
        assert held is not None
        assert held.prover is not None
        assert lab.reuse_detected == 0

    def test_the_key_is_in_no_answer(self, home: Home, url: str) -> None:
        home.start()
        key = stored(home, url).dpop_key
        assert key is not None
        replies = [
            client.ask(home.path, wire.Find(url, "default")),
            home.token(url),
            client.ask(home.path, wire.Headers(url, "default", "GET", url)),
            home.status(),
        ]

        assert home.token(url)["proved"] is True
        assert not any(key.reveal() in repr(reply) for reply in replies)


def test_many_threads_ask_the_agent_once(home: Home, lab: Lab, url: str) -> None:
    source = token_source(url)
    got: list[str] = []

    def ask() -> None:
        got.append(source.obtain().token.access_token)

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == [lab.issued_access_tokens[-1]] * 32
    assert len(refreshes(lab)) == 1


class TestWithoutAnAgent:
    """What `token_source` promised before there was an agent."""

    def test_it_opens_the_users_vault(self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_AGENT", "off")
        home.store().set_alias(url, "default", "work")

        assert token_source("work").ready("GET", url) is None

    def test_it_creates_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "home"))
        with pytest.raises(LoginRequired):
            token_source("https://a.example/mcp")

        assert list(tmp_path.iterdir()) == []
        assert open_store(create=False) is None
        assert time.time() > 0

"""The contract can fail: a store that loses writes does not pass it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_vacuum.agent import client, wire
from mcp_vacuum.agent.source import token_source
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.storage.base import Row
from mcp_vacuum.storage.memory import MemoryRecordStore
from mcp_vacuum.storage.opening import memory_store
from mcp_vacuum.testing.contracts import RecordStoreContract, TokenSourceContract
from mcp_vacuum.tokens.source import Headers, LoginTokens
from mcp_vacuum.tokens.stored import login_tokens
from tests.agent.running import a_home
from tests.helpers import log_in, logged_in
from tests.testing.benches import LabBench


class Forgetful(MemoryRecordStore):
    def put(self, row: Row, *, expected_generation: int) -> None:
        """Say nothing and do nothing."""


class Promise(RecordStoreContract):
    __test__ = False

    def make_store(self) -> Forgetful:
        return Forgetful()


def test_a_store_that_forgets_does_not_pass() -> None:
    facts = [name for name in dir(RecordStoreContract) if name.startswith("test_")]
    failed = 0
    for name in facts:
        try:
            getattr(Promise(), name)()
        except (AssertionError, pytest.fail.Exception):
            failed += 1
        except TypeError:
            continue  # a fact that takes fixtures is not tried here

    assert failed >= 3


class TestStoredTokens(TokenSourceContract):
    @pytest.fixture
    def bench(self) -> Iterator[LabBench]:
        with logged_in() as login:
            yield LabBench(login.lab, login.tokens)


class TestAgentTokens(TokenSourceContract):
    """Over a real agent; its own token goes with ours, as at its end."""

    @pytest.fixture
    def bench(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabBench]:
        with a_home(monkeypatch, "on") as home, Lab() as lab:
            home.log_in(lab)
            yield AgentBench(lab, token_source(lab.mcp_url), home.path)


class AgentBench(LabBench):
    def __init__(self, lab: Lab, source: LoginTokens, home: Path) -> None:
        super().__init__(lab, source)
        self._home = home

    def forget(self) -> None:
        super().forget()
        client.ask(self._home, wire.Forget(self.url, "default"))


class TestBoundTokens(TokenSourceContract):
    """DPoP: each request has headers of its own."""

    @pytest.fixture
    def bench(self) -> Iterator[LabBench]:
        with Lab(LabConfig(dpop=True, dpop_required=True)) as lab:
            store = memory_store()
            log_in(lab, store)
            lab.recorder.clear()
            credential = store.get(lab.mcp_url)
            assert credential is not None
            yield LabBench(lab, login_tokens(store, credential))


def test_a_source_that_gives_its_token_to_everybody_does_not_pass() -> None:
    class Generous(LoginTokens):
        def ready(self, method: str, url: str) -> Headers | None:
            return self.headers_blocking("GET", self.place[1])

    with logged_in() as login:
        place, renew = login.place, login.tokens._renew
        bench = LabBench(login.lab, Generous(place, renew, resource=login.server))
        with pytest.raises(pytest.fail.Exception):
            TokenSourceContract().test_no_other_url_gets_a_token(bench)

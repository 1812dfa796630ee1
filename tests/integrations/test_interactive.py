"""Sources that log in while they work: a bare request first, a person asked once, and bounds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.errors import AuthenticationError, LoginDeclined, OAuthError, WrongAudience
from mcp_vacuum.integrations.httpx2 import VacuumAuth
from mcp_vacuum.integrations.interactive import InteractiveSource, MachineSource
from mcp_vacuum.lab import Lab, LabConfig, User
from mcp_vacuum.login import LoginOptions
from mcp_vacuum.machine import GrantOptions
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from tests.test_machine import EVERYTHING, SVC

PING = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
CROWD = 50


class Visits:
    """Who says yes, and how often they were asked."""

    def __init__(self, user: User | None = None) -> None:
        self.user = user or User()
        self.urls: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, listener: LoopbackListener, timeout: float) -> Person:
        return BrowserVisit(listener, timeout=timeout, opener=self._open)

    def _open(self, url: str) -> bool:
        with self._lock:
            self.urls.append(url)
        return bool(self.user.visit(url))


@pytest.fixture
def visits() -> Visits:
    return Visits()


def source(lab: Lab, visits: Visits, store: CredentialStore, **options: Any) -> InteractiveSource:
    return InteractiveSource(lab.mcp_url, LoginOptions(**options), store=store, ways=visits)


def call(lab: Lab, tokens: InteractiveSource | MachineSource) -> httpx2.Response:
    with httpx2.Client(auth=VacuumAuth(tokens), trust_env=False, timeout=30) as client:
        return client.post(lab.mcp_url, json=PING)


async def call_async(lab: Lab, tokens: InteractiveSource | MachineSource, times: int = 1) -> list[int]:
    async with httpx2.AsyncClient(auth=VacuumAuth(tokens), trust_env=False, timeout=60) as client:
        answers = await asyncio.gather(*(client.post(lab.mcp_url, json=PING) for _ in range(times)))
    return [answer.status_code for answer in answers]


def carried(lab: Lab) -> list[str]:
    """The Authorization headers that came to the MCP server."""
    return [r.headers.get("authorization", "") for r in lab.recorder.requests if r.path == "/mcp"]


class TestFirstRequest:
    def test_it_goes_out_bare_and_its_answer_is_not_asked_for_again(
        self, lab: Lab, visits: Visits, store: CredentialStore
    ) -> None:
        answer = call(lab, source(lab, visits, store))
        first, second = carried(lab)

        assert answer.status_code == 200
        assert first == ""
        assert second == f"Bearer {lab.issued_access_tokens[-1]}"
        assert len(visits.urls) == 1

    def test_a_stored_login_asks_nobody(self, lab: Lab, visits: Visits, store: CredentialStore) -> None:
        call(lab, source(lab, visits, store))
        ACCESS_TOKENS.forget((store.location, lab.mcp_url, "default"))
        answer = call(lab, source(lab, visits, store))

        assert answer.status_code == 200
        assert len(visits.urls) == 1

    def test_a_server_that_needs_no_login(self, visits: Visits, store: CredentialStore) -> None:
        with Lab(LabConfig(require_login=False)) as lab:
            assert call(lab, source(lab, visits, store)).status_code == 200
            assert visits.urls == []

    def test_another_host_gets_no_token(self, lab: Lab, visits: Visits, store: CredentialStore) -> None:
        tokens = source(lab, visits, store)
        call(lab, tokens)
        with (
            Lab() as other,
            httpx2.Client(auth=VacuumAuth(tokens), trust_env=False) as client,
            pytest.raises(WrongAudience),
        ):
            client.get(other.mcp_url)

    def test_somebody_who_declines(self, lab: Lab, store: CredentialStore) -> None:
        visits = Visits(User("deny"))
        with pytest.raises(LoginDeclined):
            call(lab, source(lab, visits, store))

        assert len(visits.urls) == 1
        assert store.logins() == []


class TestCrowd:
    """However many requests wait, a person is asked once."""

    @pytest.mark.parametrize("scope", [(), ("mcp:tools",)], ids=["server's scope", "own scope"])
    def test_fifty_tasks(self, lab: Lab, store: CredentialStore, scope: tuple[str, ...]) -> None:
        visits = Visits(User(delay=0.2))
        statuses = asyncio.run(call_async(lab, source(lab, visits, store, scope=scope), CROWD))

        assert statuses == [200] * CROWD
        assert len(visits.urls) == 1
        assert len(lab.recorder.to("/register")) == 1

    def test_threads_and_event_loops_together(self, lab: Lab, store: CredentialStore) -> None:
        visits = Visits(User(delay=0.2))
        tokens = source(lab, visits, store)
        with ThreadPoolExecutor(8) as pool:
            loops = [pool.submit(lambda: asyncio.run(call_async(lab, tokens, 4))) for _ in range(4)]
            threads = [pool.submit(call, lab, tokens) for _ in range(4)]
            statuses = [status for loop in loops for status in loop.result()]
            statuses += [thread.result().status_code for thread in threads]

        assert statuses == [200] * 20
        assert len(visits.urls) == 1

    def test_one_that_is_cancelled_does_not_end_the_login_of_the_others(
        self, lab: Lab, store: CredentialStore
    ) -> None:
        visits = Visits(User(delay=0.5))
        tokens = source(lab, visits, store)

        async def scene() -> list[int]:
            doomed = asyncio.create_task(call_async(lab, tokens))
            other = asyncio.create_task(call_async(lab, tokens))
            await asyncio.sleep(0.3)
            doomed.cancel()
            return await other

        assert asyncio.run(scene()) == [200]
        assert len(visits.urls) == 1


class TestStepUp:
    def test_the_union_is_asked_for(self, lab: Lab, visits: Visits, store: CredentialStore) -> None:
        tokens = source(lab, visits, store)
        call(lab, tokens)
        before = (lab.recorder.to("/authorize")[-1].query["scope"][0]).split()
        lab.faults.mcp_insufficient_scope = "mcp:admin"
        answer = call(lab, tokens)
        asked = lab.recorder.to("/authorize")[-1].query["scope"][0].split()

        assert answer.status_code == 200
        assert set(asked) == {*before, "mcp:admin"}
        assert len(visits.urls) == 2

    def test_the_first_login_and_the_step_up_in_one_request(
        self, lab: Lab, visits: Visits, store: CredentialStore
    ) -> None:
        lab.faults.mcp_insufficient_scope = "mcp:admin"

        assert call(lab, source(lab, visits, store)).status_code == 200
        assert len(visits.urls) == 2

    def test_a_scope_that_does_not_help_is_asked_for_once(
        self, lab: Lab, visits: Visits, store: CredentialStore
    ) -> None:
        tokens = source(lab, visits, store)
        call(lab, tokens)
        lab.faults.mcp_insufficient_scope = "mcp:nobody-has-this"
        with pytest.raises(AuthenticationError) as caught:
            call(lab, tokens)
        with pytest.raises(AuthenticationError):
            call(lab, tokens)

        assert caught.value.spec == "MCP authorization, Step-Up Authorization Flow"
        assert len(visits.urls) == 2


class TestBounds:
    def test_a_server_that_refuses_every_token(
        self, lab: Lab, visits: Visits, store: CredentialStore
    ) -> None:
        """A login, and once more; then the refusal stands."""
        lab.faults.mcp_always_401 = True
        answer = call(lab, source(lab, visits, store))

        assert answer.status_code == 401
        assert len(visits.urls) <= 2
        assert len(carried(lab)) <= 6

    def test_a_login_that_the_server_ended_is_made_anew(
        self, lab: Lab, visits: Visits, store: CredentialStore
    ) -> None:
        tokens = source(lab, visits, store)
        call(lab, tokens)
        lab.revoke_everything()

        assert call(lab, tokens).status_code == 200
        assert len(visits.urls) == 2

    def test_a_stream_is_not_sent_twice(self, lab: Lab, visits: Visits, store: CredentialStore) -> None:
        def body() -> Iterator[bytes]:
            yield b"{}"

        with httpx2.Client(auth=VacuumAuth(source(lab, visits, store)), trust_env=False) as client:
            answer = client.post(lab.mcp_url, content=body())

        assert answer.status_code == 401
        assert visits.urls == []


class TestDPoP:
    @pytest.mark.parametrize("nonces", [False, True])
    def test_bound_tokens_with_the_nonces_of_both_servers(
        self, visits: Visits, store: CredentialStore, nonces: bool
    ) -> None:
        with Lab(LabConfig(dpop=True, dpop_required=True, dpop_nonces=nonces)) as lab:
            tokens = source(lab, visits, store)
            first = call(lab, tokens)
            lab.renew_nonces()
            second = call(lab, tokens)
            lab.expire_access_tokens()
            third = call(lab, tokens)

            assert [answer.status_code for answer in (first, second, third)] == [200] * 3
            assert all(not header or header.startswith("DPoP ") for header in carried(lab))
            assert len(visits.urls) == 1


class TestMigration:
    """The server names another authorization server: nothing of the old login is sent to the new one."""

    def test_two_laboratories(self, lab: Lab, visits: Visits, store: CredentialStore) -> None:
        tokens = source(lab, visits, store)
        call(lab, tokens)
        old = store.get(lab.mcp_url)
        assert old is not None
        assert old.client is not None
        with Lab(LabConfig(also_serves=(lab.resource,))) as new:
            lab.faults.resource_metadata_override = {"authorization_servers": [new.issuer]}
            lab.revoke_everything()
            call(lab, tokens)
            moved = store.get(lab.mcp_url)
            assert moved is not None
            said = repr([(r.query, r.form, r.headers, r.json) for r in new.recorder.requests])
            secrets = (*lab.issued_refresh_tokens, *lab.issued_access_tokens, *lab.issued_client_secrets)

            assert (old.issuer, moved.issuer) == (lab.issuer, new.issuer)
            assert moved.token_endpoint == f"{new.issuer}/token"
            assert moved.client is not None
            assert moved.client.client_id != old.client.client_id
            assert old.client.client_id not in said
            assert not [secret for secret in secrets if secret in said]
            assert not [token for token in new.issued_refresh_tokens if token in repr(lab.recorder.requests)]


class TestMachine:
    @pytest.fixture
    def lab(self) -> Iterator[Lab]:
        with Lab(EVERYTHING) as lab:
            lab.add_client("svc", client_secret="svc-secret", auth_method="client_secret_basic")
            yield lab

    def machine(self, lab: Lab, store: CredentialStore, **changes: Any) -> MachineSource:
        options = replace(GrantOptions(grant="client_credentials", client=SVC), **changes)
        return MachineSource(lab.mcp_url, options, store=store)

    def test_one_grant_for_a_crowd(self, lab: Lab, store: CredentialStore) -> None:
        assert asyncio.run(call_async(lab, self.machine(lab, store), CROWD)) == [200] * CROWD
        assert len(lab.recorder.to("/token")) == 1

    def test_a_token_that_ended_is_asked_for_anew(self, lab: Lab, store: CredentialStore) -> None:
        tokens = self.machine(lab, store, dpop=True)
        call(lab, tokens)
        lab.expire_access_tokens()

        assert call(lab, tokens).status_code == 200
        assert len(lab.recorder.to("/token")) == 2

    def test_an_error_is_final(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.token_error = "invalid_client"
        with pytest.raises(OAuthError):
            call(lab, self.machine(lab, store))

        assert len(lab.recorder.to("/token")) == 1

    def test_a_server_that_refuses_every_token(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.mcp_always_401 = True

        assert call(lab, self.machine(lab, store)).status_code == 401
        assert len(lab.recorder.to("/token")) <= 2

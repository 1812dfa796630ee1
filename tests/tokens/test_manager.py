"""TokenManager: valid tokens by server ID, for a client of the caller's own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mcp_vacuum import sync
from mcp_vacuum.client import OAuth2Client
from mcp_vacuum.errors import LoginRequired, SecurityRefused, UsageError
from mcp_vacuum.lab import Lab, User
from mcp_vacuum.models import OAuth2Token
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import memory_store
from mcp_vacuum.storage.secure import SecureTokenStorage
from mcp_vacuum.tokens.manager import TokenManager
from tests.helpers import LoggedIn, logged_in, refreshes

SERVER_ID = "my-server"
REDIRECT = "http://127.0.0.1:9/callback"
CLIENT_ID = "a-client-of-mine"


def client_of(lab: Lab, **changes: Any) -> OAuth2Client:
    settings: dict[str, Any] = {
        "client_id": CLIENT_ID,
        "token_endpoint": f"{lab.issuer}/token",
        "authorization_endpoint": f"{lab.issuer}/authorize",
        "redirect_uri": REDIRECT,
        "scope": "mcp:tools",
        "issuer": lab.issuer,
        "resource": lab.resource,
        "iss_required": True,
    }
    return OAuth2Client(**{**settings, **changes})


class Mine:
    """A client of the caller's own with a stored token, and the laboratory that gave it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.add_client(CLIENT_ID, redirect_uris=[REDIRECT])
        self.client = client_of(lab)
        self.store: CredentialStore = memory_store()
        self.storage = SecureTokenStorage(store=self.store)
        request = self.client.authorization_request()
        callback = User().visit(request.url)
        self.token = asyncio.run(self.client.exchange(callback, request))
        self.keep(self.token)

    def keep(self, token: OAuth2Token) -> None:
        asyncio.run(self.storage.store_token(SERVER_ID, token))
        self.lab.recorder.clear()

    def manager(self, **changes: Any) -> TokenManager:
        client = client_of(self.lab, **changes) if changes else self.client
        return TokenManager(client, SecureTokenStorage(store=self.store))

    def forget_access_token(self) -> None:
        ACCESS_TOKENS.forget((self.store.location, SERVER_ID, "default"))

    def get(self, manager: TokenManager) -> OAuth2Token:
        return asyncio.run(manager.get_valid_token(SERVER_ID))


@pytest.fixture
def mine() -> Iterator[Mine]:
    with Lab() as lab:
        yield Mine(lab)


class TestGetValidToken:
    def test_a_good_token_comes_from_memory(self, mine: Mine) -> None:
        assert mine.get(mine.manager()).access_token == mine.token.access_token
        assert mine.lab.recorder.requests == ()

    def test_otherwise_it_is_refreshed_and_stored(self, mine: Mine) -> None:
        mine.forget_access_token()
        token = mine.get(mine.manager())
        stored = asyncio.run(mine.storage.get_token(SERVER_ID))

        assert token.access_token == mine.lab.issued_access_tokens[-1]
        assert stored == token
        assert len(refreshes(mine.lab)) == 1

    def test_a_storage_in_a_new_process_knows_that_the_access_token_is_not_there(self, mine: Mine) -> None:
        mine.forget_access_token()
        stored = asyncio.run(mine.storage.get_token(SERVER_ID))

        assert stored is not None
        assert (stored.access_token, stored.is_expired) == ("", True)
        assert stored.refresh_token == mine.token.refresh_token

    def test_an_unknown_server_needs_a_login(self, mine: Mine) -> None:
        with pytest.raises(LoginRequired):
            asyncio.run(mine.manager().get_valid_token("another"))

    def test_min_validity_is_passed_on(self, mine: Mine) -> None:
        """The lab's tokens live 1800 s; a quarter of that is the most that can be asked for."""
        aged = replace(mine.token, created_at=mine.token.created_at - 1400)
        mine.keep(aged)
        manager = mine.manager()
        first = asyncio.run(manager.get_valid_token(SERVER_ID, 300))
        second = asyncio.run(manager.get_valid_token(SERVER_ID, 450))

        assert first.access_token == aged.access_token
        assert second.access_token != aged.access_token

    def test_the_blocking_twin_does_the_same(self, mine: Mine) -> None:
        mine.forget_access_token()
        lab = mine.lab
        client = sync.OAuth2Client(
            CLIENT_ID,
            f"{lab.issuer}/token",
            f"{lab.issuer}/authorize",
            REDIRECT,
            issuer=lab.issuer,
            resource=lab.resource,
        )
        manager = sync.TokenManager(client, sync.SecureTokenStorage(store=mine.store))

        assert manager.get_valid_token(SERVER_ID).access_token == lab.issued_access_tokens[-1]

    def test_the_secret_of_a_confidential_client_is_the_callers(self) -> None:
        with Lab() as lab:
            lab.add_client(
                "conf",
                client_secret="s3cret-of-a-client",
                redirect_uris=[REDIRECT],
                auth_method="client_secret_post",
            )
            settings: dict[str, Any] = {
                "client_id": "conf",
                "token_endpoint_auth_method": "client_secret_post",
            }
            client = client_of(lab, client_secret="s3cret-of-a-client", **settings)
            request = client.authorization_request()
            token = asyncio.run(client.exchange(User().visit(request.url), request))
            store = memory_store()
            storage = SecureTokenStorage(store=store)
            asyncio.run(storage.store_token(SERVER_ID, token))
            ACCESS_TOKENS.forget((store.location, SERVER_ID, "default"))

            renewed = asyncio.run(TokenManager(client, storage).get_valid_token(SERVER_ID))
            assert renewed.access_token == lab.issued_access_tokens[-1]


class TestBinding:
    """A record that is bound to anything else is refused before anything is sent."""

    @pytest.mark.parametrize(
        "member", ["token_endpoint", "client_id", "issuer", "resource", "no issuer", "no resource"]
    )
    def test_another_binding_is_refused(self, mine: Mine, member: str) -> None:
        with Lab() as other:
            others: dict[str, dict[str, Any]] = {
                "token_endpoint": {"token_endpoint": f"{other.issuer}/token"},
                "client_id": {"client_id": "somebody-else"},
                "issuer": {"issuer": other.issuer},
                "resource": {"resource": other.resource},
                "no issuer": {"issuer": None},
                "no resource": {"resource": None},
            }
            changes = others[member]
            mine.forget_access_token()
            with pytest.raises(SecurityRefused) as caught:
                mine.get(mine.manager(**changes))

            assert caught.value.exit_status == 4
            assert (mine.lab.recorder.requests, other.recorder.requests) == ((), ())
        assert mine.get(mine.manager()).access_token

    def test_another_client_does_not_get_the_token_in_memory_either(self, mine: Mine) -> None:
        assert mine.get(mine.manager()).access_token
        with pytest.raises(SecurityRefused):
            mine.get(mine.manager(client_id="somebody-else"))

    def test_another_client_does_not_board_a_flight(self, mine: Mine) -> None:
        mine.lab.faults.token_delay = 0.2
        mine.forget_access_token()

        async def both() -> tuple[OAuth2Token, Any]:
            right = asyncio.create_task(mine.manager().get_valid_token(SERVER_ID))
            await asyncio.sleep(0.1)
            wrong = mine.manager(client_id="somebody-else").get_valid_token(SERVER_ID)
            return await right, (await asyncio.gather(wrong, return_exceptions=True))[0]

        token, refusal = asyncio.run(both())

        assert token.access_token == mine.lab.issued_access_tokens[-1]
        assert isinstance(refusal, SecurityRefused)

    def test_a_token_without_a_binding_is_bound_at_its_first_refresh(self, mine: Mine) -> None:
        mine.store.delete(SERVER_ID)
        mine.keep(replace(mine.token, binding=None))
        mine.forget_access_token()
        mine.get(mine.manager())
        record = mine.store.get(SERVER_ID)

        assert record is not None
        assert record.binding == mine.client.binding
        mine.forget_access_token()
        with pytest.raises(SecurityRefused):
            mine.get(mine.manager(client_id="somebody-else"))

    def test_a_record_of_the_command_line_stays_what_it_was(self) -> None:
        """A program with the same client refreshes it; how the client was registered is not forgotten."""
        with logged_in() as login:
            before = login.record
            assert before.client is not None
            client = client_of(login.lab, client_id=before.client.client_id)
            manager = TokenManager(client, SecureTokenStorage(store=login.store))
            login.forget_access_token()
            asyncio.run(manager.get_valid_token(login.server))

            assert login.record.client == before.client
            assert login.record.generation == 2


class TestSource:
    def test_it_is_bound_to_the_clients_resource(self, mine: Mine) -> None:
        headers = mine.manager().source(SERVER_ID).ready("GET", mine.lab.mcp_url)

        assert headers == {"Authorization": f"Bearer {mine.token.access_token}"}

    def test_a_client_without_a_resource_gives_no_headers(self, mine: Mine) -> None:
        with pytest.raises(UsageError):
            mine.manager(resource=None).source(SERVER_ID).ready("GET", mine.lab.mcp_url)


class TestCrowd:
    """Strict reuse detection: a second refresh would end the login."""

    def test_a_thousand_tasks_over_managers_and_event_loops_are_one_refresh(self, mine: Mine) -> None:
        mine.lab.faults.token_delay = 0.2
        mine.forget_access_token()
        loops, tasks = 4, 250
        barrier = threading.Barrier(loops)
        tokens: list[str] = []

        async def crowd() -> list[OAuth2Token]:
            managers = [mine.manager() for _ in range(5)]
            barrier.wait(10)
            asked = (managers[n % 5].get_valid_token(SERVER_ID) for n in range(tasks))
            return await asyncio.gather(*asked)

        def loop() -> None:
            tokens.extend(token.access_token for token in asyncio.run(crowd()))

        _in_threads(loops, loop)

        assert (len(tokens), len(set(tokens))) == (loops * tasks, 1)
        assert len(refreshes(mine.lab)) == 1
        assert mine.lab.reuse_detected == 0

    def test_64_threads_are_one_refresh(self, login: LoggedIn) -> None:
        login.lab.faults.token_delay = 0.2
        login.forget_access_token()
        barrier = threading.Barrier(64)
        tokens: list[str] = []

        def ask() -> None:
            source = login.tokens
            barrier.wait(10)
            tokens.append(source.obtain().token.access_token)

        _in_threads(64, ask)

        assert (len(tokens), len(set(tokens))) == (64, 1)
        assert len(refreshes(login.lab)) == 1
        assert login.lab.reuse_detected == 0

    def test_a_cancelled_waiter_leaves_the_others_alone(self, mine: Mine) -> None:
        mine.lab.faults.token_delay = 0.3
        mine.forget_access_token()

        async def crowd() -> list[Any]:
            manager = mine.manager()
            tasks = [asyncio.create_task(manager.get_valid_token(SERVER_ID)) for _ in range(10)]
            await asyncio.sleep(0.1)
            tasks[0].cancel()
            tasks[5].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

        results = asyncio.run(crowd())
        cancelled = [isinstance(result, asyncio.CancelledError) for result in results]

        assert cancelled == [n in (0, 5) for n in range(10)]
        assert len({result.access_token for n, result in enumerate(results) if n not in (0, 5)}) == 1
        assert len(refreshes(mine.lab)) == 1

    def test_a_failure_reaches_every_waiter_and_does_not_stay(self, mine: Mine) -> None:
        mine.lab.faults.token_delay, mine.lab.faults.token_error = 0.2, "invalid_request"
        mine.forget_access_token()

        async def crowd() -> list[Any]:
            manager = mine.manager()
            asked = (manager.get_valid_token(SERVER_ID) for _ in range(10))
            return await asyncio.gather(*asked, return_exceptions=True)

        errors = {getattr(result, "error", None) for result in asyncio.run(crowd())}
        mine.lab.faults.clear()

        assert (errors, len(refreshes(mine.lab))) == ({"invalid_request"}, 1)
        assert mine.get(mine.manager()).access_token


def _in_threads(count: int, work: Any) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

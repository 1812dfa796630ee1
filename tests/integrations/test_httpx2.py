"""`auth=` for httpx2: the token of a login, to its own resource, and nowhere else."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
import pytest

from mcp_vacuum.errors import LoginRequired, ServerUnavailable, WrongAudience
from mcp_vacuum.integrations.httpx2 import VacuumAuth
from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.certificates import Authority
from mcp_vacuum.lab.encrypted import Encrypted
from mcp_vacuum.lab.gateway import Gateway
from mcp_vacuum.models import Credential
from mcp_vacuum.storage.opening import memory_store, open_store
from mcp_vacuum.tokens.source import scope_required
from mcp_vacuum.tokens.stored import stored_tokens
from tests.helpers import LoggedIn, log_in, logged_in, refreshes

RPC = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
HEADERS = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def login() -> Iterator[LoggedIn]:
    with logged_in() as login:
        yield login


class Blocking:
    """One request with the blocking client."""

    def post(self, auth: VacuumAuth, url: str, **request: Any) -> httpx2.Response:
        with httpx2.Client(auth=auth, trust_env=False) as client:
            return client.post(url, **({"json": RPC} | request), headers=HEADERS)


class Async:
    """The same with the async one."""

    def post(self, auth: VacuumAuth, url: str, **request: Any) -> httpx2.Response:
        async def run() -> httpx2.Response:
            async with httpx2.AsyncClient(auth=auth, trust_env=False) as client:
                return await client.post(url, **({"json": RPC} | request), headers=HEADERS)

        return asyncio.run(run())


FACES = pytest.mark.parametrize("face", [Blocking(), Async()], ids=["sync", "async"])


def calls(lab: Lab) -> list[tuple[int, str]]:
    """(status, token) of each request to the MCP server."""
    return [(r.status, r.headers.get("authorization", "")[7:]) for r in lab.recorder.to("/mcp")]


@FACES
class TestToken:
    def test_a_token_from_memory_costs_no_request(self, login: LoggedIn, face: Any) -> None:
        answer = face.post(VacuumAuth(login.tokens), login.server)

        assert answer.status_code == 200
        assert [request.path for request in login.lab.recorder.requests] == ["/mcp"]

    def test_an_old_one_is_refreshed_first(self, login: LoggedIn, face: Any) -> None:
        login.forget_access_token()
        answer = face.post(VacuumAuth(login.tokens), login.server)

        assert answer.status_code == 200
        assert [request.path for request in login.lab.recorder.requests] == ["/token", "/mcp"]

    def test_without_a_login_the_command_is_named(self, login: LoggedIn, face: Any) -> None:
        source = stored_tokens(memory_store(), login.server, resource=login.server)
        with pytest.raises(LoginRequired) as caught:
            face.post(VacuumAuth(source), login.server)

        assert caught.value.hint == f"mcp-vacuum login {login.server}"
        assert login.lab.recorder.requests == ()

    def test_a_name_means_the_login_in_the_users_vault(
        self, face: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
        vault = open_store()
        with logged_in(store=vault) as login:
            log_in(login.lab, login.store, account="work")
            login.lab.recorder.clear()
            default = face.post(VacuumAuth(login.server), login.server)
            work = face.post(VacuumAuth(login.server, "work"), login.server)
            tokens = {token for _, token in calls(login.lab)}

        assert (default.status_code, work.status_code, len(tokens)) == (200, 200, 2)


@FACES
class TestUnauthorized:
    def test_a_401_is_answered_by_one_refresh_and_one_more_try(self, login: LoggedIn, face: Any) -> None:
        login.lab.expire_access_tokens()
        answer = face.post(VacuumAuth(login.tokens), login.server)

        assert answer.status_code == 200
        assert [status for status, _ in calls(login.lab)] == [401, 200]
        assert len(refreshes(login.lab)) == 1

    def test_a_second_401_is_the_answer(self, login: LoggedIn, face: Any) -> None:
        login.lab.faults.mcp_always_401 = True
        answer = face.post(VacuumAuth(login.tokens), login.server)

        assert answer.status_code == 401
        assert len(calls(login.lab)) == 2
        assert len(refreshes(login.lab)) == 1

    def test_a_token_that_was_issued_in_this_call_is_not_refreshed_again(
        self, login: LoggedIn, face: Any
    ) -> None:
        login.forget_access_token()
        login.lab.faults.mcp_always_401 = True
        answer = face.post(VacuumAuth(login.tokens), login.server)

        assert answer.status_code == 401
        assert (len(calls(login.lab)), len(refreshes(login.lab))) == (1, 1)

    def test_a_revoked_login_is_for_a_person(self, login: LoggedIn, face: Any) -> None:
        login.lab.revoke_everything()
        with pytest.raises(LoginRequired):
            face.post(VacuumAuth(login.tokens), login.server)

        assert [status for status, _ in calls(login.lab)] == [401]

    def test_a_server_that_is_down_says_so(self, login: LoggedIn, face: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr("mcp_vacuum.tokens.renewal.PATIENCE", 0.0)
        login.lab.expire_access_tokens()
        login.lab.faults.token_status = 503
        with pytest.raises(ServerUnavailable):
            face.post(VacuumAuth(login.tokens), login.server)

    def test_many_at_once_are_one_refresh(self, login: LoggedIn, face: Any) -> None:
        login.lab.expire_access_tokens()
        auth, statuses = VacuumAuth(login.tokens), list[int]()

        def post() -> None:
            statuses.append(face.post(auth, login.server).status_code)

        threads = [threading.Thread(target=post) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert statuses == [200] * 12
        assert len(refreshes(login.lab)) == 1


@FACES
class TestWrongAudience:
    @pytest.mark.parametrize("path", ["/", "/other", "/mcpx", "/mcp/../admin", "/mcp/%2e%2e/admin"])
    def test_another_path_gets_nothing(self, login: LoggedIn, face: Any, path: str) -> None:
        origin = login.server.removesuffix("/mcp")
        with pytest.raises(WrongAudience):
            face.post(VacuumAuth(login.tokens), origin + path)

        assert login.lab.recorder.requests == ()

    def test_another_origin_gets_nothing(self, login: LoggedIn, face: Any) -> None:
        with Lab() as other:
            with pytest.raises(WrongAudience):
                face.post(VacuumAuth(login.tokens), other.mcp_url)

            assert other.recorder.requests == ()

    def test_it_is_checked_before_a_refresh(self, login: LoggedIn, face: Any) -> None:
        login.forget_access_token()
        with pytest.raises(WrongAudience):
            face.post(VacuumAuth(login.tokens), f"{login.lab.issuer}/token")

        assert login.lab.recorder.requests == ()


@FACES
class TestBody:
    def test_a_body_in_memory_is_sent_again_whole(self, login: LoggedIn, face: Any) -> None:
        login.lab.expire_access_tokens()
        face.post(VacuumAuth(login.tokens), login.server)

        assert [request.json for request in login.lab.recorder.to("/mcp")] == [RPC, RPC]

    def test_a_streaming_body_is_not_repeated(self, login: LoggedIn, face: Any) -> None:
        login.lab.expire_access_tokens()

        def blocking() -> Iterator[bytes]:
            yield b"{}"

        async def asynchronous() -> AsyncIterator[bytes]:
            yield b"{}"

        content = blocking() if isinstance(face, Blocking) else asynchronous()
        answer = face.post(VacuumAuth(login.tokens), login.server, json=None, content=content)

        assert answer.status_code == 401
        assert (len(calls(login.lab)), len(refreshes(login.lab))) == (1, 0)


@FACES
class TestInsufficientScope:
    def test_it_is_for_a_person_with_the_command(self, login: LoggedIn, face: Any) -> None:
        login.lab.faults.mcp_insufficient_scope = "mcp:admin mcp:tools"
        with pytest.raises(LoginRequired) as caught:
            face.post(VacuumAuth(login.tokens), login.server)

        assert caught.value.hint == f"mcp-vacuum login {login.server} --scope mcp:admin --scope mcp:tools"
        assert "mcp:admin" in caught.value.reason

    def test_the_account_is_part_of_the_command(self, login: LoggedIn, face: Any) -> None:
        login.lab.faults.mcp_insufficient_scope = "mcp:admin"
        with pytest.raises(LoginRequired) as caught:
            face.post(VacuumAuth(login.tokens), login.server)

        assert caught.value.account == "default"
        assert caught.value.hint == f"mcp-vacuum login {login.server} --scope mcp:admin"

    def test_a_scope_is_quoted_for_the_shell(self, login: LoggedIn, face: Any) -> None:
        """The command is made to be pasted, and the scope comes from the server."""
        login.lab.faults.mcp_insufficient_scope = "x"
        login.lab.faults.challenge = ('Bearer error="insufficient_scope", scope="a;reboot $(id)"',)
        with pytest.raises(LoginRequired) as caught:
            face.post(VacuumAuth(login.tokens), login.server)

        assert caught.value.hint == f"mcp-vacuum login {login.server} --scope 'a;reboot' --scope '$(id)'"

    def test_another_403_is_the_callers(self, login: LoggedIn, face: Any) -> None:
        login.lab.faults.mcp_status = 403

        assert face.post(VacuumAuth(login.tokens), login.server).status_code == 403

    def test_it_is_seen_after_a_401_too(self, login: LoggedIn, face: Any) -> None:
        login.lab.expire_access_tokens()
        login.lab.faults.mcp_insufficient_scope = "mcp:admin"
        with pytest.raises(LoginRequired):
            face.post(VacuumAuth(login.tokens), login.server)

        assert [status for status, _ in calls(login.lab)] == [401, 403]


def test_a_redirect_to_another_origin_carries_no_token(login: LoggedIn) -> None:
    with _Trap() as trap:
        login.lab.faults.mcp_redirect = trap.url
        auth = VacuumAuth(login.tokens)
        with httpx2.Client(auth=auth, trust_env=False, follow_redirects=True) as client:
            client.post(login.server, json=RPC, headers=HEADERS)

        assert trap.authorizations == [None]


class TestConcurrency:
    def test_one_auth_works_in_two_event_loops(self, login: LoggedIn) -> None:
        login.forget_access_token()
        login.lab.faults.token_delay = 0.2
        auth, statuses = VacuumAuth(login.tokens), list[int]()

        async def run() -> None:
            async with httpx2.AsyncClient(auth=auth, trust_env=False) as client:
                answers = await asyncio.gather(
                    *(client.post(login.server, json=RPC, headers=HEADERS) for _ in range(5))
                )
            statuses.extend(answer.status_code for answer in answers)

        threads = [threading.Thread(target=lambda: asyncio.run(run())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert statuses == [200] * 10
        assert len(refreshes(login.lab)) == 1

    def test_a_long_get_does_not_hold_up_a_post(self, login: LoggedIn) -> None:
        """As an MCP client keeps a stream open while it calls tools."""
        with _Trap() as slow:
            source = stored_tokens(login.store, login.server, resource=slow.url)

            async def run() -> bool:
                async with httpx2.AsyncClient(auth=VacuumAuth(source), trust_env=False, timeout=10) as client:
                    stream = asyncio.create_task(client.get(f"{slow.url}/stream"))
                    await asyncio.to_thread(slow.asked.wait, 10)
                    await client.post(f"{slow.url}/quick")
                    waiting = not stream.done()
                    slow.release.set()
                    await stream
                    return waiting

            slow.release.clear()
            waiting = asyncio.run(run())

        assert waiting

    def test_a_cancelled_request_leaves_the_refresh_to_the_others(self, login: LoggedIn) -> None:
        login.forget_access_token()
        login.lab.faults.token_delay = 0.3

        async def run() -> int:
            async with httpx2.AsyncClient(auth=VacuumAuth(login.tokens), trust_env=False) as client:
                gives_up = asyncio.create_task(client.post(login.server, json=RPC, headers=HEADERS))
                stays = asyncio.create_task(client.post(login.server, json=RPC, headers=HEADERS))
                await asyncio.sleep(0.1)
                gives_up.cancel()
                return (await stays).status_code

        assert asyncio.run(run()) == 200
        assert len(refreshes(login.lab)) == 1


def test_the_error_of_a_login_that_needs_no_network(login: LoggedIn) -> None:
    """A source over an empty record: the error names the server, and no request was made."""
    store = memory_store()
    store.put(Credential(server=login.server, resource=login.server, generation=1), expected_generation=0)
    source = stored_tokens(store, login.server, resource=login.server)
    with httpx2.Client(auth=VacuumAuth(source), trust_env=False) as client, pytest.raises(LoginRequired):
        client.get(login.server)

    assert login.lab.recorder.requests == ()


class _Trap:
    """A server that notes what authorization came; a GET takes until its `release`."""

    def __init__(self) -> None:
        self.authorizations: list[str | None] = []
        self.asked, self.release = asked, release = threading.Event(), threading.Event()
        release.set()
        notes = self.authorizations

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.set()
                release.wait(20)
                self._answer()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self._answer()

            def _answer(self) -> None:
                notes.append(self.headers.get("Authorization"))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = _Threads(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Threads(HTTPServer):
    """A thread a request."""

    def process_request(self, request: Any, client_address: Any) -> None:
        def work() -> None:
            self.finish_request(request, client_address)
            self.shutdown_request(request)

        threading.Thread(target=work, daemon=True).start()


def test_another_account_is_named_in_the_command() -> None:
    error = scope_required("https://a.example/mcp", "at work", "mcp:admin")

    assert error.hint == "mcp-vacuum login https://a.example/mcp --account 'at work' --scope mcp:admin"


class Proxied:
    """A source whose token is good for one URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ready(self, method: str, url: str) -> dict[str, str]:
        if url != self.url:
            raise WrongAudience(f"not for {url}")
        return {"Authorization": "Bearer t"}


def test_a_tunnel_through_a_proxy_is_asked_for_without_the_token(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    url = "https://mcp.laboratory.example/jwks"
    with (
        Lab() as lab,
        Encrypted(urlsplit(lab.issuer).port or 0, authority.context(host="mcp.laboratory.example")) as front,
        Gateway({"mcp.laboratory.example": front.port}) as gateway,
        httpx2.Client(
            auth=VacuumAuth(Proxied(url)),  # type: ignore[arg-type]
            proxy=gateway.url,
            verify=ssl.create_default_context(cafile=str(authority.bundle)),
            trust_env=False,
        ) as client,
    ):
        assert client.get(url).status_code == 200

    assert [each.headers["authorization"] for each in lab.recorder.to("/jwks")] == ["Bearer t"]
    assert gateway.refused == ()


def test_a_request_that_a_proxy_forwards_is_judged_by_its_whole_target() -> None:
    url = "http://mcp.laboratory.example/jwks"
    with (
        Gateway({}) as gateway,
        httpx2.Client(auth=VacuumAuth(Proxied(url)), proxy=gateway.url, trust_env=False) as client,  # type: ignore[arg-type]
    ):
        assert client.get(url).status_code == 502

    assert gateway.refused == (url,)

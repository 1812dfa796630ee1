"""Secrets are planted in every flow, and looked for in everything that anybody could come to see.

Logs at every level, every object of ours that is alive at any moment of a flow, exceptions with their chains,
the terminal with -vv, the output of a crash, and every file.
"""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from mcp_vacuum.drivers.aio import AsyncDriver
from mcp_vacuum.drivers.transport import AsyncTransport, SyncTransport
from mcp_vacuum.errors import VacuumError
from mcp_vacuum.integrations.httpx2 import VacuumAuth
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.login import LoginOptions, login_blocking
from mcp_vacuum.logout import logout_blocking
from mcp_vacuum.models import ClientCredentials, MCPServerInfo, OAuth2Token
from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.protocol.flows import exchange
from mcp_vacuum.safety.secret import Secret, readable_in
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.sync import DynamicClientRegistration, OAuth2Client
from mcp_vacuum.tokens.source import LoginTokens
from mcp_vacuum.tokens.stored import stored_tokens
from tests.attacks.hostile import Got, Hostile, Reply
from tests.attacks.world import World
from tests.helpers import visited_by

CLIENT_SECRET = "canary-client-secret-0123456789"
IN_A_CRASH, IN_A_CAUSE = "canary-in-a-crash-0123456789", "canary-in-a-cause-0123456789"
FAULTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "an error": {"token_error": "invalid_grant"},
    "a page": {"token_html": True},
    "another type": {"token_type": "MAC"},
    "a wrong member": {"token_override": {"expires_in": {"not": "a number"}}},
    "half an answer": {"token_half_body": True},
    "a lost answer": {"token_reset_after": True},
    "a redirect with another state": {"wrong_state": True},
    "a doubled code": {"duplicate_code": True},
    "another issuer": {"wrong_iss": True},
}


class Watch:
    """Collects what could be seen, and what must not be."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.seen = io.StringIO()
        self.secrets: set[str] = set()
        self._handler = logging.StreamHandler(self.seen)
        for transport in (SyncTransport, AsyncTransport):
            self._spy(patch, transport)

    def __enter__(self) -> Self:
        gc.collect()
        gc.freeze()  # what was there before is no part of any flow here
        root = logging.getLogger()
        self._level = root.level
        root.setLevel(1)
        root.addHandler(self._handler)
        return self

    def __exit__(self, *_: object) -> None:
        gc.unfreeze()
        root = logging.getLogger()
        root.removeHandler(self._handler)
        root.setLevel(self._level)

    def _spy(self, patch: pytest.MonkeyPatch, transport: Any) -> None:
        """Look around at each request, when everything of a flow is alive."""
        real = transport.send
        if transport is AsyncTransport:

            async def send_async(own: AsyncTransport, request: HttpRequest) -> HttpResponse:
                self._sent(request)
                response: HttpResponse = await real(own, request)
                return self._received(response)

            patch.setattr(transport, "send", send_async)
            return

        def send(own: SyncTransport, request: HttpRequest) -> HttpResponse:
            self._sent(request)
            return self._received(real(own, request))

        patch.setattr(transport, "send", send)

    def _sent(self, request: HttpRequest) -> None:
        self.secrets |= set(request.secrets)
        self.look_around()

    def _received(self, response: HttpResponse) -> HttpResponse:
        try:
            document = json.loads(response.body)
        except ValueError:
            document = {}
        for name in ("access_token", "refresh_token", "client_secret", "registration_access_token"):
            if isinstance(document, dict) and document.get(name):
                self.secrets.add(str(document[name]))
        self.look_around()
        return response

    def look_around(self) -> None:
        """Show every object of ours as a debugger, a log line or an assertion would."""
        for each in gc.get_objects():
            module = str(getattr(type(each), "__module__", ""))
            if module.startswith("mcp_vacuum") and not module.startswith("mcp_vacuum.lab"):
                self.seen.write(f"{each!r}\n{each!s}\n")

    def do(self, work: Callable[[], object]) -> None:
        """Do something; how it fails is shown in every way that there is."""
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - all of them may be seen
            self.seen.write("".join(traceback.format_exception(error)))
            while error is not None:
                self.seen.write(f"{error!r} {error.args} {vars(error)}\n")
                error = error.__cause__ or error.__context__  # type: ignore[assignment]
        else:
            self.seen.write(f"{result!r}\n")
        self.look_around()

    def assert_clean(self) -> None:
        """Fail if a secret stands in what was seen, or in a file; there have to be secrets."""
        assert self.secrets
        text = self.seen.getvalue()
        found = [secret for secret in self.secrets if readable_in(text.encode(errors="replace"), secret)]
        guilty = [
            line.replace(secret, "***") for secret in found for line in text.splitlines() if secret in line
        ]
        assert not found, guilty[:3]
        for path in self.world.root.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert not [path for secret in self.secrets if readable_in(content, secret)]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    with World() as world, Watch(world, monkeypatch) as watch:
        yield watch


def _states(lab: Lab) -> set[str]:
    return {value for request in lab.recorder.to("/authorize") for value in request.query.get("state", ())}


@contextmanager
def _somewhere(world: World, **config: Any) -> Iterator[Lab]:
    with Lab(LabConfig(**config)) as lab:
        yield lab


@pytest.mark.parametrize("dpop", [False, True], ids=["bearer", "dpop"])
@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_login_refresh_and_logout(watch: Watch, faults: dict[str, Any], dpop: bool) -> None:
    with _somewhere(watch.world, token_endpoint_auth_methods=("client_secret_post",), dpop=True) as lab:
        store = open_store()
        assert store is not None
        for name, value in faults.items():
            setattr(lab.faults, name, value)
        chosen = LoginOptions(timeout=0.5, dpop=dpop)
        watch.do(lambda: login_blocking(lab.mcp_url, chosen, store=store, ways=visited_by(watch.world.user)))
        lab.faults.clear()
        watch.do(lambda: login_blocking(lab.mcp_url, chosen, store=store, ways=visited_by(watch.world.user)))
        watch.secrets |= _states(lab)
        record = store.get(lab.mcp_url)
        assert record is not None
        if record.dpop_key is not None:
            watch.secrets.add(json.loads(record.dpop_key.reveal())["d"])
        for name, value in faults.items():
            setattr(lab.faults, name, value)
        ACCESS_TOKENS._held.clear()
        watch.do(lambda: stored_tokens(store, lab.mcp_url, resource=lab.resource).obtain())
        lab.faults.clear()
        tokens = stored_tokens(store, lab.mcp_url, resource=lab.resource)
        watch.do(lambda: _called(lab.mcp_url, tokens))
        lab.expire_access_tokens()
        watch.do(lambda: _called(lab.mcp_url, tokens))
        watch.do(lambda: logout_blocking(store, record))
        store.close()
    watch.assert_clean()


def _called(url: str, tokens: LoginTokens) -> int:
    with httpx2.Client(auth=VacuumAuth(tokens), trust_env=False) as client:
        return client.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"}).status_code


def _echoing(world: World, *paths: str) -> Hostile:
    """A server that repeats whatever it is given, in every way that it can."""
    evil = world.hostile(
        registered={"client_secret": CLIENT_SECRET, "token_endpoint_auth_method": "client_secret_post"}
    )

    def echo(got: Got) -> Reply:
        everything = " ".join([*got.form.values(), got.header("authorization")])
        return Reply.document(json.dumps({"error": f"e {everything}", "error_description": everything}), 400)

    for path in paths:
        evil.answers[path] = echo
    return evil


@pytest.mark.parametrize("path", ["/token", "/device", "/revoke", "/register"])
def test_a_server_that_repeats_what_it_is_given(watch: Watch, path: str) -> None:
    evil = _echoing(watch.world)
    good = _echoing(watch.world, path)
    store = open_store()
    assert store is not None
    for server, device in ((evil, False), (good, False), (good, True)):
        options = LoginOptions(timeout=2, device=device)
        person = visited_by(watch.world.user)
        watch.do(partial(login_blocking, server.url, options, store=store, ways=person))
    evil.answers |= good.answers
    ACCESS_TOKENS._held.clear()
    watch.do(lambda: stored_tokens(store, evil.url, resource=evil.url).obtain())
    record = store.get(evil.url)
    assert record is not None
    watch.do(lambda: logout_blocking(store, record))
    watch.secrets.add(CLIENT_SECRET)
    store.close()
    watch.assert_clean()


@pytest.mark.parametrize("flags", [(), ("-v",), ("-vv",), ("--json",), ("--json", "-vv")], ids=" ".join)
def test_the_command_line(watch: Watch, flags: tuple[str, ...]) -> None:
    evil, world = _echoing(watch.world), watch.world
    for command in (("login", evil.url), ("status",), ("status", evil.url), ("list",), ("refresh", evil.url)):
        watch.seen.write(world.cli(*flags, *command).text)
    evil.answers |= _echoing(world, "/token", "/revoke").answers
    for again in (("refresh", evil.url), ("login", evil.url, "--force"), ("logout", evil.url)):
        watch.seen.write(world.cli(*flags, *again).text)
    watch.secrets.add(CLIENT_SECRET)
    watch.assert_clean()


@pytest.mark.parametrize("flags", [(), ("-vv",), ("--json", "-vv")], ids=" ".join)
@pytest.mark.parametrize(
    "place",
    [
        "mcp_vacuum.login_attempt.credential_of",
        "mcp_vacuum.protocol.flows.read_token_answer",
        "mcp_vacuum.protocol.flows.validate_callback",
        "mcp_vacuum.storage.envelope._compact",
    ],
)
def test_a_crash(watch: Watch, monkeypatch: pytest.MonkeyPatch, place: str, flags: tuple[str, ...]) -> None:
    """A bug of ours that has every secret in its hands, and in its text."""
    evil = _echoing(watch.world)

    def crash(*arguments: object, **more: object) -> None:
        told = [each.reveal() for each in arguments if isinstance(each, Secret)]
        told += [str(getattr(each, "body", "")) for each in arguments] + [str(arguments)]
        raise RuntimeError(f"{IN_A_CRASH} {told}") from KeyError(IN_A_CAUSE)

    monkeypatch.setattr(place, crash)
    done = watch.world.cli(*flags, "login", evil.url, "--timeout", "2")
    watch.seen.write(done.text)
    watch.secrets |= {IN_A_CRASH, IN_A_CAUSE, CLIENT_SECRET}
    assert done.code == 1, done
    watch.assert_clean()


def test_plain_library_classes(watch: Watch) -> None:
    evil = _echoing(watch.world)
    info = MCPServerInfo("n", evil.url)
    watch.do(lambda: DynamicClientRegistration().register_client(f"{evil.origin}/register", info))
    client = OAuth2Client(
        "c",
        f"{evil.origin}/token",
        f"{evil.origin}/authorize",
        "http://127.0.0.1/callback",
        client_secret=CLIENT_SECRET,
        revocation_endpoint=f"{evil.origin}/revoke",
    )
    request = client.authorization_request()
    watch.secrets |= {request.state.reveal(), request.verifier.reveal(), CLIENT_SECRET}
    answer = f"http://127.0.0.1/callback?code=canary-code-0123456789&state={request.state.reveal()}"
    watch.secrets.add("canary-code-0123456789")
    for answers in ({}, _echoing(watch.world, "/token", "/revoke").answers):
        evil.answers.clear()
        evil.answers |= answers
        watch.do(lambda: client.exchange(answer, request))
        old = OAuth2Token("canary-access-0123456789", refresh_token="canary-refresh-0123456789")
        watch.secrets |= {"canary-access-0123456789", "canary-refresh-0123456789"}
        watch.do(partial(client.refresh, old))
        watch.do(partial(client.revoke, old))
    watch.assert_clean()


def test_the_async_face(watch: Watch) -> None:
    evil = _echoing(watch.world, "/token")
    client = OAuth2Client(
        "c", f"{evil.origin}/token", f"{evil.origin}/authorize", "http://127.0.0.1/callback"
    )
    request = client.authorization_request()
    watch.secrets |= {request.state.reveal(), request.verifier.reveal()}
    answer = f"http://127.0.0.1/callback?code=canary-code-0123456789&state={request.state.reveal()}"
    flow = exchange(client.token_endpoint, ClientCredentials(client_id="c"), request, answer)
    watch.do(lambda: asyncio.run(AsyncDriver(client.policy).run(flow)))
    watch.assert_clean()


def test_a_key_of_the_vault_in_no_error(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = "canary-of-a-key-0123456789-0123456789-01234"
    watch.secrets.add(planted)
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "env")
    monkeypatch.setenv("MCP_VACUUM_KEY", planted)
    watch.do(open_store)
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    watch.world.home.mkdir(mode=0o700, exist_ok=True)
    (elsewhere := Path(watch.world.root) / "key").write_text(planted)
    elsewhere.chmod(0o600)
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", f"file:{elsewhere}")
    watch.do(open_store)
    elsewhere.unlink()
    watch.assert_clean()


def test_what_wraps_a_secret_is_never_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("canary"))


def test_an_error_of_ours_prints_its_message_alone() -> None:
    assert str(VacuumError("what happened", hint="what to do", url="https://s.example")) == "what happened"

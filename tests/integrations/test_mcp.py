"""The drop-in for the MCP SDK: its signature, its storage, its handlers, and our rules."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider as Original
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)

from mcp_vacuum.errors import LoginRequired, SecurityRefused, ServerUnavailable, UsageError
from mcp_vacuum.integrations.mcp import OAuthClientProvider
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.storage.opening import memory_store
from tests.helpers import log_in, refreshes, until

from .originals.kit import REDIRECT, Hands, Memory, call, consents


def metadata(**members: Any) -> OAuthClientMetadata:
    return OAuthClientMetadata.model_validate({"redirect_uris": [REDIRECT], **members})


def provider(lab: Lab, storage: Memory, hands: Hands | None = None, **more: Any) -> OAuthClientProvider:
    described = more.pop("metadata", None) or metadata()
    handlers = (hands.show, hands.wait) if hands else ()
    return OAuthClientProvider(lab.mcp_url, described, storage, *handlers, **more)


def logged_in(lab: Lab, **more: Any) -> Memory:
    """A storage after one login."""
    storage = Memory()
    assert asyncio.run(call(provider(lab, storage, Hands(), **more), lab.mcp_url)).status_code == 200
    return storage


def answer(lab: Lab, auth: httpx2.Auth) -> int:
    return asyncio.run(call(auth, lab.mcp_url)).status_code


class TestSignature:
    def test_the_originals_arguments_come_first(self) -> None:
        original = inspect.signature(Original.__init__).parameters
        ours = inspect.signature(OAuthClientProvider.__init__).parameters
        extras = list(ours.values())[len(original) :]

        assert list(ours)[: len(original)] == list(original)
        assert [ours[name].default for name in original] == [p.default for p in original.values()]
        assert all(extra.kind is inspect.Parameter.KEYWORD_ONLY for extra in extras)

    def test_a_metadata_url_without_a_path_is_the_same_error(self) -> None:
        for cls in (Original, OAuthClientProvider):
            with pytest.raises(ValueError, match="must be a valid HTTPS URL"):
                cls("https://h.example/mcp", metadata(), Memory(), client_metadata_url="https://h.example/")

    def test_handlers_need_a_redirect_uri(self) -> None:
        hands = Hands()
        with pytest.raises(UsageError):
            OAuthClientProvider(
                "https://h.example/mcp",
                OAuthClientMetadata(redirect_uris=None),
                Memory(),
                hands.show,
                hands.wait,
            )

    def test_it_is_for_async_clients(self, vacuum_lab: Lab) -> None:
        auth = provider(vacuum_lab, Memory())
        with httpx2.Client(auth=auth, trust_env=False) as client, pytest.raises(UsageError):
            client.get(vacuum_lab.mcp_url)


class TestLogin:
    def test_the_official_client_lists_tools(self, vacuum_lab: Lab) -> None:
        async def tools() -> list[str]:
            auth = provider(vacuum_lab, Memory(), Hands())
            async with httpx2.AsyncClient(auth=auth, trust_env=False) as http:
                transport = streamable_http_client(vacuum_lab.mcp_url, http_client=http)
                async with Client(transport) as client:
                    return [tool.name for tool in (await client.list_tools()).tools]

        assert asyncio.run(tools()) == ["add", "whoami", "time"]
        assert consents(vacuum_lab) == 1

    def test_a_person_is_asked_once_for_all_who_wait(self, vacuum_lab: Lab) -> None:
        hands = Hands(delay=0.3)

        async def run() -> list[int]:
            auth = provider(vacuum_lab, Memory(), hands)
            answers = await asyncio.gather(*(call(auth, vacuum_lab.mcp_url) for _ in range(20)))
            assert hands.loops == [asyncio.get_running_loop()]
            return [found.status_code for found in answers]

        assert asyncio.run(run()) == [200] * 20
        assert len(hands.shown) == 1

    def test_without_handlers_it_says_login_required(self, vacuum_lab: Lab) -> None:
        with pytest.raises(LoginRequired):
            answer(vacuum_lab, provider(vacuum_lab, Memory()))

    def test_the_redirect_uri_is_the_callers_and_nothing_listens(
        self, vacuum_lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bound: list[object] = []
        monkeypatch.setattr("mcp_vacuum.drivers.loopback._bind", lambda *given: bound.append(given))
        uris = ["https://app.example/oauth/cb?tab=1", REDIRECT]
        logged_in(vacuum_lab, metadata=metadata(redirect_uris=uris))

        assert bound == []
        assert vacuum_lab.recorder.to("/authorize")[0].query["redirect_uri"] == (uris[0],)

    def test_what_the_caller_says_about_the_client_is_registered(self, vacuum_lab: Lab) -> None:
        logged_in(
            vacuum_lab,
            metadata=metadata(
                client_name="My agent",
                scope="mcp:tools",
                software_id="agent-7",
                token_endpoint_auth_method="client_secret_post",
            ),
        )
        sent = vacuum_lab.recorder.to("/register")[0].json

        assert isinstance(sent, dict)
        assert sent["client_name"] == "My agent"
        assert sent["software_id"] == "agent-7"
        assert sent["redirect_uris"] == [REDIRECT]
        assert sent["token_endpoint_auth_method"] == "client_secret_post"
        assert "client_uri" not in sent
        assert vacuum_lab.recorder.to("/authorize")[0].query["scope"] == ("mcp:tools offline_access",)

    def test_more_scope_is_the_union(self, vacuum_lab: Lab) -> None:
        hands = Hands()
        auth = provider(vacuum_lab, Memory(), hands, metadata=metadata(scope="mcp:tools"))

        assert answer(vacuum_lab, auth) == 200
        vacuum_lab.faults.mcp_insufficient_scope = "mcp:admin"
        assert answer(vacuum_lab, auth) == 200
        asked = vacuum_lab.recorder.to("/authorize")[1].query["scope"][0]
        assert set(asked.split()) >= {"mcp:tools", "mcp:admin"}
        assert len(vacuum_lab.recorder.to("/register")) == 1

    def test_a_client_that_was_entered_by_hand_is_used(self, vacuum_lab: Lab) -> None:
        vacuum_lab.add_client("by-hand", redirect_uris=(REDIRECT,))
        storage = Memory()
        storage.client = OAuthClientInformationFull.model_validate(
            {"client_id": "by-hand", "redirect_uris": [REDIRECT]}
        )

        assert answer(vacuum_lab, provider(vacuum_lab, storage, Hands())) == 200
        assert not vacuum_lab.recorder.to("/register")
        assert vacuum_lab.recorder.to("/authorize")[0].query["client_id"] == ("by-hand",)


class TestCallback:
    """What the callback handler returns is judged by our rules."""

    @pytest.mark.parametrize("change", [{"state": "other"}, {"state": None}, {"iss": "https://evil.example"}])
    def test_another_state_or_issuer_is_refused(self, vacuum_lab: Lab, change: dict[str, str | None]) -> None:
        class Forged(Hands):
            async def wait(self) -> AuthorizationCodeResult:
                return (await super().wait()).model_copy(update=change)

        with pytest.raises(SecurityRefused):
            answer(vacuum_lab, provider(vacuum_lab, Memory(), Forged()))

        assert not vacuum_lab.recorder.to("/token")

    def test_an_error_of_a_handler_is_the_answer_and_the_next_request_asks_again(
        self, vacuum_lab: Lab
    ) -> None:
        class Moody(Hands):
            async def show(self, url: str) -> None:
                await super().show(url)
                if len(self.shown) == 1:
                    raise RuntimeError("no browser today")

        auth = provider(vacuum_lab, Memory(), Moody())
        with pytest.raises(RuntimeError, match="no browser today"):
            answer(vacuum_lab, auth)
        assert answer(vacuum_lab, auth) == 200

    def test_a_cancelled_request_cancels_the_handlers_and_the_next_asks_again(self, vacuum_lab: Lab) -> None:
        class Slow(Hands):
            cancelled = False

            async def wait(self) -> AuthorizationCodeResult:
                if len(self.shown) == 1:
                    try:
                        await asyncio.sleep(60)
                    except asyncio.CancelledError:
                        self.cancelled = True
                        raise
                return await super().wait()

        hands = Slow()

        async def run() -> int:
            auth = provider(vacuum_lab, Memory(), hands)
            gives_up = asyncio.create_task(call(auth, vacuum_lab.mcp_url))
            await until(lambda: bool(hands.shown))
            gives_up.cancel()
            await until(lambda: hands.cancelled)
            return (await call(auth, vacuum_lab.mcp_url)).status_code

        assert asyncio.run(run()) == 200
        assert hands.cancelled
        assert len(hands.shown) == 2

    def test_one_who_goes_on_waiting_is_served_by_the_same_question(self, vacuum_lab: Lab) -> None:
        hands = Hands(delay=0.6)

        async def run() -> int:
            auth = provider(vacuum_lab, Memory(), hands)
            gives_up, stays = (asyncio.create_task(call(auth, vacuum_lab.mcp_url)) for _ in range(2))
            await asyncio.sleep(0.3)
            gives_up.cancel()
            return (await stays).status_code

        assert asyncio.run(run()) == 200
        assert len(hands.shown) == 1


class TestResourceValidation:
    def test_it_is_called_with_the_server_and_the_resource(self, vacuum_lab: Lab) -> None:
        seen: list[tuple[str, str | None]] = []

        async def validate(server: str, resource: str | None) -> None:
            seen.append((server, resource))

        logged_in(vacuum_lab, validate_resource_url=validate)
        assert seen == [(vacuum_lab.mcp_url, vacuum_lab.resource)]

    def test_its_exception_refuses(self, vacuum_lab: Lab) -> None:
        async def validate(server: str, resource: str | None) -> None:
            raise PermissionError("not that one")

        with pytest.raises(PermissionError):
            answer(vacuum_lab, provider(vacuum_lab, Memory(), Hands(), validate_resource_url=validate))
        assert not vacuum_lab.recorder.to("/register")

    def test_it_may_let_another_resource_pass(self) -> None:
        other = "https://elsewhere.example/api"

        async def validate(server: str, resource: str | None) -> None:
            assert resource == other

        with Lab(LabConfig(also_serves=(other,))) as lab:
            lab.faults.wrong_resource = other
            with pytest.raises(SecurityRefused):
                answer(lab, provider(lab, Memory(), Hands()))
            lab.recorder.clear()
            answer(lab, provider(lab, Memory(), Hands(), validate_resource_url=validate))

            assert lab.recorder.to("/authorize")[0].query["resource"] == (other,)
            carried = [
                bool(r.headers.get("authorization")) for r in lab.recorder.requests if r.method == "POST"
            ]
            assert carried[0] is False
            assert True in carried


class TestStorage:
    def test_it_is_given_no_access_token(self, vacuum_lab: Lab) -> None:
        storage = logged_in(vacuum_lab)

        assert storage.tokens is not None
        assert storage.client is not None
        assert storage.tokens.access_token == ""
        assert storage.tokens.refresh_token == vacuum_lab.issued_refresh_tokens[-1]
        assert storage.client.issuer == vacuum_lab.issuer

    def test_unless_the_caller_wants_it(self, vacuum_lab: Lab) -> None:
        storage = logged_in(vacuum_lab, persist_access_token=True)

        assert storage.tokens is not None
        assert storage.tokens.access_token == vacuum_lab.issued_access_tokens[-1]
        assert storage.tokens.expires_in

    def test_a_login_of_the_original_is_imported(self, vacuum_lab: Lab) -> None:
        storage, hands = Memory(), Hands()
        original = Original(vacuum_lab.mcp_url, metadata(), storage, hands.show, hands.wait)
        assert answer(vacuum_lab, original) == 200
        vacuum_lab.recorder.clear()

        assert answer(vacuum_lab, provider(vacuum_lab, storage)) == 200
        assert len(refreshes(vacuum_lab)) == 1
        assert storage.tokens is not None
        assert storage.tokens.access_token == ""

    def test_discovery_comes_before_the_refresh_token(self, vacuum_lab: Lab) -> None:
        storage = logged_in(vacuum_lab)
        vacuum_lab.recorder.clear()
        answer(vacuum_lab, provider(vacuum_lab, storage))

        assert [(r.server, r.path) for r in vacuum_lab.recorder.requests] == [
            ("mcp", "/mcp"),
            ("mcp", "/.well-known/oauth-protected-resource/mcp"),
            ("authorization", "/.well-known/oauth-authorization-server"),
            ("authorization", "/token"),
            ("mcp", "/mcp"),
        ]

    def test_a_login_at_another_issuer_is_not_sent_to_this_one(self, vacuum_lab: Lab) -> None:
        storage = logged_in(vacuum_lab)
        assert storage.client is not None
        storage.client.issuer = "https://old.example"
        vacuum_lab.recorder.clear()
        with pytest.raises(LoginRequired):
            answer(vacuum_lab, provider(vacuum_lab, storage))

        assert not refreshes(vacuum_lab)

    def test_an_access_token_alone_is_used_while_the_server_takes_it(self, vacuum_lab: Lab) -> None:
        storage = logged_in(vacuum_lab, persist_access_token=True)
        assert storage.tokens is not None
        storage.tokens.refresh_token = None

        assert answer(vacuum_lab, provider(vacuum_lab, storage)) == 200
        vacuum_lab.expire_access_tokens()
        assert answer(vacuum_lab, provider(vacuum_lab, storage, Hands())) == 200
        assert consents(vacuum_lab) == 2

    def test_a_dead_refresh_token_asks_the_person_and_keeps_the_client(self, vacuum_lab: Lab) -> None:
        storage = logged_in(vacuum_lab)
        vacuum_lab.revoke_everything()

        assert answer(vacuum_lab, provider(vacuum_lab, storage, Hands())) == 200
        assert len(vacuum_lab.recorder.to("/register")) == 1

    def test_a_storage_that_cannot_write_does_not_take_the_token_away(self, vacuum_lab: Lab) -> None:
        class Full(Memory):
            async def set_tokens(self, tokens: OAuthToken) -> None:
                raise OSError("disk full")

        assert answer(vacuum_lab, provider(vacuum_lab, Full(), Hands())) == 200

    def test_a_server_that_is_down_loses_nothing(self, vacuum_lab: Lab) -> None:
        storage = logged_in(vacuum_lab)
        vacuum_lab.faults.metadata_status = 503
        with pytest.raises(ServerUnavailable):
            answer(vacuum_lab, provider(vacuum_lab, storage))
        vacuum_lab.faults.clear()

        assert answer(vacuum_lab, provider(vacuum_lab, storage)) == 200
        assert consents(vacuum_lab) == 1

    def test_a_login_of_the_command_line_is_used_from_its_store(self, vacuum_lab: Lab) -> None:
        store = memory_store()
        log_in(vacuum_lab, store)
        log_in(vacuum_lab, store, account="work")
        vacuum_lab.recorder.clear()

        assert answer(vacuum_lab, provider(vacuum_lab, Memory(), store=store)) == 200
        assert answer(vacuum_lab, provider(vacuum_lab, Memory(), store=store, account="work")) == 200
        used = {r.headers["authorization"] for r in vacuum_lab.recorder.to("/mcp")}
        assert len(used) == 2

    def test_a_refresh_is_kept_although_its_request_was_cancelled(self) -> None:
        with Lab(LabConfig(access_token_lifetime=1)) as lab:
            storage = logged_in(lab)
            before = storage.tokens

            async def run() -> None:
                lab.faults.token_delay, lab.faults.token_times = 0.4, 1
                gives_up = asyncio.create_task(call(provider(lab, storage), lab.mcp_url))
                await until(lambda: bool(lab.refresh_tokens_seen()))
                gives_up.cancel()

            asyncio.run(run())
            asyncio.run(until(lambda: storage.tokens != before))

            assert storage.tokens is not None
            assert storage.tokens.refresh_token == lab.issued_refresh_tokens[-1]
            assert answer(lab, provider(lab, storage)) == 200
            assert lab.reuse_detected == 0

    def test_programs_over_one_storage_refresh_one_after_the_other(self) -> None:
        """Each provider has a memory of its own, as a process would: storage and lock file are shared."""
        with Lab(LabConfig(access_token_lifetime=1)) as lab:
            storage = logged_in(lab)
            lab.faults.token_delay = 0.2
            programs = [provider(lab, storage) for _ in range(5)]

            async def run() -> list[int]:
                answers = await asyncio.gather(*(call(program, lab.mcp_url) for program in programs))
                return [found.status_code for found in answers]

            assert asyncio.run(run()) == [200] * 5
            assert lab.reuse_detected == 0
            assert len(set(lab.refresh_tokens_seen())) == len(lab.refresh_tokens_seen())

    def test_a_refresh_by_somebody_else_wins_over_a_dead_token(self) -> None:
        """The token died because another program, on another host, rotated it a moment ago."""
        with Lab(LabConfig(access_token_lifetime=1, refresh_token_grace=30)) as lab:
            storage = logged_in(lab)
            auth = provider(lab, storage)
            assert answer(lab, auth) == 200
            assert answer(lab, provider(lab, storage)) == 200
            asyncio.run(asyncio.sleep(1.1))

            assert answer(lab, auth) == 200
            assert consents(lab) == 1

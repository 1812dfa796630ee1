"""Logging in and out, against a laboratory that can be switched to misbehave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.drivers.paste import PasteVisit
from mcp_vacuum.errors import (
    DiscoveryError,
    LoginDeclined,
    OAuthError,
    RecordDamaged,
    RegistrationError,
    SecurityRefused,
    ServerUnavailable,
    StorageError,
    UsageError,
    VacuumError,
)
from mcp_vacuum.lab import ABSENT, Faults, Lab, LabConfig, User
from mcp_vacuum.login import LoginOptions, LoginResult, Ways, login, login_blocking, logout_blocking
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import BrowserUrl
from mcp_vacuum.storage.base import RecordKey, SealedRecord
from mcp_vacuum.storage.credentials import CredentialStore, memory_store
from tests.helpers import AGREES, log_in, visited_by


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture
def store() -> CredentialStore:
    return memory_store()


def nobody(listener: LoopbackListener, timeout: float) -> Person:
    """A login that must not need a person."""
    raise AssertionError("a browser would have been opened")


def record(store: CredentialStore, lab: Lab) -> Credential:
    found = store.get(lab.mcp_url)
    assert found is not None
    return found


def _away(listener: LoopbackListener, timeout: float) -> Person:
    """Somebody who never opens the page."""
    return BrowserVisit(listener, timeout=timeout, opener=None)


class Steps(list[str]):
    """A progress listener that keeps the words."""

    def __call__(self, step: str, text: str) -> None:
        self.append(step)


class TestNew:
    def test_the_record_is_bound_to_what_was_discovered(self, lab: Lab, store: CredentialStore) -> None:
        result = log_in(lab, store)
        kept = record(store, lab)
        (asked,) = lab.recorder.to("/authorize")

        assert (result.outcome, result.server, result.credential) == ("new", lab.mcp_url, kept)
        assert (kept.issuer, kept.resource) == (lab.issuer, lab.resource)
        assert (kept.token_endpoint, kept.revocation_endpoint) == (
            f"{lab.issuer}/token",
            f"{lab.issuer}/revoke",
        )
        assert kept.client is not None
        assert (kept.client.registration, kept.client.issuer) == ("dynamic", lab.issuer)
        assert (kept.redirect_uri,) == asked.query["redirect_uri"]
        assert kept.refresh_token == lab.issued_refresh_tokens[-1]
        assert (kept.generation, kept.reach, kept.journal) == (1, "loopback", None)

    def test_it_takes_five_requests(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        paths = [r.path for r in lab.recorder.requests if not r.path.endswith(("/authorize", "/consent"))]

        assert paths == [
            "/mcp",
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-authorization-server",
            "/register",
            "/token",
        ]

    def test_what_is_asked_is_what_oauth_2_1_wants(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        query = lab.recorder.to("/authorize")[0].query
        form = lab.recorder.to("/token")[0].form

        assert query["response_type"] == ("code",)
        assert query["code_challenge_method"] == ("S256",)
        assert len(query["state"][0]) >= 43
        assert len(form["code_verifier"][0]) == 86
        assert query["resource"] == form["resource"] == (lab.resource,)
        assert query["redirect_uri"] == form["redirect_uri"]
        assert query["redirect_uri"][0].startswith("http://127.0.0.1:")
        assert query["redirect_uri"][0].endswith("/callback")

    def test_state_and_verifier_are_fresh_each_time(self, lab: Lab, store: CredentialStore) -> None:
        for _ in range(2):
            log_in(lab, store, force=True)
        states = {r.query["state"] for r in lab.recorder.to("/authorize")}
        challenges = {r.query["code_challenge"] for r in lab.recorder.to("/authorize")}

        assert (len(states), len(challenges)) == (2, 2)

    def test_steps_are_told_in_order_and_without_secrets(self, lab: Lab, store: CredentialStore) -> None:
        told: list[tuple[str, str]] = []
        login_blocking(
            lab.mcp_url, store=store, ways=AGREES, progress=lambda step, text: told.append((step, text))
        )
        texts = " ".join(text for _, text in told)

        assert [step for step, _ in told] == [
            "discovering",
            "discovered",
            "registered",
            "waiting",
            "granted",
            "stored",
        ]
        assert not any(token in texts for token in (*lab.issued_access_tokens, *lab.issued_codes))

    def test_the_async_face_does_the_same(self, lab: Lab, store: CredentialStore) -> None:
        result = asyncio.run(login(lab.mcp_url, store=store, ways=AGREES))

        assert (result.outcome, result.credential) == ("new", record(store, lab))

    def test_an_account_is_a_login_of_its_own(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        log_in(lab, store, account="work")

        assert [each.account for each in store.logins()] == ["default", "work"]

    @pytest.mark.parametrize(
        "config",
        [
            LabConfig(issuer_path="/tenant"),
            LabConfig(metadata_form="openid"),
            LabConfig(prm_location="root"),
            LabConfig(challenge_hints=False),
            LabConfig(iss_parameter=False),
            LabConfig(same_origin=True),
            LabConfig(token_endpoint_auth_methods=("client_secret_basic",)),
            LabConfig(token_endpoint_auth_methods=("client_secret_post",)),
        ],
        ids=["tenant", "openid", "root", "no hints", "no iss", "same origin", "basic", "post"],
    )
    def test_servers_differ(self, config: LabConfig, store: CredentialStore) -> None:
        with Lab(config) as lab:
            log_in(lab, store)

            assert record(store, lab).issuer == lab.issuer
            assert record(store, lab).resource == lab.resource


class TestStillValid:
    def test_no_tab_is_opened(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        lab.recorder.clear()
        result = log_in(lab, store, ways=nobody)

        assert result.outcome == "still_valid"
        assert result.token is not None
        assert lab.recorder.to("/authorize") == ()

    def test_a_new_process_verifies_it_with_a_refresh(self, lab: Lab, store: CredentialStore) -> None:
        from mcp_vacuum.storage.access import ACCESS_TOKENS

        log_in(lab, store)
        ACCESS_TOKENS.forget((store.location, lab.mcp_url, "default"))
        lab.recorder.clear()

        assert log_in(lab, store, ways=nobody).outcome == "still_valid"
        assert [r.path for r in lab.recorder.requests] == ["/token"]

    def test_force_repeats_it(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        result = log_in(lab, store, force=True)

        assert (result.outcome, record(store, lab).generation) == ("new", 2)

    def test_a_login_that_ended_is_repeated(self, lab: Lab, store: CredentialStore) -> None:
        from mcp_vacuum.storage.access import ACCESS_TOKENS

        log_in(lab, store)
        lab.revoke_everything()
        ACCESS_TOKENS.forget((store.location, lab.mcp_url, "default"))
        steps = Steps()
        result = login_blocking(lab.mcp_url, store=store, ways=AGREES, progress=steps)

        assert (result.outcome, record(store, lab).ended) == ("new", None)
        assert "login_needed" in steps

    def test_an_alias_survives(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        store.set_alias(lab.mcp_url, "default", "work")
        log_in(lab, store, force=True)

        assert record(store, lab).alias == "work"

    def test_a_server_that_is_down_does_not_end_it(self, store: CredentialStore) -> None:
        from mcp_vacuum.storage.access import ACCESS_TOKENS

        with Lab() as lab:
            log_in(lab, store)
            ACCESS_TOKENS.forget((store.location, lab.mcp_url, "default"))
            lab.faults.token_status, lab.faults.retry_after = 503, 60
            with pytest.raises(ServerUnavailable):
                log_in(lab, store, ways=nobody)

            assert record(store, lab).ended is None


class TestScope:
    def test_the_challenge_decides(self, store: CredentialStore) -> None:
        with Lab(LabConfig(challenge_scopes=("mcp:tools",), offline_access=False)) as lab:
            log_in(lab, store)

            assert lab.recorder.to("/authorize")[0].query["scope"] == ("mcp:tools",)

    def test_offline_access_is_added_where_it_is_listed(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store, scope=("mcp:tools",))

        assert lab.recorder.to("/authorize")[0].query["scope"] == ("mcp:tools offline_access",)

    def test_a_scope_that_is_granted_already_opens_no_tab(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)

        assert log_in(lab, store, scope=("mcp:tools",), ways=nobody).outcome == "still_valid"

    def test_more_scope_asks_for_the_union(self, store: CredentialStore) -> None:
        """A step-up must not take away what was there (MCP authorization, Step-Up Authorization Flow)."""
        with Lab(LabConfig(offline_access=False)) as lab:
            log_in(lab, store, scope=("mcp:tools",))
            log_in(lab, store, scope=("mcp:admin",))

            assert lab.recorder.to("/authorize")[-1].query["scope"] == ("mcp:tools mcp:admin",)
            assert record(store, lab).scope == "mcp:tools mcp:admin"

    def test_force_asks_for_exactly_what_is_given(self, store: CredentialStore) -> None:
        with Lab(LabConfig(offline_access=False)) as lab:
            log_in(lab, store, scope=("mcp:tools", "mcp:admin"))
            log_in(lab, store, scope=("mcp:tools",), force=True)

            assert record(store, lab).scope == "mcp:tools"


class TestRegistration:
    @pytest.mark.parametrize("kind", ["pasted", "browser"])
    def test_it_is_kept_with_its_port(self, lab: Lab, store: CredentialStore, kind: str) -> None:
        ways = TestPaste.pasting(None) if kind == "pasted" else _polite_browser
        log_in(lab, store, ways=ways)
        again = TestPaste.pasting(None) if kind == "pasted" else _polite_browser
        log_in(lab, store, ways=again, account="another")
        first, second = lab.recorder.to("/authorize")

        assert first.query["redirect_uri"] == second.query["redirect_uri"]
        assert first.query["client_id"] == second.query["client_id"]
        assert len(lab.recorder.to("/register")) == 1

    def test_a_busy_port_registers_anew(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        steps = Steps()
        with _taken(record(store, lab).redirect_uri):
            login_blocking(lab.mcp_url, LoginOptions(account="two"), store=store, ways=AGREES, progress=steps)

        assert len(lab.recorder.to("/register")) == 2
        assert "port_in_use" in steps
        assert [each.account for each in store.logins()] == ["default", "two"]

    def test_the_first_login_goes_on_with_its_own_client(self, lab: Lab, store: CredentialStore) -> None:
        """A second registration at the issuer does not change whose refresh token the first one is."""
        from mcp_vacuum.storage.access import ACCESS_TOKENS

        log_in(lab, store)
        with _taken(record(store, lab).redirect_uri):
            log_in(lab, store, account="two")
        ACCESS_TOKENS.forget((store.location, lab.mcp_url, "default"))

        assert log_in(lab, store, ways=nobody).outcome == "still_valid"

    def test_the_answer_decides_how_the_client_authenticates(self, store: CredentialStore) -> None:
        with Lab(LabConfig(token_endpoint_auth_methods=("client_secret_basic",))) as lab:
            log_in(lab, store)
            client = record(store, lab).client

            assert client is not None
            assert client.client_secret == lab.issued_client_secrets[0]
            assert lab.recorder.to("/token")[0].headers["authorization"].startswith("Basic ")

    def test_an_expired_secret_registers_anew(self, store: CredentialStore) -> None:
        config = LabConfig(token_endpoint_auth_methods=("client_secret_post",), client_secret_lifetime=30)
        with Lab(config) as lab:
            log_in(lab, store)
            log_in(lab, store, account="two")

            assert len(lab.recorder.to("/register")) == 2

    def test_a_client_that_the_server_forgot_is_forgotten_here_too(
        self, lab: Lab, store: CredentialStore
    ) -> None:
        log_in(lab, store)

        def forgetful(listener: LoopbackListener, timeout: float) -> Person:
            person = AGREES(listener, timeout)

            class Visit:
                def visit(self, authorize: Any) -> str:
                    url = person.visit(authorize)
                    lab.forget_clients()
                    return url

            return Visit()

        with pytest.raises(OAuthError) as caught:
            log_in(lab, store, ways=forgetful, account="two")
        assert "log in again" in (caught.value.hint or "")
        assert store.registration(lab.issuer) is None
        log_in(lab, store, account="two")

        assert store.registration(lab.issuer) is not None

    def test_a_changed_redirect_uri_is_refused(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.registration_changes_redirect = True
        with pytest.raises(RegistrationError, match="redirect"):
            log_in(lab, store, ways=nobody)

        assert store.registration(lab.issuer) is None

    @pytest.mark.parametrize(
        "switch",
        [
            lambda faults: setattr(faults, "registration_status", 403),
            lambda faults: setattr(faults, "registration_error", "invalid_client_metadata"),
            lambda faults: setattr(faults, "registration_html", True),
            lambda faults: setattr(faults, "registration_override", {"client_id": ABSENT}),
        ],
        ids=["403", "error", "html", "no client_id"],
    )
    def test_a_refusal_frees_the_port_and_stores_nothing(
        self, lab: Lab, store: CredentialStore, switch: Callable[[Faults], None]
    ) -> None:
        switch(lab.faults)
        port = _free_port()
        with pytest.raises(RegistrationError):
            log_in(lab, store, ways=nobody, callback_port=port)

        assert (store.logins(), store.registration(lab.issuer)) == ([], None)
        LoopbackListener(port=port).close()

    def test_without_registration_the_operator_is_named(self, store: CredentialStore) -> None:
        with Lab(LabConfig(dcr=False)) as lab, pytest.raises(RegistrationError) as caught:
            log_in(lab, store, ways=nobody)

        assert "--client-id" in (caught.value.hint or "")


class TestPreregistered:
    CLIENT = ClientCredentials(client_id="mine")

    def test_it_is_used_and_remembered(self, store: CredentialStore) -> None:
        with Lab(LabConfig(dcr=False, any_loopback_port=True)) as lab:
            lab.add_client("mine")
            log_in(lab, store, client=self.CLIENT)
            lab.revoke_everything()
            log_in(lab, store, force=True)
            client = record(store, lab).client

            assert client is not None
            assert (client.client_id, client.registration) == ("mine", "preregistered")
            assert lab.recorder.to("/register") == ()

    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    def test_a_secret_is_sent_as_the_server_lists_it(self, store: CredentialStore, method: str) -> None:
        config = LabConfig(any_loopback_port=True, token_endpoint_auth_methods=(method,))
        with Lab(config) as lab:
            lab.add_client("mine", client_secret="secret-of-mine", auth_method=method)
            log_in(lab, store, client=replace(self.CLIENT, client_secret=Secret("secret-of-mine")))

            assert record(store, lab).generation == 1

    def test_an_exact_redirect_uri(self, lab: Lab, store: CredentialStore) -> None:
        uri = f"http://localhost:{_free_port()}/callback"
        lab.add_client("mine", redirect_uris=[uri])
        log_in(lab, store, client=self.CLIENT, redirect_uri=uri)

        assert lab.recorder.to("/authorize")[0].query["redirect_uri"] == (uri,)

    def test_a_busy_port_is_an_error_because_the_uri_names_it(self, lab: Lab, store: CredentialStore) -> None:
        uri = f"http://127.0.0.1:{_free_port()}/callback"
        lab.add_client("mine", redirect_uris=[uri])
        with _taken(uri), pytest.raises(ServerUnavailable, match="cannot be used for the callback"):
            log_in(lab, store, client=self.CLIENT, redirect_uri=uri, ways=nobody)

    @pytest.mark.parametrize(
        "uri", ["https://example.com/callback", "http://192.0.2.1:8123/callback", "myapp:/cb", "nonsense"]
    )
    def test_a_redirect_uri_beyond_loopback_is_refused(
        self, lab: Lab, store: CredentialStore, uri: str
    ) -> None:
        with pytest.raises(UsageError):
            log_in(lab, store, client=self.CLIENT, redirect_uri=uri, ways=nobody)

    def test_another_client_is_another_login(self, store: CredentialStore) -> None:
        with Lab(LabConfig(any_loopback_port=True)) as lab:
            log_in(lab, store)
            lab.add_client("mine")
            result = log_in(lab, store, client=self.CLIENT)
            client = record(store, lab).client

            assert client is not None
            assert (result.outcome, client.client_id) == ("new", "mine")


class TestMetadataDocument:
    def test_its_url_is_the_client_id_where_the_server_takes_them(self, store: CredentialStore) -> None:
        with Lab(LabConfig(cimd=True, any_loopback_port=True)) as lab:
            url = lab.serve_client_metadata()
            log_in(lab, store, client_metadata_url=url)
            client = record(store, lab).client

            assert client is not None
            assert (client.client_id, client.registration) == (url, "metadata_document")
            assert lab.recorder.to("/register") == ()

    def test_elsewhere_the_client_is_registered(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store, client_metadata_url="http://127.0.0.1:9/client.json")
        client = record(store, lab).client

        assert client is not None
        assert client.registration == "dynamic"

    def test_it_is_refreshed_like_any_other(self, store: CredentialStore) -> None:
        from mcp_vacuum.storage.access import ACCESS_TOKENS

        with Lab(LabConfig(cimd=True, any_loopback_port=True)) as lab:
            log_in(lab, store, client_metadata_url=lab.serve_client_metadata())
            ACCESS_TOKENS.forget((store.location, lab.mcp_url, "default"))

            assert log_in(lab, store, ways=nobody).outcome == "still_valid"

    @pytest.mark.parametrize("url", ["https://app.example", "https://app.example/"])
    def test_a_url_without_a_path_is_refused_before_anything_is_sent(
        self, lab: Lab, store: CredentialStore, url: str
    ) -> None:
        with pytest.raises(UsageError):
            log_in(lab, store, client_metadata_url=url)
        assert lab.recorder.requests == ()

    def test_a_url_that_is_not_https_is_refused(self, lab: Lab, store: CredentialStore) -> None:
        with pytest.raises(SecurityRefused):
            log_in(lab, store, client_metadata_url="http://app.example/client.json")


class TestIssuer:
    def test_a_pre_registered_client_of_another_issuer_is_an_error(
        self, lab: Lab, store: CredentialStore
    ) -> None:
        foreign = ClientCredentials(client_id="mine", issuer="https://another.example")
        with pytest.raises(RegistrationError, match="is registered at"):
            log_in(lab, store, client=foreign)
        assert lab.recorder.to("/register") == ()
        assert lab.recorder.to("/authorize") == ()

    def test_a_changed_issuer_gets_nothing_of_the_old_login(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        old = record(store, lab)
        assert old.refresh_token is not None
        assert old.client is not None
        with Lab(LabConfig(also_serves=(lab.resource,))) as new:
            lab.faults.resource_metadata_override = {"authorization_servers": [new.issuer]}
            steps = Steps()
            login_blocking(lab.mcp_url, LoginOptions(force=True), store=store, ways=AGREES, progress=steps)
            sent = repr([(r.form, r.query, r.json, r.headers) for r in new.recorder.requests])

            assert "issuer_changed" in steps
            assert old.refresh_token.reveal() not in sent
            assert old.client.client_id not in sent
            assert record(store, lab).issuer == new.issuer

    @pytest.mark.parametrize(
        ("fault", "value", "spec"),
        [
            ("wrong_issuer", "https://attacker.example", "RFC 8414 §3.3"),
            ("wrong_resource", "https://attacker.example/mcp", "RFC 9728 §3.3"),
            ("no_pkce_advertised", True, "MCP authorization, Authorization Code Protection"),
            ("pkce_plain_only", True, "MCP authorization, Authorization Code Protection"),
        ],
    )
    def test_a_broken_rule_is_refused_by_name_before_a_browser(
        self, lab: Lab, store: CredentialStore, fault: str, value: object, spec: str
    ) -> None:
        setattr(lab.faults, fault, value)
        with pytest.raises(SecurityRefused) as caught:
            log_in(lab, store, ways=nobody)

        assert caught.value.spec == spec
        assert store.logins() == []

    def test_a_named_quirk_is_kept_in_the_record(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.no_pkce_advertised = True
        log_in(lab, store, quirks=("pkce-unadvertised",))

        assert record(store, lab).quirks == ("pkce-unadvertised",)
        assert lab.recorder.to("/authorize")[0].query["code_challenge_method"] == ("S256",)

    def test_an_unknown_quirk_is_a_usage_error(self, lab: Lab, store: CredentialStore) -> None:
        with pytest.raises(UsageError):
            log_in(lab, store, quirks=("trust-everybody",), ways=nobody)

        assert lab.recorder.requests == ()


class TestAnswer:
    """What comes back through the browser is believed only when it is ours."""

    def test_declined(self, lab: Lab, store: CredentialStore) -> None:
        with pytest.raises(LoginDeclined) as caught:
            log_in(lab, store, ways=visited_by(User("deny")))

        assert caught.value.exit_status == 3
        assert lab.recorder.to("/token") == ()

    def test_nobody_came(self, lab: Lab, store: CredentialStore) -> None:
        with pytest.raises(LoginDeclined, match="nobody finished the login within 1 s"):
            log_in(lab, store, ways=_away, timeout=0.6)

    @pytest.mark.parametrize(
        ("fault", "spec"),
        [
            ("wrong_iss", "RFC 9207 §2.4"),
            ("missing_iss", "RFC 9207 §2.4"),
            ("duplicate_code", "OAuth 2.1 §3.1"),
        ],
    )
    def test_a_wrong_answer_is_refused_and_its_code_not_sent(
        self, lab: Lab, store: CredentialStore, fault: str, spec: str
    ) -> None:
        setattr(lab.faults, fault, True)
        with pytest.raises(SecurityRefused) as caught:
            log_in(lab, store)

        assert (caught.value.spec, caught.value.exit_status) == (spec, 4)
        assert lab.recorder.to("/token") == ()
        assert store.logins() == []

    def test_a_wrong_state_is_not_ours(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.wrong_state = True
        with pytest.raises(SecurityRefused) as caught:
            log_in(lab, store, timeout=0.6)

        assert caught.value.spec == "RFC 6749 §10.12"
        assert lab.recorder.to("/token") == ()

    def test_a_forged_answer_does_not_end_the_login(self, lab: Lab, store: CredentialStore) -> None:
        """Somebody else's redirect comes first; the real one counts all the same."""
        from http.client import HTTPConnection
        from urllib.parse import urlsplit

        def ways(listener: LoopbackListener, timeout: float) -> Person:
            person = AGREES(listener, timeout)
            connection = HTTPConnection(urlsplit(listener.redirect_uri).netloc, timeout=5)
            connection.request("GET", "/callback?code=forged&state=forged")
            assert connection.getresponse().status == 400
            connection.close()
            return person

        assert log_in(lab, store, ways=ways).outcome == "new"

    def test_no_iss_is_fine_where_none_was_promised(self, store: CredentialStore) -> None:
        with Lab(LabConfig(iss_parameter=False)) as lab:
            assert log_in(lab, store).outcome == "new"

    def test_a_wrong_iss_is_refused_where_none_was_promised(self, store: CredentialStore) -> None:
        with Lab(LabConfig(iss_parameter=False)) as lab:
            lab.faults.wrong_iss = True
            with pytest.raises(SecurityRefused):
                log_in(lab, store)

    def test_a_server_error_in_the_redirect_comes_as_it_is(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.authorize_error = "temporarily_unavailable"
        with pytest.raises(OAuthError) as caught:
            log_in(lab, store)

        assert (caught.value.error, caught.value.exit_status) == ("temporarily_unavailable", 7)

    def test_a_failed_login_leaves_the_old_one(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        before = record(store, lab)
        for ways, fault in ((visited_by(User("deny")), None), (AGREES, "wrong_iss"), (AGREES, "token_html")):
            lab.faults.clear()
            if fault:
                setattr(lab.faults, fault, True)
            with pytest.raises(VacuumError):
                log_in(lab, store, ways=ways, force=True)

        assert record(store, lab) == before


class TestCode:
    """A code is sent again only where it was surely not processed."""

    def test_a_503_is_tried_again(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.token_status, lab.faults.token_times = 503, 1

        assert log_in(lab, store).outcome == "new"
        assert [r.status for r in lab.recorder.to("/token")] == [503, 200]

    @pytest.mark.parametrize("fault", ["token_reset_after", "token_half_body"])
    def test_a_lost_answer_is_not(self, lab: Lab, store: CredentialStore, fault: str) -> None:
        setattr(lab.faults, fault, True)
        with pytest.raises(ServerUnavailable) as caught:
            log_in(lab, store)

        assert "log in again" in (caught.value.hint or "")
        assert len(lab.recorder.to("/token")) == 1

    def test_a_500_is_not(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.token_status = 500
        with pytest.raises(ServerUnavailable):
            log_in(lab, store)

        assert len(lab.recorder.to("/token")) == 1


class TestNoRefreshToken:
    def test_the_login_is_kept_and_says_so(self, store: CredentialStore) -> None:
        with Lab(LabConfig(issue_refresh_token=False)) as lab:
            result = log_in(lab, store)

            assert record(store, lab).refresh_token is None
            assert result.token is not None
            assert result.token.access_token == lab.issued_access_tokens[-1]

    def test_an_old_refresh_token_is_not_kept_for_it(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        lab.faults.no_refresh_token = True
        log_in(lab, store, force=True)

        assert record(store, lab).refresh_token is None


class TestNotRequired:
    def test_nothing_is_stored(self, store: CredentialStore) -> None:
        with Lab(LabConfig(require_login=False)) as lab:
            result = log_in(lab, store, ways=nobody)

            assert result == LoginResult("not_required", lab.mcp_url)
            assert store.logins() == []


class TestPaste:
    @staticmethod
    def pasting(*lines: str | None) -> Ways:
        """None stands for the address at which a browser elsewhere ended."""
        ended: list[str] = []
        left = list(lines)

        def show(url: BrowserUrl) -> None:
            # The browser is elsewhere, so nobody follows the last redirect for it.
            ended.append(_visited_elsewhere(url))

        def read(prompt: str) -> str:
            line = left.pop(0)
            return ended[0] if line is None else line

        return lambda listener, timeout: PasteVisit(show, read)

    def test_the_whole_address_is_taken(self, lab: Lab, store: CredentialStore) -> None:
        assert log_in(lab, store, ways=self.pasting(None)).outcome == "new"

    def test_a_bare_code_is_refused_and_asked_again(self, lab: Lab, store: CredentialStore) -> None:
        assert log_in(lab, store, ways=self.pasting("code-abc", None)).outcome == "new"

    def test_three_wrong_addresses_end_it(self, lab: Lab, store: CredentialStore) -> None:
        wrong = "http://127.0.0.1:1/callback?code=x&state=y"
        with pytest.raises(LoginDeclined):
            log_in(lab, store, ways=self.pasting(wrong, wrong, wrong))

        assert lab.recorder.to("/token") == ()

    def test_an_empty_line_ends_it(self, lab: Lab, store: CredentialStore) -> None:
        with pytest.raises(LoginDeclined):
            log_in(lab, store, ways=self.pasting(""))


class TestStore:
    def test_a_damaged_record_is_found_before_anything_is_sent(
        self, lab: Lab, store: CredentialStore
    ) -> None:
        log_in(lab, store)
        records = store._records
        key = RecordKey("login", lab.mcp_url, "default")
        row = records.get(key)
        assert row is not None
        broken = replace(row, sealed=SealedRecord(b"x" + row.sealed[1:]))
        records.put(broken, expected_generation=row.generation)
        lab.recorder.clear()
        for force in (False, True):
            with pytest.raises(RecordDamaged):
                log_in(lab, store, ways=nobody, force=force)

        assert lab.recorder.requests == ()
        assert records.get(key) == broken

    def test_an_unusable_home_is_found_before_anything_is_sent(
        self, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "home").write_text("a file")
        monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
        with pytest.raises(StorageError):
            login_blocking(lab.mcp_url, ways=nobody)

        assert lab.recorder.requests == ()

    def test_a_store_that_cannot_be_written_is_found_before_anything_is_sent(
        self, lab: Lab, store: CredentialStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A full or read-only disk: nobody is sent to the browser for a login that cannot be kept."""

        def fail(*_: object, **__: object) -> None:
            raise StorageError("the disk is full")

        monkeypatch.setattr(store._records, "put", fail)
        with pytest.raises(StorageError):
            log_in(lab, store, ways=nobody)

        assert lab.recorder.requests == ()


class TestUrl:
    @pytest.mark.parametrize(
        "url", ["ftp://x.example/", "mcp.example.com", "", "https://", "file:///etc/passwd"]
    )
    def test_what_is_no_http_url_is_a_usage_error(self, store: CredentialStore, url: str) -> None:
        with pytest.raises(UsageError):
            login_blocking(url, store=store, ways=nobody)

    def test_plain_http_beyond_loopback_is_refused(self, store: CredentialStore) -> None:
        with pytest.raises(SecurityRefused):
            login_blocking("http://mcp.example.com/mcp", store=store, ways=nobody)

    def test_html_is_no_protected_server(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.mcp_html, lab.faults.resource_metadata_status = True, 404
        with pytest.raises(DiscoveryError):
            log_in(lab, store, ways=nobody)

    def test_no_authorization_server_is_listed(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.no_authorization_servers = True
        with pytest.raises(DiscoveryError, match="lists no authorization server"):
            log_in(lab, store, ways=nobody)


class TestLogout:
    def test_it_is_revoked_and_forgotten(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        ended = logout_blocking(store, record(store, lab))
        (revocation,) = lab.recorder.to("/revoke")

        assert (ended.revoked, store.logins()) == (True, [])
        assert revocation.form["token"] == (lab.issued_refresh_tokens[-1],)
        assert revocation.form["token_type_hint"] == ("refresh_token",)

    @pytest.mark.parametrize("status", [400, 404, 500, 503])
    def test_a_server_that_refuses_does_not_keep_it_here(
        self, lab: Lab, store: CredentialStore, status: int
    ) -> None:
        log_in(lab, store)
        lab.faults.revoke_status = status
        ended = logout_blocking(store, record(store, lab))

        assert (ended.revoked, store.logins()) == (False, [])
        assert ended.because

    def test_a_server_that_is_down_does_not_keep_it_here(self, store: CredentialStore) -> None:
        with Lab() as lab:
            log_in(lab, store)
            kept = record(store, lab)
        ended = logout_blocking(store, kept)

        assert (ended.revoked, store.logins()) == (False, [])

    @pytest.mark.parametrize("endpoint", ["https://169.254.169.254/revoke", "http://as.example/revoke"])
    def test_an_endpoint_that_is_never_contacted_does_not_keep_it_here(
        self, lab: Lab, store: CredentialStore, endpoint: str
    ) -> None:
        log_in(lab, store)
        ended = logout_blocking(store, replace(record(store, lab), revocation_endpoint=endpoint))

        assert (ended.revoked, store.logins()) == (False, [])
        assert ended.because

    def test_the_access_token_in_memory_goes_too(self, lab: Lab, store: CredentialStore) -> None:
        from mcp_vacuum.storage.access import ACCESS_TOKENS

        log_in(lab, store)
        logout_blocking(store, record(store, lab))

        assert ACCESS_TOKENS.get((store.location, lab.mcp_url, "default")) is None

    def test_a_server_without_revocation_is_said(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.metadata_override = {"revocation_endpoint": ABSENT}
        log_in(lab, store)

        assert "no revocation endpoint" in (logout_blocking(store, record(store, lab)).because or "")


def _visited_elsewhere(url: str) -> str:
    """Where a browser on another machine ends: at the redirect URI, which it cannot reach."""
    from http.client import HTTPConnection
    from urllib.parse import urlencode, urlsplit

    from mcp_vacuum.lab.user import _Form

    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=5)
    connection.request("GET", f"{parts.path}?{parts.query}")
    page = connection.getresponse()
    form = _Form.find(page.read().decode())
    assert form is not None
    body = urlencode({**form.hidden, "decision": "allow"})
    cookie = (page.headers["Set-Cookie"] or "").partition(";")[0]
    kind = "application/x-www-form-urlencoded"
    connection.request("POST", form.action, body, {"Content-Type": kind, "Cookie": cookie})
    answer = connection.getresponse()
    location = answer.headers["Location"]
    answer.read()
    connection.close()
    assert location
    return location


def _polite_browser(listener: LoopbackListener, timeout: float) -> Person:
    """One that lets the listener close the connection first, as `Connection: close` asks for."""

    def visit(url: BrowserUrl) -> bool:
        from urllib.parse import urlsplit

        parts = urlsplit(_visited_elsewhere(url))
        with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
            request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
            connection.sendall(request.encode())
            while connection.recv(4096):
                pass
        return True

    return BrowserVisit(listener, timeout=timeout, opener=visit)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _taken(uri: str | None) -> socket.socket:
    """Somebody else on the port of a redirect URI."""
    assert uri is not None
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the login may have left it in TIME_WAIT
    with suppress(OSError):  # then it is in use already
        taken.bind(("127.0.0.1", int(uri.split(":")[2].split("/")[0])))
        taken.listen()
    return taken

"""Logging in, against a laboratory that can be switched to misbehave."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.errors import (
    DiscoveryError,
    LoginDeclined,
    OAuthError,
    RecordDamaged,
    SecurityRefused,
    ServerUnavailable,
    StorageError,
    UsageError,
    VacuumError,
)
from mcp_vacuum.lab import Lab, LabConfig, User
from mcp_vacuum.login import login, login_blocking
from mcp_vacuum.storage.base import RecordKey, SealedRecord
from mcp_vacuum.storage.credentials import CredentialStore
from tests.helpers import AGREES, log_in, visited_by
from tests.people import Steps, nobody, pasting, record


def _away(listener: LoopbackListener, timeout: float) -> Person:
    """Somebody who never opens the page."""
    return BrowserVisit(listener, timeout=timeout, opener=None)


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


class TestPaste:
    def test_the_whole_address_is_taken(self, lab: Lab, store: CredentialStore) -> None:
        assert log_in(lab, store, ways=pasting(None)).outcome == "new"

    def test_a_bare_code_is_refused_and_asked_again(self, lab: Lab, store: CredentialStore) -> None:
        assert log_in(lab, store, ways=pasting("code-abc", None)).outcome == "new"

    def test_three_wrong_addresses_end_it(self, lab: Lab, store: CredentialStore) -> None:
        wrong = "http://127.0.0.1:1/callback?code=x&state=y"
        with pytest.raises(LoginDeclined):
            log_in(lab, store, ways=pasting(wrong, wrong, wrong))

        assert lab.recorder.to("/token") == ()

    def test_an_empty_line_ends_it(self, lab: Lab, store: CredentialStore) -> None:
        with pytest.raises(LoginDeclined):
            log_in(lab, store, ways=pasting(""))


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

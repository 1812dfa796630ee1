"""The decision table of a refresh, a test a row: the laboratory performs each answer for real."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum.drivers.route import Route
from mcp_vacuum.errors import (
    AnswerLost,
    AuthenticationError,
    LoginRequired,
    OAuthError,
    ServerUnavailable,
    StorageError,
    UsageError,
    VacuumError,
)
from mcp_vacuum.lab import ABSENT, Faults, Lab, LabConfig
from mcp_vacuum.models import ClientCredentials, Credential, OAuth2Token
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import memory_store
from mcp_vacuum.testing.clock import Clock
from mcp_vacuum.tokens import renewal
from mcp_vacuum.tokens.policy import doubtful
from mcp_vacuum.tokens.renewal import Renewal, route_of_record
from tests.company import ISSUER, PASSWORD, SERVER, Company, company, outside
from tests.drivers.conftest import Resolver
from tests.drivers.wire import hanging_up, serving
from tests.helpers import LoggedIn, log_in, logged_in, refreshes

Switch = Callable[[Faults], None]


def unchanged(before: Credential, after: Credential) -> bool:
    """Whether a login is as it was, but for its notes on the attempt."""
    return replace(after, journal=None, doubts=()) == replace(before, journal=None, doubts=())


class TestGranted:
    """200 with a usable token: stored, generation + 1."""

    def test_the_new_tokens_are_stored_and_handed_out(self, login: LoggedIn) -> None:
        before = login.record
        login.forget_access_token()
        held = login.tokens.obtain()
        after = login.record

        assert held.token.access_token == login.lab.issued_access_tokens[-1]
        assert (after.generation, held.generation) == (before.generation + 1, before.generation + 1)
        assert login.refresh_token == login.lab.issued_refresh_tokens[-1]
        assert after.journal is None
        assert after.expires_at == held.token.expires_at

    def test_one_request_says_what_a_refresh_has_to_say(self, login: LoggedIn) -> None:
        old = login.refresh_token
        login.forget_access_token()
        login.tokens.obtain()
        (request,) = login.lab.recorder.requests
        client = login.record.client

        assert client is not None
        assert request.path == "/token"
        assert dict(request.form) == {
            "grant_type": ("refresh_token",),
            "refresh_token": (old,),
            "client_id": (client.client_id,),
            "resource": (login.lab.resource,),
        }

    def test_a_missing_refresh_token_keeps_the_old_one(self, login: LoggedIn) -> None:
        old = login.refresh_token
        login.lab.faults.omit_rotated_refresh_token = True
        login.forget_access_token()
        login.tokens.obtain()

        assert (login.refresh_token, login.record.generation) == (old, 2)

    def test_a_missing_scope_keeps_the_old_one(self, login: LoggedIn) -> None:
        old = login.record.scope
        login.lab.faults.token_override = {"scope": ABSENT}
        login.forget_access_token()
        held = login.tokens.obtain()

        assert old
        assert (login.record.scope, held.token.scope) == (old, old)

    def test_a_narrower_scope_is_noted(self, login: LoggedIn) -> None:
        login.lab.faults.token_override = {"scope": "mcp:tools"}
        login.forget_access_token()
        login.tokens.obtain()

        assert login.record.scope == "mcp:tools"

    @pytest.mark.parametrize("given", [0, -5, "0"])
    def test_a_token_that_ends_at_once_is_used_once(self, login: LoggedIn, given: object) -> None:
        login.lab.faults.expires_in = given
        login.forget_access_token()
        first, second = login.tokens.obtain(), login.tokens.obtain()

        assert first.token.access_token != second.token.access_token
        assert len(refreshes(login.lab)) == 2

    @pytest.mark.parametrize(("given", "lifetime"), [(ABSENT, 3600), ("120", 120), (120, 120)])
    def test_a_lifetime_may_be_absent_or_digits(self, login: LoggedIn, given: object, lifetime: int) -> None:
        login.lab.faults.expires_in = given
        login.forget_access_token()

        assert login.tokens.obtain().token.expires_in == lifetime

    def test_a_good_token_in_memory_asks_nobody(self, login: LoggedIn) -> None:
        held = login.tokens.obtain()

        assert held is login.held
        assert login.lab.recorder.requests == ()

    def test_a_short_token_is_used_for_three_quarters_of_its_life(self) -> None:
        with logged_in(LabConfig(access_token_lifetime=8)) as login:
            login.almost_expire(seconds_left=2.5)
            kept = login.tokens.obtain()
            login.almost_expire(seconds_left=1.5)
            renewed = login.tokens.obtain()

        assert (kept.generation, renewed.generation) == (1, 2)


class TestLoginEnded:
    """`invalid_grant`: the server's final word."""

    def test_a_person_has_to_log_in_and_the_record_stays(self, login: LoggedIn) -> None:
        before = login.record
        login.lab.revoke_everything()
        login.forget_access_token()
        with pytest.raises(LoginRequired) as caught:
            login.tokens.obtain()

        assert caught.value.hint == f"mcp-vacuum login {login.server}"
        assert "invalid_grant" in caught.value.reason
        assert login.record.ended == "login_ended"
        assert unchanged(before, replace(login.record, ended=None))

    def test_the_dead_token_is_not_sent_again(self, login: LoggedIn) -> None:
        login.lab.revoke_everything()
        login.forget_access_token()
        for _ in range(3):
            with pytest.raises(LoginRequired):
                login.tokens.obtain()

        assert len(refreshes(login.lab)) == 1

    @pytest.mark.parametrize("status", [400, 401, 403, 404])
    def test_the_member_error_counts_whatever_4xx_carries_it(self, login: LoggedIn, status: int) -> None:
        login.lab.faults.token_error = "invalid_grant"
        login.lab.faults.token_error_status = status
        login.forget_access_token()
        with pytest.raises(LoginRequired):
            login.tokens.obtain()

        assert login.record.ended == "login_ended"

    @pytest.mark.usefixtures("impatient")
    def test_a_500_that_says_invalid_grant_is_no_final_word(self, login: LoggedIn) -> None:
        login.lab.faults.token_error = "invalid_grant"
        login.lab.faults.token_error_status = 500
        login.forget_access_token()
        with pytest.raises(ServerUnavailable):
            login.tokens.obtain()

        assert login.record.ended is None

    def test_a_login_that_was_replaced_meanwhile_is_used(self, login: LoggedIn) -> None:
        """Its refresh token was revoked, but the store has a newer generation when the lease is won."""
        stale = login.tokens
        log_in(login.lab, login.store, force=True)
        login.forget_access_token()

        assert stale.obtain().generation == 3


class TestRegistrationStale:
    """`invalid_client`, `unauthorized_client`: the client is gone, the refresh token stays."""

    def test_the_refresh_token_stays(self, login: LoggedIn) -> None:
        before = login.record
        login.lab.forget_clients()
        login.forget_access_token()
        with pytest.raises(LoginRequired, match="registers anew"):
            login.tokens.obtain()

        assert login.record.ended == "registration_stale"
        assert unchanged(before, replace(login.record, ended=None))

    def test_unauthorized_client_is_the_same(self, login: LoggedIn) -> None:
        login.lab.faults.token_error = "unauthorized_client"
        login.forget_access_token()
        with pytest.raises(LoginRequired, match="registers anew"):
            login.tokens.obtain()

        assert login.record.ended == "registration_stale"

    def test_the_next_login_registers_anew(self, login: LoggedIn) -> None:
        login.lab.forget_clients()
        login.forget_access_token()
        with pytest.raises(LoginRequired):
            login.tokens.obtain()
        log_in(login.lab, login.store)

        assert len(login.lab.recorder.to("/register")) == 1
        assert login.record.ended is None
        login.forget_access_token()
        login.tokens.obtain()


class TestOtherErrors:
    """As it came, and nothing is cleared."""

    @pytest.mark.parametrize("error", ["invalid_request", "invalid_scope", "invalid_target", "homemade"])
    def test_nothing_is_cleared(self, login: LoggedIn, error: str) -> None:
        before = login.record
        login.lab.faults.token_error = error
        login.forget_access_token()
        with pytest.raises(OAuthError) as caught:
            login.tokens.obtain()

        assert (caught.value.error, caught.value.exit_status) == (error, 7)
        assert login.record == before
        login.lab.faults.clear()
        login.tokens.obtain()

    def test_hostile_text_is_made_printable(self, login: LoggedIn) -> None:
        login.lab.faults.token_error = "invalid_request"
        login.lab.faults.hostile_text = "\x1b[31mred\x07\r\nerror: fake"
        login.forget_access_token()
        with pytest.raises(OAuthError) as caught:
            login.tokens.obtain()

        assert caught.value.message.isprintable()

    def test_try_later_in_an_error_document_leaves_a_valid_token_in_use(self, login: LoggedIn) -> None:
        aged = login.almost_expire()
        login.lab.faults.token_error = "temporarily_unavailable"

        assert login.tokens.obtain() is aged


class TestUnusable:
    """HTML, 404, a 200 without a token: as it came, nothing cleared, and doubted in the end."""

    @staticmethod
    def html(faults: Faults) -> None:
        faults.token_html = True

    @staticmethod
    def not_found(faults: Faults) -> None:
        faults.token_status = 404

    @staticmethod
    def bad_request(faults: Faults) -> None:
        faults.token_status = 400

    @staticmethod
    def redirect(faults: Faults) -> None:
        faults.token_status = 302

    @staticmethod
    def no_token(faults: Faults) -> None:
        faults.token_override = {"access_token": ABSENT}

    @staticmethod
    def empty_token(faults: Faults) -> None:
        faults.token_override = {"access_token": ""}

    @staticmethod
    def odd_type(faults: Faults) -> None:
        faults.token_type = "mac"

    UNPROCESSED = ("html", "not_found", "bad_request", "redirect")
    ALL = (*UNPROCESSED, "no_token", "empty_token", "odd_type")

    @pytest.mark.parametrize("name", ALL)
    def test_nothing_is_cleared_and_force_is_the_hint(self, login: LoggedIn, name: str) -> None:
        before = login.record
        getattr(self, name)(login.lab.faults)
        login.forget_access_token()
        with pytest.raises(AuthenticationError) as caught:
            login.tokens.obtain()

        assert "--force" in (caught.value.hint or "")
        assert not isinstance(caught.value, (LoginRequired, OAuthError))
        assert unchanged(before, login.record)
        assert (len(login.record.doubts), login.record.journal) == (1, None)

    @pytest.mark.parametrize("name", UNPROCESSED)
    def test_a_login_goes_on_when_the_server_is_well_again(self, login: LoggedIn, name: str) -> None:
        getattr(self, name)(login.lab.faults)
        login.forget_access_token()
        with pytest.raises(AuthenticationError):
            login.tokens.obtain()
        login.lab.faults.clear()
        login.tokens.obtain()

        assert (login.record.doubts, login.record.generation) == ((), 2)

    def test_a_valid_token_goes_on_being_used(self, login: LoggedIn) -> None:
        aged = login.almost_expire()
        login.lab.faults.token_html = True

        assert login.tokens.obtain() is aged
        assert len(login.record.doubts) == 1

    @pytest.mark.parametrize(
        ("pauses", "expected"),
        [
            ((0, 61), False),
            ((0, 10, 10), False),
            ((0, 30, 31), True),
            ((0, 20, 20, 20), False),
            ((0, 20, 20, 21), True),
            ((0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6), True),
        ],
    )
    def test_three_over_more_than_a_minute_make_it_doubtful(
        self, login: LoggedIn, pauses: tuple[int, ...], expected: bool
    ) -> None:
        login.lab.faults.token_html = True
        login.forget_access_token()
        clock = Clock()
        with clock.installed():
            for pause in pauses:
                clock.advance(pause)
                with pytest.raises(AuthenticationError):
                    login.tokens.obtain()

        assert doubtful(login.record.doubts) is expected
        assert len(login.record.doubts) <= 3


class TestTryLater:
    """429, 5xx, no connection: tried again in time, nothing is cleared."""

    def test_a_503_is_tried_again(self, login: LoggedIn) -> None:
        login.lab.faults.token_status, login.lab.faults.token_times = 503, 1
        login.forget_access_token()

        assert login.tokens.obtain().generation == 2
        assert [request.status for request in refreshes(login.lab)] == [503, 200]

    def test_retry_after_is_kept(self, login: LoggedIn) -> None:
        faults = login.lab.faults
        faults.token_status, faults.retry_after, faults.token_times = 429, 1, 1
        login.forget_access_token()
        login.tokens.obtain()
        first, second = refreshes(login.lab)

        assert 1 <= second.at - first.at < 3

    def test_a_retry_after_beyond_our_patience_ends_at_once(self, login: LoggedIn) -> None:
        login.lab.faults.token_status, login.lab.faults.retry_after = 429, 3600
        before, started = login.record, time.monotonic()
        login.forget_access_token()
        with pytest.raises(ServerUnavailable) as caught:
            login.tokens.obtain()

        assert time.monotonic() - started < 3
        assert (caught.value.exit_status, caught.value.hint) == (5, "try again in 3600 s")
        assert login.record == before

    @pytest.mark.usefixtures("impatient")
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 599])
    def test_nothing_is_cleared(self, login: LoggedIn, status: int) -> None:
        before = login.record
        login.lab.faults.token_status = status
        login.forget_access_token()
        with pytest.raises(ServerUnavailable):
            login.tokens.obtain()

        assert login.record == before
        login.lab.faults.clear()
        assert login.tokens.obtain().generation == 2

    def test_a_valid_token_goes_on_being_used_at_once(self, login: LoggedIn) -> None:
        aged, started = login.almost_expire(), time.monotonic()
        login.lab.faults.token_status = 503

        assert login.tokens.obtain() is aged
        assert (len(refreshes(login.lab)), time.monotonic() - started < 2) == (1, True)

    def test_a_token_that_the_resource_refused_is_not_used_for_that(
        self, login: LoggedIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(renewal, "PATIENCE", 0.0)
        held = login.held
        assert held is not None
        login.lab.faults.token_status = 503
        with pytest.raises(ServerUnavailable):
            login.tokens.obtain(rejected=held.generation)

    @pytest.mark.usefixtures("impatient")
    def test_connection_refused_leaves_everything(self) -> None:
        with logged_in() as login:
            before = login.record
            login.lab.stop()
            login.forget_access_token()
            with pytest.raises(ServerUnavailable) as caught:
                login.tokens.obtain()

            assert not isinstance(caught.value, AnswerLost)
            assert login.record == before

    def test_connection_refused_leaves_a_valid_token_in_use(self) -> None:
        with logged_in() as login:
            aged = login.almost_expire()
            login.lab.stop()

            assert login.tokens.obtain() is aged


GRACE = LabConfig(refresh_token_grace=60)


class TestAnswerLost:
    """Sent, and no complete answer: the outcome is unknown."""

    @pytest.mark.parametrize("fault", ["token_reset_after", "token_half_body"])
    def test_with_a_grace_period_the_same_call_recovers(self, fault: str) -> None:
        with logged_in(GRACE) as login:
            setattr(login.lab.faults, fault, True)
            login.lab.faults.token_times = 1
            sent = login.refresh_token
            login.forget_access_token()
            login.tokens.obtain()

            assert login.lab.refresh_tokens_seen() == (sent, sent)
            assert (login.record.generation, login.record.journal) == (2, None)
            assert login.refresh_token == login.lab.issued_refresh_tokens[-1]
            assert login.lab.reuse_detected == 0

    def test_without_a_grace_period_the_loss_is_said(self, login: LoggedIn) -> None:
        login.lab.faults.token_reset_after, login.lab.faults.token_times = True, 1
        login.forget_access_token()
        with pytest.raises(LoginRequired, match="answer to an earlier refresh was lost"):
            login.tokens.obtain()

        assert login.record.ended == "reply_lost"
        assert len(refreshes(login.lab)) == 2

    def test_a_reset_before_processing_costs_nothing(self, login: LoggedIn) -> None:
        login.lab.faults.token_reset_before, login.lab.faults.token_times = True, 1
        login.forget_access_token()

        assert login.tokens.obtain().generation == 2
        assert login.lab.reuse_detected == 0

    def test_a_token_is_sent_at_most_twice(self, login: LoggedIn) -> None:
        login.lab.faults.token_reset_before = True
        login.forget_access_token()
        with pytest.raises(AnswerLost):
            login.tokens.obtain()

        assert len(refreshes(login.lab)) == 2
        assert login.record.journal is not None
        assert login.record.ended is None

    def test_a_valid_token_goes_on_being_used_and_nothing_is_resent(self, login: LoggedIn) -> None:
        aged = login.almost_expire()
        login.lab.faults.token_reset_before = True

        assert login.tokens.obtain() is aged
        assert len(refreshes(login.lab)) == 1
        assert login.record.journal is not None


class TestInterrupted:
    """A journal of a process that died with the refresh token on its way."""

    def test_with_a_grace_period_the_next_one_recovers(self, caplog: pytest.LogCaptureFixture) -> None:
        with logged_in(GRACE) as login:
            login.lab.faults.token_reset_after, login.lab.faults.token_times = True, 1
            login.almost_expire()
            login.tokens.obtain()
            login.forget_access_token()
            with caplog.at_level(logging.WARNING, "mcp_vacuum"):
                login.tokens.obtain()

            assert "interrupted" in caplog.text
            assert (login.record.generation, login.record.journal) == (2, None)

    def test_without_a_grace_period_the_loss_is_said(self, login: LoggedIn) -> None:
        login.interrupted()
        login.lab.revoke_everything()
        login.forget_access_token()
        with pytest.raises(LoginRequired, match="answer to an earlier refresh was lost"):
            login.tokens.obtain()

        assert login.record.ended == "reply_lost"

    def test_a_journal_of_another_token_blames_nobody(self, login: LoggedIn) -> None:
        login.interrupted()
        journal = login.record.journal
        assert journal is not None
        login.change(journal=replace(journal, digest="00" * 32))
        login.lab.revoke_everything()
        login.forget_access_token()
        with pytest.raises(LoginRequired, match="invalid_grant"):
            login.tokens.obtain()

    def test_the_journal_is_there_while_the_request_is_under_way(self, login: LoggedIn) -> None:
        seen: list[Credential] = []
        real = login.lab.recorder.begin

        def begin(request: object) -> int:
            seen.append(login.record)
            return real(request)  # type: ignore[arg-type]

        login.lab.recorder.begin = begin  # type: ignore[method-assign]
        login.forget_access_token()
        login.tokens.obtain()
        (during,) = seen

        assert during.journal is not None
        assert (during.journal.generation, during.generation) == (1, 1)
        assert during.refresh_token is not None
        assert during.journal.digest == login.store.fingerprint(during.refresh_token)
        assert during.refresh_token.reveal() not in repr(during.journal)


class TestBoundToItsEndpoint:
    """A refresh goes to the endpoint of the record, whatever the world says now."""

    def test_changed_metadata_does_not_move_it(self, login: LoggedIn) -> None:
        with Lab() as attacker:
            elsewhere = f"{attacker.issuer}/token"
            login.lab.faults.metadata_override = {"token_endpoint": elsewhere}
            login.lab.faults.resource_metadata_override = {"authorization_servers": [attacker.issuer]}
            login.forget_access_token()
            login.tokens.obtain()

            assert attacker.recorder.requests == ()
        assert [request.path for request in login.lab.recorder.requests] == ["/token"]

    def test_a_redirect_is_not_followed(self, login: LoggedIn) -> None:
        login.lab.faults.token_status = 307
        login.forget_access_token()
        with pytest.raises(AuthenticationError):
            login.tokens.obtain()

        assert len(login.lab.recorder.requests) == 1

    def test_a_login_without_a_refresh_token_sends_nothing(self) -> None:
        with logged_in(LabConfig(issue_refresh_token=False)) as login:
            login.forget_access_token()
            with pytest.raises(LoginRequired, match="no refresh token"):
                login.tokens.obtain()

            assert login.lab.recorder.requests == ()

    def test_a_login_that_is_gone_sends_nothing(self, login: LoggedIn) -> None:
        tokens = login.tokens
        login.store.delete(login.server)
        login.forget_access_token()
        with pytest.raises(LoginRequired, match="no login is stored"):
            tokens.obtain()

        assert login.lab.recorder.requests == ()


class TestStoreTrouble:
    """A store that fails before the refresh stops it; one that fails after it does not lose the token."""

    @staticmethod
    def failing(store: CredentialStore, monkeypatch: pytest.MonkeyPatch, *, puts: set[int]) -> None:
        real, count = store.put, [0]

        def put(credential: Credential, expected_generation: int) -> None:
            count[0] += 1
            if count[0] in puts:
                raise StorageError("the disk is full")
            real(credential, expected_generation)

        monkeypatch.setattr(store, "put", put)

    def test_nothing_is_sent_if_the_attempt_cannot_be_written(
        self, login: LoggedIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.failing(login.store, monkeypatch, puts={1})
        login.forget_access_token()
        with pytest.raises(StorageError):
            login.tokens.obtain()

        assert login.lab.recorder.requests == ()

    def test_a_token_that_cannot_be_stored_is_handed_out_with_a_warning(
        self, login: LoggedIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.failing(login.store, monkeypatch, puts={2})
        login.forget_access_token()
        with caplog.at_level(logging.WARNING, "mcp_vacuum"):
            held = login.tokens.obtain()

        assert held.token.access_token == login.lab.issued_access_tokens[-1]
        assert "in memory only" in caplog.text
        assert login.record.generation == 1
        assert not any(token in caplog.text for token in login.lab.issued_refresh_tokens)

    def test_it_is_stored_at_the_next_occasion_and_never_sent_again(
        self, login: LoggedIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.failing(login.store, monkeypatch, puts={2})
        login.forget_access_token()
        held = login.tokens.obtain()
        login.tokens.obtain(rejected=held.generation)
        seen = login.lab.refresh_tokens_seen()

        assert (len(seen), len(set(seen))) == (2, 2)
        assert login.lab.reuse_detected == 0
        assert (login.record.generation, login.refresh_token) == (3, login.lab.issued_refresh_tokens[-1])

    def test_an_outcome_that_cannot_be_noted_is_told_all_the_same(
        self, login: LoggedIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        login.lab.revoke_everything()
        login.forget_access_token()
        self.failing(login.store, monkeypatch, puts={2})
        with pytest.raises(LoginRequired):
            login.tokens.obtain()


class TestClock:
    """Sleep and clock jumps."""

    def test_after_a_sleep_past_its_end_a_token_is_refreshed(self, login: LoggedIn) -> None:
        clock = Clock()
        with clock.installed():
            clock.sleep(7200)
            held = login.tokens.obtain()

        assert held.generation == 2
        assert len(refreshes(login.lab)) == 1

    def test_a_token_that_came_before_a_short_sleep_is_still_used(self, login: LoggedIn) -> None:
        clock = Clock()
        with clock.installed():
            login.forget_access_token()
            first = login.tokens.obtain()
            clock.sleep(600)

            assert login.tokens.obtain() is first

    def test_a_clock_set_forward_costs_one_refresh_not_a_loop(self, login: LoggedIn) -> None:
        clock = Clock()
        with clock.installed():
            clock.sleep(10 * 365 * 86_400)
            first, second = login.tokens.obtain(), login.tokens.obtain()

        assert (first.generation, second) == (2, first)
        assert len(refreshes(login.lab)) == 1

    def test_a_clock_set_back_neither_refreshes_nor_keeps_a_token_for_ever(self, login: LoggedIn) -> None:
        clock = Clock()
        with clock.installed():
            login.forget_access_token()
            first = login.tokens.obtain()
            clock.set_back(86_400)
            same = login.tokens.obtain()
            clock.advance(1790)
            renewed = login.tokens.obtain()

        assert (first.generation, same, renewed.generation) == (2, first, 3)


class TestRoute:
    """A refresh goes the way that the login went, and not the way of the shell that it happens in."""

    @pytest.fixture
    def company(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
        outside(monkeypatch)
        with company(tmp_path) as opened:
            yield opened

    @staticmethod
    def kept(store: CredentialStore, route: Route, **members: Any) -> Credential:
        """Keep a login that was made on a route."""
        login = Credential(
            server=SERVER,
            issuer=ISSUER,
            resource=SERVER,
            token_endpoint=f"{ISSUER}/token",
            client=ClientCredentials(client_id="mine", issuer=ISSUER),
            refresh_token=Secret("refresh-0-0123456789"),
            generation=1,
            reach="public",
            proxy=route.proxy,
            ca_file=route.ca_file,
        )
        login = replace(login, **members)
        store.put(login, expected_generation=0)
        return login

    def test_the_recorded_one_is_used_in_an_empty_environment(self, company: Company) -> None:
        store = memory_store()
        self.kept(store, company.route)
        held = Renewal(store, SERVER, "default", route=route_of_record).run()
        after = store.get(SERVER)

        assert held.token.access_token == "access-1-0123456789"
        assert (company.paths, company.grants) == (["/token"], ["refresh_token"])
        assert after is not None
        assert (after.generation, after.proxy, after.ca_file) == (
            2,
            company.route.proxy,
            company.route.ca_file,
        )

    def test_another_proxy_in_the_environment_is_ignored(
        self, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = memory_store()
        self.kept(store, company.route)
        with serving(hanging_up) as another:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{another.port}")
            monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{another.port}")
            monkeypatch.setenv("NO_PROXY", "mcp.example")
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
            held = Renewal(store, SERVER, "default", route=route_of_record).run()

        assert held.generation == 2
        assert (company.paths, another.connections) == (["/token"], 0)

    def test_a_login_without_a_proxy_ignores_that_of_the_environment(
        self, company: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, resolver = memory_store(), Resolver()
        resolver.answers["mcp.example"] = [[]]
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        monkeypatch.setattr(renewal, "PATIENCE", 0.0)
        self.kept(store, Route())
        company.in_environment(monkeypatch)
        with pytest.raises(ServerUnavailable, match="does not resolve"):
            Renewal(store, SERVER, "default", route=route_of_record).run()

        assert (resolver.asked, company.wire.connections) == (["mcp.example"], 0)

    def test_unless_it_is_asked_for_the_environment_decides(
        self, company: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = memory_store()
        self.kept(store, Route(Secret("http://127.0.0.1:1"), "/missing.pem"))
        company.in_environment(monkeypatch)

        assert Renewal(store, SERVER, "default").run().generation == 2
        assert company.paths == ["/token"]

    def test_a_machine_grant_goes_its_way_too(self, company: Company) -> None:
        store = memory_store()
        client = ClientCredentials(
            client_id="robot",
            client_secret=Secret("robot-secret-0123456789"),
            issuer=ISSUER,
            token_endpoint_auth_method="client_secret_post",
        )
        self.kept(store, company.route, client=client, grant="client_credentials", refresh_token=None)

        assert Renewal(store, SERVER, "default", route=route_of_record).run().generation == 2
        assert company.grants == ["client_credentials"]

    def test_certificates_that_are_gone_cost_nothing(self, company: Company, tmp_path: Path) -> None:
        store = memory_store()
        self.kept(store, Route(company.route.proxy, str(tmp_path / "gone.pem")))
        wanted = Renewal(store, SERVER, "default", route=route_of_record)
        with pytest.raises(UsageError, match=r"gone\.pem"):
            wanted.run()
        after = store.get(SERVER)
        token = OAuth2Token("still-good-0123456789", expires_in=30)
        ACCESS_TOKENS.put(wanted.place, Held(token, 1))

        assert after is not None
        assert (after.generation, after.journal, after.ended) == (1, None, None)
        assert wanted.run().token is token
        assert company.wire.connections == 0

    def test_the_password_of_a_proxy_is_not_logged(
        self, company: Company, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = memory_store()
        login = self.kept(store, company.route)
        company.wire.close()
        with (
            caplog.at_level(logging.DEBUG),
            pytest.MonkeyPatch.context() as patch,
            pytest.raises(ServerUnavailable) as caught,
        ):
            patch.setattr(renewal, "PATIENCE", 0.0)
            Renewal(store, SERVER, "default", route=route_of_record).run()
        logging.getLogger("test").warning("%r", login, exc_info=caught.value)

        assert PASSWORD not in caplog.text
        assert PASSWORD not in f"{caught.value!r} {caught.value.hint} {route_of_record(login)!r}"


class TestLogs:
    """Nothing that is logged shows a secret."""

    def test_no_secret_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        switches: list[Switch] = [
            lambda faults: setattr(faults, "token_html", True),
            lambda faults: setattr(faults, "token_reset_before", True),
            lambda faults: setattr(faults, "token_error", "invalid_grant"),
        ]
        with caplog.at_level(logging.DEBUG), logged_in() as login:
            for switch in switches:
                login.lab.faults.clear()
                switch(login.lab.faults)
                login.forget_access_token()
                with pytest.raises(VacuumError) as caught:
                    login.tokens.obtain()
                shown = (caught.value, caught.value.hint)
                logging.getLogger("test").warning("%r %s", *shown, exc_info=caught.value)
            secrets = (*login.lab.issued_access_tokens, *login.lab.issued_refresh_tokens)

        assert len(secrets) >= 2
        assert [secret for secret in secrets if secret in caplog.text] == []

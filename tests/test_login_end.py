"""What becomes of a login, and of a client, whose place a newer one has taken."""

from __future__ import annotations

import pytest

from mcp_vacuum.errors import LoginDeclined, StorageError
from mcp_vacuum.lab import Lab, LabConfig, User
from mcp_vacuum.login import LoginOptions, login_blocking
from mcp_vacuum.logout import logout_blocking
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from tests.helpers import AGREES, log_in, visited_by
from tests.people import Steps, free_port, nobody, record, taken


def force(lab: Lab, store: CredentialStore, **options: object) -> Steps:
    """Log in once more, and return what was told."""
    steps = Steps()
    wanted = LoginOptions(force=True, **options)  # type: ignore[arg-type]
    assert login_blocking(lab.mcp_url, wanted, store=store, ways=AGREES, progress=steps).outcome == "new"
    return steps


def client_of(login: Credential) -> str:
    assert login.client is not None
    return login.client.client_id


def revoked(lab: Lab) -> list[tuple[str, ...]]:
    """The refresh tokens that were revoked."""
    return [request.form["token"] for request in lab.recorder.to("/revoke")]


def deleted(lab: Lab) -> list[str]:
    """The clients that were deleted."""
    gone = [request for request in lab.recorder.requests if request.method == "DELETE"]
    return [request.path.rpartition("/")[2] for request in gone]


def is_alive(lab: Lab, store: CredentialStore, account: str = "default") -> bool:
    """True if the login can be refreshed."""
    ACCESS_TOKENS.forget((store.location, lab.mcp_url, account))
    return log_in(lab, store, ways=nobody, account=account).outcome == "still_valid"


class TestReplaced:
    def test_it_is_revoked_and_its_client_deleted(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        old = record(store, lab)
        assert old.refresh_token is not None
        steps = force(lab, store)

        assert revoked(lab) == [(old.refresh_token.reveal(),)]
        assert deleted(lab) == [client_of(old)]
        assert steps.index("stored") < steps.index("revoked")
        assert "not_ended" not in steps
        assert is_alive(lab, store)

    def test_nothing_is_left_behind_in_the_end(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        clients = [client_of(record(store, lab))]
        for _ in range(3):
            force(lab, store)
            clients.append(client_of(record(store, lab)))
        logout_blocking(store, record(store, lab))

        assert deleted(lab) == clients
        assert len(revoked(lab)) == 4

    def test_the_newest_refresh_token_is_revoked(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        assert is_alive(lab, store)
        newest = record(store, lab).refresh_token
        force(lab, store)

        assert newest is not None
        assert revoked(lab) == [(newest.reveal(),)]

    def test_another_account_keeps_the_client_that_both_use(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        log_in(lab, store, account="two")
        steps = force(lab, store)

        assert (len(revoked(lab)), deleted(lab)) == (1, [])
        assert "not_ended" not in steps
        assert is_alive(lab, store, "two")
        assert is_alive(lab, store)

    def test_a_login_that_is_under_way_keeps_its_client(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        with taken(record(store, lab).redirect_uri):
            force(lab, store)

        assert (len(revoked(lab)), deleted(lab)) == (1, [])

    def test_one_that_comes_to_nothing_ends_nothing(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        with pytest.raises(LoginDeclined):
            log_in(lab, store, ways=visited_by(User("deny")), force=True)

        assert (revoked(lab), deleted(lab)) == ([], [])
        assert is_alive(lab, store)

    def test_it_is_revoked_at_its_own_server(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        with Lab(LabConfig(also_serves=(lab.resource,))) as new:
            lab.faults.resource_metadata_override = {"authorization_servers": [new.issuer]}
            force(lab, store)

            assert (len(revoked(lab)), len(deleted(lab))) == (1, 1)
            assert (revoked(new), deleted(new)) == ([], [])

    def test_a_client_that_was_replaced_without_a_login_is_deleted(
        self, lab: Lab, store: CredentialStore
    ) -> None:
        with pytest.raises(LoginDeclined):
            log_in(lab, store, ways=visited_by(User("deny")))
        former = store.registration(lab.issuer)
        log_in(lab, store, callback_port=free_port())

        assert former is not None
        assert deleted(lab) == [former.client_id]

    def test_another_client_replaces_it_without_force_too(self, store: CredentialStore) -> None:
        with Lab(LabConfig(any_loopback_port=True)) as lab:
            log_in(lab, store)
            lab.add_client("mine")
            log_in(lab, store, client=ClientCredentials(client_id="mine"))

            assert (len(revoked(lab)), len(deleted(lab))) == (1, 1)

    def test_one_that_has_ended_is_not_revoked(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store)
        lab.revoke_everything()
        ACCESS_TOKENS.forget((store.location, lab.mcp_url, "default"))
        log_in(lab, store)

        assert (revoked(lab), deleted(lab)) == ([], [])
        assert is_alive(lab, store)


class TestSameClient:
    def test_its_grants_are_left_alone_and_that_is_said(self, store: CredentialStore) -> None:
        """Keycloak revokes all that a person granted to the client, so the new login would end with it."""
        with Lab(LabConfig(any_loopback_port=True)) as lab:
            lab.add_client("mine")
            log_in(lab, store, client=ClientCredentials(client_id="mine"))
            steps = force(lab, store)

            assert (revoked(lab), deleted(lab)) == ([], [])
            assert "not_ended" in steps

    def test_more_scope_is_no_reason_to_say_so(self, lab: Lab, store: CredentialStore) -> None:
        log_in(lab, store, scope=("mcp:tools",))
        steps = Steps()
        options = LoginOptions(scope=("mcp:prompts",))
        login_blocking(lab.mcp_url, options, store=store, ways=AGREES, progress=steps)

        assert (revoked(lab), deleted(lab)) == ([], [])
        assert "not_ended" not in steps


class TestTrouble:
    @pytest.mark.parametrize("status", [400, 404, 503])
    def test_a_server_that_refuses_is_said_and_no_more(
        self, lab: Lab, store: CredentialStore, status: int
    ) -> None:
        log_in(lab, store)
        lab.faults.revoke_status = status

        assert "not_ended" in force(lab, store)
        assert is_alive(lab, store)

    def test_a_server_that_is_gone_is_said_and_no_more(self, lab: Lab, store: CredentialStore) -> None:
        with Lab(LabConfig(also_serves=(lab.resource,))) as old:
            lab.faults.resource_metadata_override = {"authorization_servers": [old.issuer]}
            log_in(lab, store)
        lab.faults.resource_metadata_override = {}

        assert force(lab, store).count("not_ended") == 2
        assert is_alive(lab, store)

    def test_a_store_that_fails_meanwhile_is_said_and_no_more(
        self, lab: Lab, store: CredentialStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken() -> None:
            raise StorageError("the disk is gone")

        log_in(lab, store)
        monkeypatch.setattr(store, "index", broken)

        assert "not_ended" in force(lab, store)

"""Logging out of the laboratory: what is revoked, forgotten and taken back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_vacuum.errors import StorageError
from mcp_vacuum.lab import ABSENT, Lab
from mcp_vacuum.logout import logout_blocking
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.tokens.renewal import route_of_record
from tests.company import ISSUER, SERVER, company, outside
from tests.helpers import log_in
from tests.people import record


class TestLogout:
    def test_it_is_revoked_by_the_way_that_it_was_made(
        self, store: CredentialStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outside(monkeypatch)
        with company(tmp_path) as inside:
            kept = Credential(
                server=SERVER,
                client=ClientCredentials(client_id="mine"),
                refresh_token=Secret("refresh-0-0123456789"),
                revocation_endpoint=f"{ISSUER}/revoke",
                generation=1,
                reach="public",
                proxy=inside.route.proxy,
                ca_file=inside.route.ca_file,
            )
            store.put(kept, expected_generation=0)
            ended = logout_blocking(store, kept, route=route_of_record)

            assert (ended.revoked, inside.paths, store.logins()) == (True, ["/revoke"], [])

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

    def test_a_registration_that_cannot_be_forgotten_here_is_not_deleted_there(
        self, lab: Lab, store: CredentialStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else the next login would send a browser to a page that says *unknown client*."""

        def full(_: str) -> bool:
            raise StorageError("the disk is full")

        log_in(lab, store)
        with monkeypatch.context() as trouble:
            trouble.setattr(store, "delete_registration", full)
            ended = logout_blocking(store, record(store, lab))
        again = log_in(lab, store)

        assert (ended.revoked, ended.registration, ended.registration_because) == (
            True,
            "kept",
            "the disk is full",
        )
        assert again.outcome == "new"
        assert len(lab.recorder.to("/register")) == 1

    def test_the_access_token_in_memory_goes_too(self, lab: Lab, store: CredentialStore) -> None:
        from mcp_vacuum.storage.access import ACCESS_TOKENS

        log_in(lab, store)
        logout_blocking(store, record(store, lab))

        assert ACCESS_TOKENS.get((store.location, lab.mcp_url, "default")) is None

    def test_a_server_without_revocation_is_said(self, lab: Lab, store: CredentialStore) -> None:
        lab.faults.metadata_override = {"revocation_endpoint": ABSENT}
        log_in(lab, store)

        assert "no revocation endpoint" in (logout_blocking(store, record(store, lab)).because or "")

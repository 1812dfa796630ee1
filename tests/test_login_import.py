"""Taking over a login of another program: what is bound, and what is sent to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum.errors import (
    LoginRequired,
)
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.login import LoginOptions
from mcp_vacuum.login_import import import_blocking
from mcp_vacuum.models import ClientCredentials, OAuth2Token
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.tokens.renewal import route_of_record
from tests.company import SERVER, company, outside
from tests.people import record


class TestImport:
    def test_the_way_to_the_token_endpoint_is_kept(
        self, store: CredentialStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outside(monkeypatch)
        with company(tmp_path) as inside:
            inside.in_environment(monkeypatch)
            client, token = ClientCredentials(client_id="mine"), OAuth2Token("", refresh_token="theirs")
            result = import_blocking(SERVER, LoginOptions(), client, token, store=store)

            assert result.credential is not None
            assert route_of_record(result.credential) == inside.route
            assert inside.grants == []

    def test_it_is_bound_to_what_the_server_names_today(self, lab: Lab, store: CredentialStore) -> None:
        theirs = ClientCredentials(client_id="theirs", issuer=lab.issuer, registration="dynamic")
        token = OAuth2Token("access-theirs", refresh_token="refresh-theirs", scope="mcp:tools")
        result = import_blocking(lab.mcp_url, LoginOptions(), theirs, token, store=store)
        kept = record(store, lab)

        assert (result.outcome, result.credential, result.token) == ("new", kept, token)
        assert (kept.issuer, kept.token_endpoint) == (lab.issuer, f"{lab.issuer}/token")
        assert (kept.client, store.registration(lab.issuer)) == (theirs, theirs)
        assert kept.refresh_token == "refresh-theirs"
        assert "/token" not in [request.path for request in lab.recorder.requests]

    def test_a_login_of_another_issuer_is_refused(self, lab: Lab, store: CredentialStore) -> None:
        theirs = ClientCredentials(client_id="theirs", issuer="https://another.example")
        with pytest.raises(LoginRequired, match=r"nothing of the login at https://another\.example was sent"):
            import_blocking(lab.mcp_url, LoginOptions(), theirs, OAuth2Token(""), store=store)

        assert store.logins() == []

    def test_a_server_that_needs_no_login(self, store: CredentialStore) -> None:
        with Lab(LabConfig(require_login=False)) as lab:
            client, token = ClientCredentials(client_id="theirs"), OAuth2Token("")
            result = import_blocking(lab.mcp_url, LoginOptions(), client, token, store=store)

        assert (result.outcome, store.logins()) == ("not_required", [])

"""What each login has in common: what is found, asked for and kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum.errors import (
    SecurityRefused,
    UsageError,
)
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.login import LoginOptions, LoginResult, login_blocking
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.tokens.stored import login_tokens
from tests.company import outside
from tests.helpers import AGREES, log_in
from tests.people import Steps, nobody, record


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


class TestIssuer:
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


class TestQuirk:
    def test_no_resource_is_sent_neither_at_login_nor_later(self, store: CredentialStore) -> None:
        with Lab(LabConfig(require_resource=False)) as lab:
            log_in(lab, store, quirks=("no-resource",))
            kept = record(store, lab)
            ACCESS_TOKENS.forget((store.location, lab.mcp_url, "default"))
            login_tokens(store, kept).obtain()

            assert kept.resource is None
            assert [each for each in lab.recorder.to("/token") if "resource" in each.form] == []
            assert len(lab.recorder.to("/token")) == 2
            assert "resource" not in lab.recorder.to("/authorize")[0].query


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


class TestRoute:
    def test_what_the_environment_says_of_the_token_endpoint_is_kept(
        self, lab: Lab, store: CredentialStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The laboratory is on loopback, which no proxy is asked for; certificates count everywhere."""
        outside(monkeypatch)
        log_in(lab, store)
        plain = record(store, lab)
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        log_in(lab, store, force=True)
        kept = record(store, lab)

        assert (plain.proxy, plain.ca_file) == (None, None)
        assert (kept.proxy, kept.ca_file) == (None, str(tmp_path / "ca.pem"))

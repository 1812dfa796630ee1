"""From what a person types to a stored login."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum.agent.source import token_source
from mcp_vacuum.errors import LoginRequired, UsageError
from mcp_vacuum.models import Binding, ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import memory_store, open_store
from mcp_vacuum.tokens.stored import find_login, login_tokens

A = "https://a.example/mcp"
B = "https://b.example/mcp"


def credential(server: str, account: str = "default", alias: str | None = None) -> Credential:
    return Credential(
        server=server,
        account=account,
        alias=alias,
        resource=server if "://" in server else None,
        token_endpoint="https://as.example/token",
        client=ClientCredentials(client_id="c"),
        refresh_token=Secret("rt-of-a-stored-login"),
        generation=1,
    )


@pytest.fixture
def store() -> CredentialStore:
    store = memory_store()
    for one in (credential(A, alias="work"), credential(A, "second"), credential(B), credential("grant")):
        store.put(one, expected_generation=0)
    return store


class TestFindLogin:
    @pytest.mark.parametrize(
        ("name", "server"),
        [
            (A, A),
            ("HTTPS://A.Example:443/mcp", A),
            ("work", A),
            ("a.example", A),
            ("A.EXAMPLE", A),
            ("b.example", B),
            ("grant", "grant"),
        ],
    )
    def test_by_url_alias_or_host(self, store: CredentialStore, name: str, server: str) -> None:
        found = find_login(store, name)

        assert (found.server, found.account) == (server, "default")

    @pytest.mark.parametrize("name", [A, "work", "a.example"])
    def test_an_account_may_be_named(self, store: CredentialStore, name: str) -> None:
        assert find_login(store, name, "second").account == "second"

    def test_a_missing_account_names_those_that_are_there(self, store: CredentialStore) -> None:
        with pytest.raises(LoginRequired, match="no login for account 'third'") as caught:
            find_login(store, A, "third")

        assert "default, second" in (caught.value.hint or "")

    @pytest.mark.parametrize("name", ["https://a.example/other", "https://c.example/mcp"])
    def test_an_unknown_url_names_the_command(self, store: CredentialStore, name: str) -> None:
        with pytest.raises(LoginRequired) as caught:
            find_login(store, name)

        assert caught.value.hint == f"mcp-vacuum login {name}"

    def test_an_unknown_name_points_to_the_list(self, store: CredentialStore) -> None:
        with pytest.raises(LoginRequired) as caught:
            find_login(store, "nowhere")

        assert "mcp-vacuum list" in (caught.value.hint or "")

    def test_an_unknown_url_without_its_scheme_names_the_command(self, store: CredentialStore) -> None:
        with pytest.raises(LoginRequired) as caught:
            find_login(store, "localhost:8000/mcp")

        assert "mcp-vacuum login http://localhost:8000/mcp" in (caught.value.hint or "")

    def test_a_host_with_several_servers_is_ambiguous(self, store: CredentialStore) -> None:
        store.put(credential("https://a.example/other"), expected_generation=0)
        with pytest.raises(UsageError) as caught:
            find_login(store, "a.example")

        assert A in str(caught.value)
        assert "https://a.example/other" in str(caught.value)

    def test_without_a_vault_there_is_no_login(self) -> None:
        with pytest.raises(LoginRequired):
            find_login(None, A)

    @pytest.mark.parametrize("name", ["ftp://a.example/", "https://", "https://a b.example/"])
    def test_a_malformed_url_is_a_usage_error(self, store: CredentialStore, name: str) -> None:
        with pytest.raises(UsageError):
            find_login(store, name)


class TestLoginTokens:
    def test_its_tokens_go_to_the_resource_of_the_record(self, store: CredentialStore) -> None:
        tokens = login_tokens(store, credential(A))

        assert tokens.ready("GET", f"{A}/x") is None
        with pytest.raises(Exception, match="is not sent to"):
            tokens.ready("GET", B)

    def test_a_record_without_a_resource_is_bound_to_its_server(self, store: CredentialStore) -> None:
        found = find_login(store, B)
        bare = Credential(server=found.server, generation=1)

        with pytest.raises(Exception, match="is not sent to"):
            login_tokens(store, bare).ready("GET", A)

    def test_a_grant_without_a_resource_names_none(self, store: CredentialStore) -> None:
        with pytest.raises(UsageError):
            login_tokens(store, find_login(store, "grant")).ready("GET", A)


class TestTokenSource:
    def test_it_opens_the_users_vault(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
        vault = open_store()
        assert vault is not None
        vault.put(credential(A, alias="work"), expected_generation=0)

        assert token_source("work").ready("GET", A) is None

    def test_it_creates_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "home"))
        with pytest.raises(LoginRequired):
            token_source(A)

        assert list(tmp_path.iterdir()) == []


def test_the_binding_of_a_record_is_all_four_values() -> None:
    assert credential(A).binding == Binding("https://as.example/token", "c", None, A)

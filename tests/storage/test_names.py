from __future__ import annotations

import pytest

from mcp_vacuum.errors import (
    UsageError,
)
from mcp_vacuum.storage.credentials import CredentialStore

from .conftest import (
    SERVER,
    login,
)

OTHER = "https://other.example/mcp"


class TestFind:
    @pytest.fixture
    def filled(self, store: CredentialStore) -> CredentialStore:
        store.put(login(SERVER, alias="work"), 0)
        store.put(login(SERVER, account="second"), 0)
        store.put(login(OTHER), 0)
        store.put(login("http://127.0.0.1:8000/a"), 0)
        store.put(login("http://127.0.0.1:9000/a"), 0)
        store.put(login("grant-name", account="x"), 0)
        return store

    @pytest.mark.parametrize(
        ("name", "server", "account"),
        [
            ("work", SERVER, "default"),
            (SERVER, SERVER, "default"),
            ("mcp.example", SERVER, "default"),
            ("OTHER.example", OTHER, "default"),
            ("127.0.0.1:8000", "http://127.0.0.1:8000/a", "default"),
            ("grant-name", "grant-name", "x"),
            ("mcp.example/mcp", SERVER, "default"),
            ("MCP.Example:443/mcp", SERVER, "default"),
            ("127.0.0.1:9000/a", "http://127.0.0.1:9000/a", "default"),
        ],
    )
    def test_a_login_is_found_by_alias_url_or_host(
        self, filled: CredentialStore, name: str, server: str, account: str
    ) -> None:
        found = filled.find(name)

        assert found is not None
        assert (found.server, found.account) == (server, account)

    @pytest.mark.parametrize(
        "name",
        [
            "nothing",
            "https://mcp.example",
            "example",
            "",
            "http://[",
            "mcp.example:443",
            "mcp.example/MCP",
            "mcp.example:80/mcp",
        ],
    )
    def test_what_is_not_there_is_none(self, filled: CredentialStore, name: str) -> None:
        assert filled.find(name) is None

    def test_what_could_be_several_lists_them(self, filled: CredentialStore) -> None:
        with pytest.raises(UsageError, match=r"8000/a \(account default\), http://127.0.0.1:9000/a"):
            filled.find("127.0.0.1")

    def test_a_url_without_its_scheme_may_be_two(self, store: CredentialStore) -> None:
        for scheme in ("http", "https"):
            store.put(login(f"{scheme}://127.0.0.1:8000/a"), 0)
        with pytest.raises(UsageError, match=r"http://127\.0\.0\.1:8000/a .* https://127"):
            store.find("127.0.0.1:8000/a")

    def test_of_accounts_without_a_default_one_has_to_be_named(self, store: CredentialStore) -> None:
        store.put(login(account="a"), 0)
        assert store.find(SERVER) == login(account="a")
        store.put(login(account="b"), 0)
        with pytest.raises(UsageError, match=r"account a.*account b"):
            store.find(SERVER)

    def test_an_alias_comes_before_a_host(self, filled: CredentialStore) -> None:
        filled.set_alias("http://127.0.0.1:9000/a", "default", "other.example")
        found = filled.find("other.example")

        assert found is not None
        assert found.server == "http://127.0.0.1:9000/a"

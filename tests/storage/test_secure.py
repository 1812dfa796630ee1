"""SecureTokenStorage: refresh tokens sealed, access tokens in memory, damage never mistaken for absence."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import anyio
import pytest

from mcp_vacuum import Binding, OAuth2Token, SecureTokenStorage, StorageError
from mcp_vacuum.storage.access import ACCESS_TOKENS

BINDING = Binding("https://as.example/token", "client", "https://as.example", "https://api.example")
TOKEN = OAuth2Token(
    "the-access-token", expires_in=600, refresh_token="the-refresh-token", scope="read", binding=BINDING
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("MCP_VACUUM_HOME", str(folder))
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    return folder


def store(storage: SecureTokenStorage, token: OAuth2Token = TOKEN) -> None:
    anyio.run(storage.store_token, "server", token)


def get(storage: SecureTokenStorage) -> OAuth2Token | None:
    return anyio.run(storage.get_token, "server")


def test_making_a_storage_opens_nothing(home: Path) -> None:
    SecureTokenStorage()

    assert not home.exists()


def test_the_same_process_gets_the_whole_token_back() -> None:
    storage = SecureTokenStorage()
    store(storage)

    assert get(storage) == TOKEN
    assert get(SecureTokenStorage()) == TOKEN


def test_another_process_gets_everything_but_the_access_token() -> None:
    store(SecureTokenStorage())
    program = (
        "import anyio; from mcp_vacuum import SecureTokenStorage as S;"
        "t = anyio.run(S().get_token, 'server');"
        "print(repr(t.access_token), t.is_expired, t.refresh_token, t.scope, t.expires_in, t.binding.issuer)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert told.split() == ["''", "True", "the-refresh-token", "read", "600", "https://as.example"]


def test_nothing_readable_is_on_the_disk(home: Path) -> None:
    store(SecureTokenStorage())
    content = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())

    for secret in (b"the-access-token", b"the-refresh-token"):
        assert secret not in content
        assert b64encode(secret)[:-4] not in content


def test_absent_is_none() -> None:
    assert get(SecureTokenStorage()) is None


def test_a_record_that_cannot_be_opened_raises_and_is_kept(home: Path) -> None:
    storage = SecureTokenStorage()
    store(storage)
    ACCESS_TOKENS.forget(storage.place("server"))
    storage.store.close()
    import sqlite3

    with sqlite3.connect(home / "vault.db") as database:
        database.execute("UPDATE records SET sealed = x'00112233'")
    database.close()

    with pytest.raises(StorageError):
        get(SecureTokenStorage())
    assert [row.key.name for row in SecureTokenStorage().store.index()] == ["server"]


def test_deleting_forgets_and_deleting_again_is_no_error() -> None:
    storage = SecureTokenStorage()
    store(storage)
    anyio.run(storage.delete_token, "server")
    anyio.run(storage.delete_token, "server")

    assert get(storage) is None


def test_a_token_without_a_refresh_token_keeps_the_old_one() -> None:
    storage = SecureTokenStorage()
    store(storage)
    store(storage, OAuth2Token("newer", expires_in=60))

    found = storage.store.get("server")
    assert found is not None
    assert found.refresh_token == "the-refresh-token"
    assert found.generation == 2
    assert found.binding == BINDING


def test_another_service_name_has_a_vault_of_its_own() -> None:
    store(SecureTokenStorage())

    assert get(SecureTokenStorage("another service")) is None

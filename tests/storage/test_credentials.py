from __future__ import annotations

import base64
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_vacuum.errors import (
    AliasTaken,
    GenerationConflict,
    KeyUnavailable,
    RecordDamaged,
    StorageError,
    UsageError,
)
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.base import RecordKey, Row, SealedRecord
from mcp_vacuum.storage.credentials import CredentialStore, memory_store, open_store
from mcp_vacuum.storage.envelope import new_key
from mcp_vacuum.storage.vault import Vault

from .conftest import SERVER, SOURCE, FakeKeyring, Script, finished, login, registration, start_together

OTHER = "https://other.example/mcp"


def opened(home: Path, create: bool = True) -> CredentialStore:
    store = open_store(home, create=create)
    assert store is not None
    return store


@pytest.fixture(params=["vault", "memory"])
def store(request: pytest.FixtureRequest, home: Path) -> CredentialStore:
    return opened(home) if request.param == "vault" else memory_store()


def spoil(store: CredentialStore, server: str = SERVER, account: str = "default") -> Row:
    """Change one byte of a stored login, as a bad disk would."""
    key = RecordKey("login", server, account)
    row = store._records.get(key)
    assert row is not None
    half = len(row.sealed) // 2
    flipped = row.sealed[:half] + bytes([row.sealed[half] ^ 1]) + row.sealed[half + 1 :]
    spoiled = replace(row, sealed=SealedRecord(flipped))
    store._records.put(spoiled, expected_generation=row.generation)
    store._opened.clear()
    return spoiled


class TestLogins:
    def test_a_login_comes_back_whole(self, store: CredentialStore) -> None:
        store.put(login(), 0)

        assert store.get(SERVER) == login()
        assert store.get(SERVER, "work") is None
        assert store.get(OTHER) is None

    def test_the_generation_is_the_ticket(self, store: CredentialStore) -> None:
        store.put(login(), 0)
        store.put(login(generation=2), 1)
        with pytest.raises(GenerationConflict):
            store.put(login(generation=2), 1)
        with pytest.raises(GenerationConflict):
            store.put(login(generation=3), 0)

        assert store.get(SERVER) == login(generation=2)

    @pytest.mark.parametrize(("generation", "expected"), [(0, 0), (1, 2), (-1, 0)])
    def test_a_generation_never_goes_back(
        self, store: CredentialStore, generation: int, expected: int
    ) -> None:
        with pytest.raises(ValueError, match="cannot follow"):
            store.put(login(generation=generation), expected)

    def test_deleting_says_whether_there_was_one(self, store: CredentialStore) -> None:
        store.put(login(), 0)
        store.put(login(account="work"), 0)

        assert [store.delete(SERVER), store.delete(SERVER)] == [True, False]
        assert store.logins() == [login(account="work")]
        assert store.set_aside() == []

    def test_listings_are_in_order(self, store: CredentialStore) -> None:
        for server, account in ((OTHER, "default"), (SERVER, "work"), (SERVER, "default")):
            store.put(login(server, account=account), 0)
        names = [(row.key.name, row.key.account) for row in store.index()]

        assert names == [(SERVER, "default"), (SERVER, "work"), (OTHER, "default")]
        assert [(each.server, each.account) for each in store.logins()] == names

    def test_an_index_opens_nothing_and_has_the_clear_columns(self, store: CredentialStore) -> None:
        store.put(login(alias="work"), 0)
        spoil(store)
        row = store.index()[0]

        assert (row.generation, row.issuer, row.alias, row.expires_at) == (
            1,
            "https://as.example",
            "work",
            1_700_003_700.5,
        )

    def test_a_lease_excludes(self, store: CredentialStore) -> None:
        with store.lease(SERVER, "default", 1):
            with store.lease(SERVER, "work", 0):
                pass
            with pytest.raises(StorageError):
                store.lease(SERVER, "default", 0.05).__enter__()

    def test_fingerprints_are_stable_and_the_stores_own(self, store: CredentialStore) -> None:
        token = Secret("refresh")

        assert store.fingerprint(token) == store.fingerprint(Secret("refresh"))
        assert store.fingerprint(token) != memory_store().fingerprint(token)


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
        ],
    )
    def test_a_login_is_found_by_alias_url_or_host(
        self, filled: CredentialStore, name: str, server: str, account: str
    ) -> None:
        found = filled.find(name)

        assert found is not None
        assert (found.server, found.account) == (server, account)

    @pytest.mark.parametrize(
        "name", ["nothing", "https://mcp.example", "example", "", "http://[", "mcp.example:443"]
    )
    def test_what_is_not_there_is_none(self, filled: CredentialStore, name: str) -> None:
        assert filled.find(name) is None

    def test_what_could_be_several_lists_them(self, filled: CredentialStore) -> None:
        with pytest.raises(UsageError, match=r"8000/a \(account default\), http://127.0.0.1:9000/a"):
            filled.find("127.0.0.1")

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


class TestAlias:
    def test_it_is_given_changed_and_taken_away(self, store: CredentialStore) -> None:
        store.put(login(), 0)
        for alias in ("work", "Büro-2", None):
            store.set_alias(SERVER, "default", alias)

            assert store.get(SERVER) == login(alias=alias)

    @pytest.mark.parametrize("alias", ["", "-x", "a b", "https://x", "a/b", "x" * 65, ".x", "a\n"])
    def test_what_could_be_mistaken_is_refused(self, store: CredentialStore, alias: str) -> None:
        store.put(login(), 0)
        with pytest.raises(UsageError):
            store.set_alias(SERVER, "default", alias)

    def test_it_names_one_login(self, store: CredentialStore) -> None:
        store.put(login(alias="work"), 0)
        store.put(login(OTHER), 0)
        with pytest.raises(AliasTaken) as caught:
            store.set_alias(OTHER, "default", "work")

        assert caught.value.exit_status == 2
        assert store.get(OTHER) == login(OTHER)

    def test_without_a_login_there_is_no_alias(self, store: CredentialStore) -> None:
        with pytest.raises(UsageError, match="there is no login"):
            store.set_alias(SERVER, "default", "work")

    def test_an_alias_that_was_moved_from_outside_is_not_followed(self, store: CredentialStore) -> None:
        store.put(login(alias="work"), 0)
        store.put(login(OTHER), 0)
        mine, other = store.index()
        store._records.put(replace(mine, alias=None), expected_generation=1)
        store._records.put(replace(other, alias="work"), expected_generation=1)
        with pytest.raises(RecordDamaged, match="alias was changed"):
            store.find("work")


class TestRegistrations:
    def test_one_is_kept_per_issuer_and_the_last_writer_wins(self, store: CredentialStore) -> None:
        first, second = registration(), replace(registration(), client_id="client-2")
        store.put_registration(first)
        assert store.registration("https://as.example") == first
        store.put_registration(second)

        assert store.registration("https://as.example") == second
        assert store.registration("https://as.example/") is None

    def test_it_is_forgotten(self, store: CredentialStore) -> None:
        store.put_registration(registration())

        assert store.delete_registration("https://as.example") is True
        assert store.delete_registration("https://as.example") is False
        assert store.registration("https://as.example") is None

    def test_one_without_an_issuer_is_nobodys(self, store: CredentialStore) -> None:
        with pytest.raises(ValueError, match="issuer"):
            store.put_registration(replace(registration(), issuer=None))

    def test_it_is_no_login(self, store: CredentialStore) -> None:
        store.put_registration(registration(SERVER))

        assert store.logins() == []
        assert store.find(SERVER) is None

    def test_one_that_does_not_open_is_kept_when_it_is_replaced(self, store: CredentialStore) -> None:
        key = RecordKey("client", "https://as.example")
        store._records.put(Row(key, SealedRecord(b"spoiled"), 1), expected_generation=0)
        with pytest.raises(RecordDamaged, match="client registration for https"):
            store.registration("https://as.example")
        store.put_registration(registration())

        assert store.registration("https://as.example") == registration()
        assert [row.sealed for row in store.set_aside()] == [b"spoiled"]


class TestDamage:
    def test_it_is_named_and_the_others_are_listed(self, store: CredentialStore) -> None:
        store.put(login(), 0)
        store.put(login(OTHER), 0)
        spoiled = spoil(store)
        with pytest.raises(RecordDamaged, match=SERVER):
            store.get(SERVER)
        with pytest.raises(RecordDamaged, match=SERVER):
            store.find("mcp.example")

        assert store.logins() == [login(OTHER)]
        assert [row.key.name for row in store.index()] == [SERVER, OTHER]
        assert store.index()[0] == spoiled

    def test_it_is_not_overwritten(self, store: CredentialStore) -> None:
        store.put(login(), 0)
        spoiled = spoil(store)
        with pytest.raises(RecordDamaged):
            store.put(login(generation=2), 1)
        with pytest.raises(GenerationConflict):
            store.put(login(), 0)
        with pytest.raises(RecordDamaged):
            store.set_alias(SERVER, "default", "work")

        assert store.index() == [spoiled]

    def test_a_logout_sets_it_aside_for_a_new_login(self, store: CredentialStore) -> None:
        store.put(login(alias="work"), 0)
        spoiled = spoil(store)

        assert store.delete(SERVER) is True
        assert store.get(SERVER) is None
        store.put(login(alias="work"), 0)
        kept = store.set_aside()
        assert [row.sealed for row in kept] == [spoiled.sealed]
        assert kept[0].key.name == SERVER
        assert kept[0].key.account.startswith("login default ")

    def test_an_old_record_that_was_put_back_does_not_open(self, store: CredentialStore) -> None:
        store.put(login(), 0)
        old = store.index()[0]
        store.put(login(generation=2), 1)
        store._records.put(replace(old, generation=2), expected_generation=2)
        with pytest.raises(RecordDamaged, match="belongs to another record"):
            store.get(SERVER)

    def test_a_record_of_a_newer_version_is_neither_opened_nor_lost(self, store: CredentialStore) -> None:
        row = Row(RecordKey("login", SERVER, "default"), SealedRecord(b"mcpv2:later"), 1)
        store._records.put(row, expected_generation=0)
        with pytest.raises(StorageError, match="newer"):
            store.get(SERVER)
        with pytest.raises(StorageError, match="newer"):
            store.put(login(generation=2), 1)

        assert store.logins() == []
        assert store.index() == [row]


class TestOpening:
    def test_nothing_is_created_where_nothing_should_be(self, home: Path) -> None:
        assert open_store(home, create=False) is None
        assert not home.exists()

    def test_the_notice_is_given_once(self, home: Path) -> None:
        assert "no working keyring" in (opened(home).notice or "")
        assert opened(home).notice is None
        assert opened(home, create=False).key_source == f"file:{home / 'vault.key'}"

    def test_a_keyring_that_works_keeps_the_key(self, home: Path, fake_keyring: FakeKeyring) -> None:
        store = opened(home)
        store.put(login(), 0)

        assert (store.key_source, store.notice) == ("keyring", None)
        assert not (home / "vault.key").exists()
        assert list(fake_keyring.items) == [
            ("mcp-vacuum", f"vault:{Vault(home / 'vault.db').header()['vault_id']}")
        ]
        assert opened(home).get(SERVER) == login()

    def test_an_existing_vault_keeps_its_own_service_name(
        self, home: Path, fake_keyring: FakeKeyring
    ) -> None:
        first = open_store(home, service_name="mine")
        assert first is not None
        first.put(login(), 0)

        assert opened(home).get(SERVER) == login()
        assert {service for service, _ in fake_keyring.items} == {"mine"}

    def test_the_home_comes_from_the_environment(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_HOME", str(home))
        store = open_store()

        assert store is not None
        assert store.location == f"vault:{home / 'vault.db'}"

    def test_a_forced_keyring_that_is_missing_leaves_no_vault(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "keyring")
        with pytest.raises(KeyUnavailable, match="no working keyring") as caught:
            open_store(home)

        assert caught.value.exit_status == 6
        assert not [each for each in home.iterdir() if "vault.db" in each.name or "key" in each.name]

    def test_a_keyring_that_is_gone_leaves_the_vault_untouched(
        self, home: Path, fake_keyring: FakeKeyring
    ) -> None:
        store = opened(home)
        store.put(login(), 0)
        store.close()
        before = (home / "vault.db").read_bytes()
        fake_keyring.trouble = RuntimeError("gone")
        for create in (True, False):
            with pytest.raises(KeyUnavailable, match="no working keyring") as caught:
                open_store(home, create=create)
            assert caught.value.exit_status == 6
        fake_keyring.trouble = None
        kept, fake_keyring.items = fake_keyring.items, {}
        with pytest.raises(KeyUnavailable, match="the vault's key is missing from keyring"):
            open_store(home)
        assert (home / "vault.db").read_bytes() == before
        assert not (home / "vault.key").exists()
        assert not fake_keyring.items

        fake_keyring.items = kept
        assert opened(home).get(SERVER) == login()

    def test_a_missing_key_file_is_not_made_anew(self, home: Path) -> None:
        opened(home).put(login(), 0)
        key = (home / "vault.key").rename(home / "away")
        with pytest.raises(KeyUnavailable, match="missing from file:"):
            open_store(home)
        assert not (home / "vault.key").exists()

        key.rename(home / "vault.key")
        assert opened(home).get(SERVER) == login()

    def test_a_wrong_key_is_told_from_damage(self, home: Path) -> None:
        opened(home).put(login(), 0)
        good = (home / "vault.key").read_bytes()
        (home / "vault.key").write_bytes(new_key())
        with pytest.raises(KeyUnavailable, match="is not the key of this vault"):
            open_store(home)
        (home / "vault.key").write_bytes(good)

        assert opened(home).get(SERVER) == login()

    def test_a_corrupt_vault_is_moved_and_can_be_put_back(self, home: Path) -> None:
        store = opened(home)
        store.put(login(), 0)
        store.close()
        good = (home / "vault.db").read_bytes()
        (home / "vault.db").write_bytes(b"\x00" * 100 + good[100:])
        with pytest.raises(StorageError, match="moved to") as caught:
            open_store(home)
        assert caught.value.exit_status == 6
        assert "its key was kept" in caught.value.message
        new = opened(home)
        assert new.logins() == []
        new.put(login(OTHER), 0)
        new.close()

        (home / "vault.db").rename(home / "new.db")
        (home / "vault.db").write_bytes(good)
        assert opened(home).get(SERVER) == login()

    def test_a_corrupt_vault_with_its_key_in_a_keyring_can_be_put_back(
        self, home: Path, fake_keyring: FakeKeyring
    ) -> None:
        store = opened(home)
        store.put(login(), 0)
        store.close()
        good = (home / "vault.db").read_bytes()
        (home / "vault.db").write_bytes(b"no vault")
        with pytest.raises(StorageError, match="moved to"):
            open_store(home)
        opened(home).close()
        assert len(fake_keyring.items) == 2

        (home / "vault.db").write_bytes(good)
        assert opened(home).get(SERVER) == login()

    def test_a_home_can_be_moved(self, home: Path) -> None:
        store = opened(home)
        store.put(login(), 0)
        store.close()
        moved = home.rename(home.with_name("moved"))

        assert opened(moved).get(SERVER) == login()

    def test_no_secret_is_readable_in_any_file(self, home: Path) -> None:
        store = opened(home)
        store.put(login(), 0)
        store.put(login(generation=2, refresh_token=Secret("rotated-refresh-token-xyz")), 1)
        store.put_registration(registration())
        with store.lease(SERVER, "default", 1):
            pass
        secrets = [
            "refresh-Grüße-0123456789abcdef",
            "rotated-refresh-token-xyz",
            "client-secret-0123456789",
            "registration-access-token-0123456789",
        ]
        files = [each for each in home.rglob("*") if each.is_file()]
        content = b"".join(each.read_bytes() for each in files)

        assert {"vault.db", "vault.db-wal", "vault.key"} <= {each.name for each in files}
        assert SERVER.encode() in content
        for secret in secrets:
            for form in _forms(secret):
                assert form not in content, form

    def test_nothing_shows_a_secret(self, home: Path) -> None:
        store = opened(home)
        store.put(login(), 0)
        shown = repr(store.get(SERVER)) + repr(store) + repr(store.index()) + repr(store._cipher)

        assert "refresh-Gr" not in shown
        assert "client-secret-0" not in shown


def _forms(secret: str) -> list[bytes]:
    """Return the secret as text, JSON, hex, UTF-16 and base64 at each of the three offsets."""
    raw = secret.encode()
    forms = [raw, secret.encode("unicode_escape"), raw.hex().encode(), secret.encode("utf-16-le")]
    for offset in range(3):
        middle = raw[offset : offset + (len(raw) - offset) // 3 * 3]
        forms += [base64.b64encode(middle), base64.urlsafe_b64encode(middle)]
    return forms


CREATE = """
import pathlib, sys
from mcp_vacuum.models import Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage import keys, vault
from mcp_vacuum.storage.credentials import open_store
print("ready", flush=True)
sys.stdin.readline()
store = open_store(pathlib.Path(sys.argv[1]))
store.put(Credential(server=f"https://{sys.argv[2]}.example", generation=1), 0)
print(store.fingerprint(Secret("x")), store.notice is not None)
"""


class TestManyProcesses:
    @pytest.mark.parametrize("attempt", range(3))
    def test_sixteen_that_create_the_vault_at_once_make_one(
        self, home: Path, script: Script, attempt: int
    ) -> None:
        processes = [script(CREATE, number) for number in range(16)]
        start_together(processes)
        said = [finished(process).split() for process in processes]

        assert len({fingerprint for fingerprint, _ in said}) == 1
        assert [notice for _, notice in said].count("True") == 1
        assert len(opened(home).logins()) == 16
        assert not [each.name for each in home.iterdir() if "corrupt" in each.name or ".new" in each.name]
        assert len(list(home.glob("vault.key*"))) == 1


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, mcp_vacuum.storage.credentials, mcp_vacuum.testing\n"
        "heavy = 'cryptography keyring platformdirs pydantic sqlite3 anyio subprocess pytest'.split()\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.errors import (
    AliasTaken,
    GenerationConflict,
    RecordDamaged,
    StorageError,
    UsageError,
)
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.base import RecordKey, Row, SealedRecord
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import memory_store

from .conftest import (
    SERVER,
    login,
    registration,
)

OTHER = "https://other.example/mcp"


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
        mine, other = store._records.list("login")
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
        spoiled = Row(key, SealedRecord(b"spoiled"), 1, key_id=store._sealed.cipher.key_id)
        store._records.put(spoiled, expected_generation=0)
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
        assert store._records.list("login")[0] == spoiled

    def test_it_is_not_overwritten(self, store: CredentialStore) -> None:
        store.put(login(), 0)
        spoiled = spoil(store)
        with pytest.raises(RecordDamaged):
            store.put(login(generation=2), 1)
        with pytest.raises(GenerationConflict):
            store.put(login(), 0)
        with pytest.raises(RecordDamaged):
            store.set_alias(SERVER, "default", "work")

        assert store._records.list("login") == [spoiled]

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
        old = store._records.list("login")[0]
        store.put(login(generation=2), 1)
        store._records.put(replace(old, generation=2), expected_generation=2)
        with pytest.raises(RecordDamaged, match="belongs to another record"):
            store.get(SERVER)

    def test_a_record_of_a_newer_version_is_neither_opened_nor_lost(self, store: CredentialStore) -> None:
        sealed = SealedRecord(b"mcpv2:later")
        row = Row(RecordKey("login", SERVER, "default"), sealed, 1, key_id=store._sealed.cipher.key_id)
        store._records.put(row, expected_generation=0)
        with pytest.raises(StorageError, match="newer"):
            store.get(SERVER)
        with pytest.raises(StorageError, match="newer"):
            store.put(login(generation=2), 1)

        assert store.logins() == []
        assert store._records.list("login") == [row]

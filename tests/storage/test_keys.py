from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum.errors import KeyUnavailable, StorageError, UsageError
from mcp_vacuum.storage.cipher import check_value, new_key
from mcp_vacuum.storage.file_source import FileSource
from mcp_vacuum.storage.key_source import KeyName, KeySource
from mcp_vacuum.storage.keys import Sources, choose_key_source, unlock

from .conftest import FakeKeyring
from .keyprints import prints

KEY = new_key()
ID = "0123456789abcdef"
NAME = KeyName(ID)


class TestNames:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("keyring", "keyring"),
            ("file", "file:/home/vault.key"),
            ("file:/other/key", "file:/other/key"),
            ("passphrase", "passphrase"),
            ("env", "env"),
            ("command:pass show x", "command:pass show x"),
        ],
    )
    def test_each_source_has_its_name(self, text: str, name: str) -> None:
        assert Sources(Path("/home")).named(text).name == name

    @pytest.mark.parametrize("text", ["passphrase:x", "keychain", "keyring:x", "env:X", "command:", ""])
    def test_others_are_usage_errors_that_list_what_there_is(self, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            Sources(Path("/home")).named(text)

        assert caught.value.hint == "one of: keyring, file[:PATH], passphrase, env, command:CMD"

    def test_the_header_does_not_name_the_place_of_the_default_file(self) -> None:
        sources = Sources(Path("/home"))

        assert sources.header_name(sources.named("file")) == "file"
        assert sources.header_name(sources.named("file:/home/vault.key")) == "file"
        assert sources.header_name(sources.named("file:/x")) == "file:/x"
        assert sources.header_name(sources.named("keyring")) == "keyring"


class TestChoice:
    def test_a_keyring_that_works_is_taken_in_silence(self, home: Path, fake_keyring: FakeKeyring) -> None:
        chosen = choose_key_source(Sources(home), ID)

        assert (chosen.source.name, chosen.notice) == ("keyring", None)
        assert chosen.new.key.decode() not in repr(chosen)
        assert not home.exists()

    def test_else_a_file_and_a_notice(self, home: Path) -> None:
        chosen = choose_key_source(Sources(home), ID)

        assert chosen.source.name == f"file:{home / 'vault.key'}"
        assert chosen.notice == (
            "no working keyring (only keyring.backends.fail is there);"
            f" the vault's key is in {home / 'vault.key'} (0600)"
        )

    def test_the_environments_choice_is_final(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "keyring")
        with pytest.raises(KeyUnavailable) as caught:
            choose_key_source(Sources(home), ID)

        assert caught.value.exit_status == 6
        assert not home.exists()

    @pytest.mark.parametrize("text", ["file", "file:{home}/other.key", "env", "command:{command}"])
    def test_each_source_can_be_named(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, text: str, fake_keyring: FakeKeyring
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY", KEY.decode())
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", text.format(home=home, command=prints(KEY.decode())))
        chosen = choose_key_source(Sources(home), ID)

        assert chosen.source.name.split(":")[0] == text.split(":")[0]
        assert chosen.notice is None
        assert chosen.source.read(NAME) == (chosen.new.key,)
        assert not fake_keyring.items


class TestUnlock:
    def header(self, source: KeySource, home: Path) -> dict[str, str]:
        key = source.create(NAME).key
        return {
            "vault_id": ID,
            "key_source": Sources(home).header_name(source),
            "key_check": check_value(key, ID),
        }

    def test_the_headers_source_is_used(self, home: Path) -> None:
        header = self.header(FileSource(home / "vault.key"), home)
        unlocked = unlock(header, Sources(home))

        assert unlocked.source.name == f"file:{home / 'vault.key'}"
        assert unlocked.cipher.key_id == header["key_check"][:16]

    @pytest.mark.parametrize("named", ["file", "file:{home}/vault.key", "file:{home}/../home/vault.key"])
    def test_the_environment_may_name_the_same_one(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, named: str
    ) -> None:
        header = self.header(FileSource(home / "vault.key"), home)
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", named.format(home=home))

        assert unlock(header, Sources(home)).source.name == f"file:{home / 'vault.key'}"

    @pytest.mark.parametrize("named", ["keyring", "env", "file:/other", "command:true"])
    def test_the_environment_may_not_name_another_one(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, named: str
    ) -> None:
        header = self.header(FileSource(home / "vault.key"), home)
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", named)
        with pytest.raises(KeyUnavailable, match=f"comes from file:.* names {named}") as caught:
            unlock(header, Sources(home))

        assert "unset MCP_VACUUM_KEY_SOURCE" in (caught.value.hint or "")

    def test_the_default_file_moves_with_its_home(self, home: Path) -> None:
        header = self.header(FileSource(home / "vault.key"), home)
        moved = home.rename(home.with_name("moved"))

        assert unlock(header, Sources(moved)).source.name == f"file:{moved / 'vault.key'}"

    def test_a_missing_key_is_said_and_none_is_made(self, home: Path) -> None:
        header = self.header(FileSource(home / "vault.key"), home)
        (home / "vault.key").unlink()
        with pytest.raises(KeyUnavailable, match="missing from file:") as caught:
            unlock(header, Sources(home))

        assert caught.value.hint == f"restore {home / 'vault.key'} from a backup"
        assert not list(home.iterdir())

    def test_another_key_is_never_called_damage(self, home: Path) -> None:
        header = self.header(FileSource(home / "vault.key"), home)
        (home / "vault.key").write_bytes(new_key())
        with pytest.raises(KeyUnavailable, match="is not the key of this vault; nothing was changed"):
            unlock(header, Sources(home))

    def test_a_header_with_gaps_is_an_error(self, home: Path) -> None:
        with pytest.raises(StorageError, match="lacks key_check, key_source"):
            unlock({"vault_id": ID}, Sources(home))

    def test_of_several_keys_the_headers_check_value_tells_which(self, home: Path) -> None:
        source = FileSource(home / "vault.key")
        header = self.header(source, home)
        source._add(new_key())

        assert unlock(header, Sources(home)).cipher.opens(header["key_check"][:16])

from __future__ import annotations

import base64
import os
import shlex
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import keyring
import pytest
from keyring.backends import chainer, fail, null
from keyring.errors import KeyringLocked

from mcp_vacuum.errors import KeyUnavailable, StorageError, UsageError
from mcp_vacuum.storage.envelope import Cipher, new_key
from mcp_vacuum.storage.keys import (
    CommandSource,
    EnvSource,
    FileSource,
    KeyringSource,
    KeySource,
    checked_key,
    choose_key_source,
    header_name,
    source_named,
    unlock,
)

from .conftest import FakeKeyring

KEY = new_key()
ID = "0123456789abcdef"


def prints(text: str, *, status: int = 0, complaint: str = "") -> str:
    """Return a command that prints `text` and ends with `status`."""
    code = f"import sys; print({text!r}); print({complaint!r}, file=sys.stderr); sys.exit({status})"
    return shlex.join([sys.executable, "-c", code])


class TestKeyring:
    def test_the_item_is_named_by_the_vault(self, fake_keyring: FakeKeyring) -> None:
        key = KeyringSource("my-service").create(ID)

        assert fake_keyring.items == {("my-service", f"vault:{ID}"): key.decode()}
        assert KeyringSource("my-service").read(ID) == key
        assert len(base64.urlsafe_b64decode(key)) == 32

    def test_no_item_is_none(self, fake_keyring: FakeKeyring) -> None:
        assert KeyringSource().read(ID) is None

    def test_an_item_that_is_no_key_is_said_and_not_shown(self, fake_keyring: FakeKeyring) -> None:
        fake_keyring.items["mcp-vacuum", f"vault:{ID}"] = "hunter2"
        with pytest.raises(KeyUnavailable) as caught:
            KeyringSource().read(ID)

        assert "hunter2" not in caught.value.message

    @pytest.mark.parametrize(
        ("trouble", "cause"),
        [
            (KeyringLocked("Failed to unlock the collection!"), "it is locked"),
            (RuntimeError("no such\n  bus"), "no such bus"),
            (ImportError("x"), "the package keyring is not installed"),
            (OSError(), "OSError"),
        ],
    )
    def test_trouble_is_an_error_with_its_cause(
        self, fake_keyring: FakeKeyring, trouble: Exception, cause: str
    ) -> None:
        fake_keyring.trouble = trouble
        for ask in (KeyringSource().read, KeyringSource().create):
            with pytest.raises(KeyUnavailable) as caught:
                ask(ID)

            assert caught.value.message == f"no working keyring ({cause})"
            assert caught.value.hint

    def test_one_that_hangs_is_left_behind_within_its_deadline(self, fake_keyring: FakeKeyring) -> None:
        never = threading.Event()
        fake_keyring.before = never.wait
        began = time.monotonic()
        with pytest.raises(KeyUnavailable, match="did not answer within 2 s"):
            KeyringSource().read(ID)
        never.set()

        assert 1.9 < time.monotonic() - began < 2.5

    def test_one_that_hangs_does_not_keep_the_process_alive(self, home: Path) -> None:
        code = (
            "import keyring, time\n"
            "from keyring.backend import KeyringBackend\n"
            "class Hangs(KeyringBackend):\n"
            "    priority = 1\n"
            "    def get_password(self, *a): time.sleep(60)\n"
            "    set_password = get_password\n"
            "keyring.set_keyring(Hangs())\n"
            "from mcp_vacuum.storage.credentials import open_store\n"
            f"print(open_store(__import__('pathlib').Path({str(home)!r})).notice)\n"
        )
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
            capture_output=True,
            text=True,
            check=True,
        )

        assert "did not answer within 2 s" in done.stdout
        assert time.monotonic() - began < 5

    def test_plain_text_and_empty_backends_do_not_count(self) -> None:
        class Plain(FakeKeyring):
            pass

        Plain.__module__ = "keyrings.alt.file"
        for backend in (fail.Keyring(), null.Keyring(), Plain()):  # type: ignore[no-untyped-call]
            keyring.set_keyring(backend)
            with pytest.raises(KeyUnavailable, match=r"no working keyring \(only keyring.* is there\)"):
                KeyringSource().create(ID)

    def test_in_a_chain_the_first_fit_one_keeps_and_any_gives(self) -> None:
        class Plain(FakeKeyring):
            pass

        plain, first, second = Plain(), FakeKeyring(), FakeKeyring()

        class Chain(chainer.ChainerBackend):
            backends = [plain, first, second]

        Plain.__module__ = "keyrings.alt.file"
        keyring.set_keyring(Chain())  # type: ignore[no-untyped-call]
        key = KeyringSource().create(ID)
        assert [bool(each.items) for each in (plain, first, second)] == [False, True, False]

        first.items, second.items = {}, first.items
        first.trouble = KeyringLocked()
        assert KeyringSource().read(ID) == key
        second.items = {}
        with pytest.raises(KeyUnavailable, match="locked"):
            KeyringSource().read(ID)

    def test_one_that_forgets_at_once_does_not_work(self) -> None:
        class Forgets(FakeKeyring):
            def get_password(self, service: str, username: str) -> str | None:
                return None

        keyring.set_keyring(forgets := Forgets())
        with pytest.raises(KeyUnavailable, match="did not give back"):
            KeyringSource().create(ID)
        assert not forgets.items


class TestFile:
    def test_it_is_made_private_and_says_what_it_is(self, home: Path) -> None:
        key = FileSource(home / "vault.key").create(ID)
        text = (home / "vault.key").read_text()

        assert stat.S_IMODE((home / "vault.key").stat().st_mode) == 0o600
        assert text.splitlines()[0].startswith("# The key of an mcp-vacuum vault")
        assert text.splitlines()[1:] == [key.decode()]
        assert FileSource(home / "vault.key").read(ID) == key

    def test_a_key_that_is_there_is_used_and_not_changed(self, home: Path) -> None:
        key = FileSource(home / "vault.key").create(ID)

        assert FileSource(home / "vault.key").create("another vault") == key

    @pytest.mark.parametrize("content", [b"", b"# only a comment\n", b"nonsense\n", b"\xff" * 44, KEY + KEY])
    def test_what_is_no_key_is_neither_used_nor_changed(self, home: Path, content: bytes) -> None:
        home.mkdir(mode=0o700)
        (home / "vault.key").write_bytes(content)
        (home / "vault.key").chmod(0o600)
        for ask in (FileSource(home / "vault.key").read, FileSource(home / "vault.key").create):
            with pytest.raises(KeyUnavailable, match="not a key"):
                ask(ID)

        assert (home / "vault.key").read_bytes() == content

    def test_no_file_is_none(self, home: Path) -> None:
        assert FileSource(home / "vault.key").read(ID) is None
        assert not home.exists()

    def test_one_that_others_may_read_is_refused(self, home: Path) -> None:
        source = FileSource(home / "vault.key")
        source.create(ID)
        source.path.chmod(0o644)
        with pytest.raises(KeyUnavailable, match="open to others") as caught:
            source.read(ID)

        assert caught.value.hint == f"chmod 600 {source.path}"

    def test_one_that_cannot_be_written_is_said(self, home: Path) -> None:
        home.write_text("a file where the directory should be")
        with pytest.raises(KeyUnavailable, match="the key file"):
            FileSource(home / "vault.key").create(ID)


class TestEnvironment:
    def test_the_variable_is_read_once_and_removed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY", KEY.decode())

        assert EnvSource().create(ID) == KEY
        assert "MCP_VACUUM_KEY" not in os.environ
        assert EnvSource().read(ID) == KEY

    def test_one_that_is_not_set_is_none_for_a_reader(self) -> None:
        assert EnvSource().read(ID) is None
        with pytest.raises(KeyUnavailable, match="MCP_VACUUM_KEY is not set") as caught:
            EnvSource().create(ID)

        assert "urlsafe_b64encode(os.urandom(32))" in (caught.value.hint or "")

    def test_the_hint_makes_a_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(KeyUnavailable) as caught:
            EnvSource().create(ID)
        words = shlex.split((caught.value.hint or "").rpartition("  ")[0])
        made = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=True)

        assert Cipher(checked_key(made.stdout, "it"))

    @pytest.mark.parametrize("text", ["short", KEY.decode()[:-2], KEY.decode() + "AAAA", "Ü" * 44, "=" * 44])
    def test_what_is_no_key_is_not_shown(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY", text)
        with pytest.raises(KeyUnavailable, match="MCP_VACUUM_KEY is not a key") as caught:
            EnvSource().read(ID)

        assert text not in caught.value.message + (caught.value.hint or "")


class TestCommand:
    def test_its_output_is_the_key(self) -> None:
        assert CommandSource(prints(KEY.decode())).read(ID) == KEY
        assert CommandSource(prints(KEY.decode())).create(ID) == KEY

    def test_no_shell_is_in_between(self, tmp_path: Path) -> None:
        with pytest.raises(KeyUnavailable):
            CommandSource(f"echo $(touch {tmp_path}/x); touch {tmp_path}/y").read(ID)

        assert not list(tmp_path.iterdir())

    def test_a_failure_is_told_in_its_own_words_without_what_may_be_a_key(self) -> None:
        command = prints("", status=3, complaint=f"first\nno item {KEY.decode()}\n")
        with pytest.raises(KeyUnavailable, match=r"failed with status 3: no item \*\*\*$"):
            CommandSource(command).read(ID)

    def test_one_that_does_not_end_is_ended(self) -> None:
        began = time.monotonic()
        with pytest.raises(KeyUnavailable, match=r"did not end within 0\.3 s"):
            CommandSource("sh -c 'sleep 20; true'", deadline=0.3).read(ID)

        assert time.monotonic() - began < 2

    def test_one_that_is_missing_is_said(self) -> None:
        with pytest.raises(KeyUnavailable, match="cannot be started: No such file"):
            CommandSource("/no/such/command").read(ID)

    def test_output_that_is_no_key_is_not_shown(self) -> None:
        with pytest.raises(KeyUnavailable, match="not a key") as caught:
            CommandSource(prints("hunter2")).read(ID)

        assert "hunter2" not in caught.value.message

    @pytest.mark.parametrize("command", ["'open quote", "  "])
    def test_nonsense_is_a_usage_error(self, command: str) -> None:
        with pytest.raises(UsageError):
            CommandSource(command)

    def test_it_reads_nothing_of_ours_and_inherits_no_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY", KEY.decode())
        code = "import os, sys; sys.exit(5 if os.environ.get('MCP_VACUUM_KEY') or sys.stdin.read() else 6)"
        with pytest.raises(KeyUnavailable, match="status 6"):
            CommandSource(shlex.join([sys.executable, "-c", code])).read(ID)


class TestNames:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("keyring", "keyring"),
            ("file", "file:/home/vault.key"),
            ("file:/other/key", "file:/other/key"),
            ("env", "env"),
            ("command:pass show x", "command:pass show x"),
        ],
    )
    def test_each_source_has_its_name(self, text: str, name: str) -> None:
        assert source_named(text, Path("/home")).name == name

    @pytest.mark.parametrize("text", ["passphrase", "keychain", "keyring:x", "env:X", "command:", "", "FILE"])
    def test_others_are_usage_errors_that_list_what_there_is(self, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            source_named(text, Path("/home"))

        assert caught.value.hint == "one of: keyring, file[:PATH], env, command:CMD"
        assert ("later version" in caught.value.message) == (text == "passphrase")

    def test_the_header_does_not_name_the_place_of_the_default_file(self) -> None:
        home = Path("/home")

        assert header_name(source_named("file", home), home) == "file"
        assert header_name(source_named("file:/home/vault.key", home), home) == "file"
        assert header_name(source_named("file:/x", home), home) == "file:/x"
        assert header_name(source_named("keyring", home), home) == "keyring"


class TestChoice:
    def test_a_keyring_that_works_is_taken_in_silence(self, home: Path, fake_keyring: FakeKeyring) -> None:
        chosen = choose_key_source(home, ID)

        assert (chosen.source.name, chosen.notice) == ("keyring", None)
        assert chosen.key.decode() not in repr(chosen)
        assert not home.exists()

    def test_else_a_file_and_a_notice(self, home: Path) -> None:
        chosen = choose_key_source(home, ID)

        assert chosen.source.name == f"file:{home / 'vault.key'}"
        assert chosen.notice == (
            "no working keyring (only keyring.backends.fail is there);"
            f" the vault's key is in {home / 'vault.key'} (0600)"
        )

    def test_the_environments_choice_is_final(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "keyring")
        with pytest.raises(KeyUnavailable) as caught:
            choose_key_source(home, ID)

        assert caught.value.exit_status == 6
        assert not home.exists()

    @pytest.mark.parametrize("text", ["file", "file:{home}/other.key", "env", "command:{command}"])
    def test_each_source_can_be_named(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, text: str, fake_keyring: FakeKeyring
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY", KEY.decode())
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", text.format(home=home, command=prints(KEY.decode())))
        chosen = choose_key_source(home, ID)

        assert chosen.source.name.split(":")[0] == text.split(":")[0]
        assert chosen.notice is None
        assert chosen.source.read(ID) == chosen.key
        assert not fake_keyring.items


class TestUnlock:
    def header(self, source: KeySource, home: Path) -> dict[str, str]:
        key = source.create(ID)
        return {
            "vault_id": ID,
            "key_source": header_name(source, home),
            "key_check": Cipher(key).check_value(ID),
        }

    def test_the_headers_source_is_used(self, home: Path) -> None:
        source, cipher = unlock(self.header(FileSource(home / "vault.key"), home), home)

        assert source.name == f"file:{home / 'vault.key'}"
        assert cipher.check_value(ID)

    @pytest.mark.parametrize("named", ["file", "file:{home}/vault.key", "file:{home}/../home/vault.key"])
    def test_the_environment_may_name_the_same_one(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, named: str
    ) -> None:
        header = self.header(FileSource(home / "vault.key"), home)
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", named.format(home=home))

        assert unlock(header, home)[0].name == f"file:{home / 'vault.key'}"

    @pytest.mark.parametrize("named", ["keyring", "env", "file:/other", "command:true"])
    def test_the_environment_may_not_name_another_one(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, named: str
    ) -> None:
        header = self.header(FileSource(home / "vault.key"), home)
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", named)
        with pytest.raises(KeyUnavailable, match=f"comes from file:.* names {named}") as caught:
            unlock(header, home)

        assert "unset MCP_VACUUM_KEY_SOURCE" in (caught.value.hint or "")

    def test_the_default_file_moves_with_its_home(self, home: Path) -> None:
        header = self.header(FileSource(home / "vault.key"), home)
        moved = home.rename(home.with_name("moved"))

        assert unlock(header, moved)[0].name == f"file:{moved / 'vault.key'}"

    def test_a_missing_key_is_said_and_none_is_made(self, home: Path) -> None:
        header = self.header(FileSource(home / "vault.key"), home)
        (home / "vault.key").unlink()
        with pytest.raises(KeyUnavailable, match="missing from file:") as caught:
            unlock(header, home)

        assert caught.value.hint == f"restore {home / 'vault.key'} from a backup"
        assert not list(home.iterdir())

    def test_another_key_is_never_called_damage(self, home: Path) -> None:
        header = self.header(FileSource(home / "vault.key"), home)
        (home / "vault.key").write_bytes(new_key())
        with pytest.raises(KeyUnavailable, match="is not the key of this vault; nothing was changed"):
            unlock(header, home)

    def test_a_header_with_gaps_is_an_error(self, home: Path) -> None:
        with pytest.raises(StorageError, match="lacks key_check, key_source"):
            unlock({"vault_id": ID}, home)

from __future__ import annotations

import base64
import stat
import threading
from pathlib import Path

import pytest

from mcp_vacuum.errors import KeyUnavailable
from mcp_vacuum.storage.cipher import new_key
from mcp_vacuum.storage.file_source import FileSource
from mcp_vacuum.storage.key_source import KeyName

KEY = base64.urlsafe_b64encode(bytes(range(100, 132)))  # always the same: it names tests
ID = "0123456789abcdef"
NAME = KeyName(ID)


class TestFile:
    def test_it_is_made_private_and_says_what_it_is(self, home: Path) -> None:
        key = FileSource(home / "vault.key").create(NAME).key
        text = (home / "vault.key").read_text()

        assert stat.S_IMODE((home / "vault.key").stat().st_mode) == 0o600
        assert text.splitlines()[0].startswith("# The key of an mcp-vacuum vault")
        assert text.splitlines()[1:] == [key.decode()]
        assert FileSource(home / "vault.key").read(NAME) == (key,)

    def test_a_key_that_is_there_is_used_and_not_changed(self, home: Path) -> None:
        key = FileSource(home / "vault.key").create(NAME)

        assert FileSource(home / "vault.key").create(KeyName("another vault")) == key

    @pytest.mark.parametrize("content", [b"", b"# only a comment\n", b"nonsense\n", b"\xff" * 44, KEY + KEY])
    def test_what_is_no_key_is_neither_used_nor_changed(self, home: Path, content: bytes) -> None:
        home.mkdir(mode=0o700)
        (home / "vault.key").write_bytes(content)
        (home / "vault.key").chmod(0o600)
        for ask in (FileSource(home / "vault.key").read, FileSource(home / "vault.key").create):
            with pytest.raises(KeyUnavailable, match="not a key"):
                ask(NAME)

        assert (home / "vault.key").read_bytes() == content

    def test_no_file_is_none(self, home: Path) -> None:
        assert FileSource(home / "vault.key").read(NAME) == ()
        assert not home.exists()

    def test_one_that_others_may_read_is_refused(self, home: Path) -> None:
        source = FileSource(home / "vault.key")
        source.create(NAME)
        source.path.chmod(0o644)
        with pytest.raises(KeyUnavailable, match="open to others") as caught:
            source.read(NAME)

        assert caught.value.hint == f"chmod 600 {source.path}"

    def test_one_that_cannot_be_written_is_said(self, home: Path) -> None:
        home.write_text("a file where the directory should be")
        with pytest.raises(KeyUnavailable, match="the key file"):
            FileSource(home / "vault.key").create(NAME)


class TestChange:
    """What a rotation does to a key file."""

    def source(self, home: Path) -> tuple[FileSource, bytes]:
        source = FileSource(home / "vault.key")
        return source, source.create(NAME).key

    def test_the_new_key_stands_above_the_present_one(self, home: Path) -> None:
        source, present = self.source(home)
        new = source.create(KeyName(ID, 2), present).key

        assert source.read(NAME) == (new, present)
        assert stat.S_IMODE(source.path.stat().st_mode) == 0o600

    def test_asked_again_after_an_interruption_it_gives_the_same_one(self, home: Path) -> None:
        source, present = self.source(home)
        new = source.create(KeyName(ID, 2), present)

        assert source.create(KeyName(ID, 2), present) == new
        assert source.read(NAME) == (new.key, present)

    def test_a_key_that_its_owner_put_there_is_the_new_one(self, home: Path) -> None:
        source, present = self.source(home)
        source.path.write_bytes(KEY + b"\n" + present + b"\n")
        before = source.path.read_bytes()

        assert source.create(KeyName(ID, 2), present).key == KEY
        assert source.path.read_bytes() == before

    def test_a_forgotten_key_is_taken_out_and_the_others_stay(self, home: Path) -> None:
        source, present = self.source(home)
        new = source.create(KeyName(ID, 2), present).key
        assert source.forget(NAME, present)
        assert source.read(NAME) == (new,)
        assert source.forget(NAME, present)
        assert source.read(NAME) == (new,)
        assert source.forget(KeyName(ID, 2), new)

        assert not source.path.exists()

    def test_a_key_is_found_by_its_line(self, home: Path) -> None:
        source, present = self.source(home)
        new = source.create(KeyName(ID, 2), present).key

        assert [source.line_of(key) for key in (new, present, new_key())] == [2, 3, None]

    def test_of_many_that_add_a_key_nobody_loses_one(self, home: Path) -> None:
        source, present = self.source(home)
        threads = [threading.Thread(target=lambda: source._add(new_key())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(set(source.read(NAME))) == 9
        assert source.read(NAME)[-1] == present

    def test_a_file_that_cannot_be_changed_is_said_and_stays(self, home: Path) -> None:
        source, present = self.source(home)
        (home / "vault.key.lock").mkdir()
        with pytest.raises(KeyUnavailable, match="the key file"):
            source.create(KeyName(ID, 2), present)

        assert source.read(NAME) == (present,)

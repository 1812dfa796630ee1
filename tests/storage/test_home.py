from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mcp_vacuum.errors import StorageError
from mcp_vacuum.storage.home import (
    move_aside,
    private_directory,
    read_private_file,
    state_home,
    write_private_file,
)

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestStateHome:
    def test_the_environment_names_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "state"))

        assert state_home() == tmp_path / "state"
        assert not state_home().exists()

    def test_a_tilde_and_a_relative_path_become_absolute(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("MCP_VACUUM_HOME", "~/state")
        assert state_home() == tmp_path / "state"
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MCP_VACUUM_HOME", "state")
        assert state_home() == tmp_path / "state"

    def test_one_that_leads_nowhere_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("MCP_VACUUM_HOME", "~no-such-user/state")
        with pytest.raises(StorageError, match="MCP_VACUUM_HOME=~no-such-user/state leads nowhere"):
            state_home()

        def gone() -> str:
            raise FileNotFoundError(2, "No such file or directory")

        monkeypatch.setattr(os, "getcwd", gone)
        monkeypatch.setenv("MCP_VACUUM_HOME", "state")
        with pytest.raises(StorageError, match="leads nowhere: No such file or directory"):
            state_home()

    def test_else_it_is_the_users_data_directory(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        monkeypatch.setenv("MCP_VACUUM_HOME", "")

        assert state_home().name == "mcp-vacuum"


class TestPrivateDirectory:
    def test_a_missing_one_is_made_with_its_parents_for_the_owner_alone(self, tmp_path: Path) -> None:
        old = os.umask(0)
        try:
            private_directory(tmp_path / "a" / "b")
        finally:
            os.umask(old)

        assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)

    def test_one_that_others_may_read_is_used_as_it_is(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o755)

        assert private_directory(tmp_path) == tmp_path
        assert mode(tmp_path) == 0o755

    @pytest.mark.parametrize("bits", [0o770, 0o702, 0o1777])
    def test_one_that_others_may_write_is_refused_with_the_command_to_type(
        self, tmp_path: Path, bits: int
    ) -> None:
        tmp_path.chmod(bits)
        with pytest.raises(StorageError, match="writable by others") as caught:
            private_directory(tmp_path)

        assert caught.value.hint == f"chmod 700 {tmp_path}"
        assert caught.value.exit_status == 6

    def test_another_users_is_refused(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        mine = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
        with pytest.raises(StorageError, match="belongs to another user"):
            private_directory(tmp_path)

    @as_root
    def test_a_link_to_another_users_directory_is_refused(self, tmp_path: Path) -> None:
        foreign = tmp_path / "foreign"
        foreign.mkdir(mode=0o700)
        os.chown(foreign, NOBODY, NOBODY)
        (tmp_path / "link").symlink_to(foreign)
        with pytest.raises(StorageError, match="belongs to another user"):
            private_directory(tmp_path / "link")

    def test_a_link_to_our_own_directory_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir(mode=0o700)
        (tmp_path / "link").symlink_to(tmp_path / "real")

        assert private_directory(tmp_path / "link") == tmp_path / "link"

    def test_a_file_or_a_dangling_link_in_its_place_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        for name in ("file", "link", "file/below"):
            with pytest.raises(StorageError):
                private_directory(tmp_path / name)
        assert not (tmp_path / "nowhere").exists()


class TestPrivateFile:
    def test_it_is_written_once_and_never_replaced(self, tmp_path: Path) -> None:
        write_private_file(tmp_path / "f", b"first")
        write_private_file(tmp_path / "f", b"second")

        assert read_private_file(tmp_path / "f") == b"first"
        assert mode(tmp_path / "f") == 0o600
        assert [each.name for each in tmp_path.iterdir()] == ["f"]

    def test_a_file_system_without_hard_links_will_do(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError("no links here")

        monkeypatch.setattr(os, "link", refuse)
        write_private_file(tmp_path / "f", b"first")
        write_private_file(tmp_path / "f", b"second")

        assert read_private_file(tmp_path / "f") == b"first"

    def test_a_link_in_its_place_is_not_written_through(self, tmp_path: Path) -> None:
        (tmp_path / "f").symlink_to(tmp_path / "victim")
        write_private_file(tmp_path / "f", b"x")

        assert not (tmp_path / "victim").exists()

    @pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o660])
    def test_one_that_is_open_to_others_is_not_read(self, tmp_path: Path, bits: int) -> None:
        write_private_file(tmp_path / "f", b"x")
        (tmp_path / "f").chmod(bits)
        with pytest.raises(StorageError, match="open to others") as caught:
            read_private_file(tmp_path / "f")

        assert caught.value.hint == f"chmod 600 {tmp_path / 'f'}"

    @as_root
    def test_another_users_is_not_read(self, tmp_path: Path) -> None:
        write_private_file(tmp_path / "f", b"x")
        os.chown(tmp_path / "f", NOBODY, NOBODY)
        with pytest.raises(StorageError, match=f"uid {NOBODY}"):
            read_private_file(tmp_path / "f")

    @pytest.mark.parametrize(("bits", "good"), [(0o440, True), (0o444, False), (0o460, False)])
    @as_root
    def test_roots_file_is_read_through_our_group(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bits: int, good: bool
    ) -> None:
        (tmp_path / "f").write_bytes(b"x")
        (tmp_path / "f").chmod(bits)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        if good:
            assert read_private_file(tmp_path / "f") == b"x"
        else:
            with pytest.raises(StorageError, match="open to others"):
                read_private_file(tmp_path / "f")

    def test_a_pipe_is_refused_and_does_not_hang(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "f", 0o600)
        with pytest.raises(StorageError, match="not a regular file"):
            read_private_file(tmp_path / "f")

    def test_a_directory_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError):
            read_private_file(tmp_path)

    def test_absent_is_an_answer_of_its_own(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            read_private_file(tmp_path / "f")


class TestMoveAside:
    def test_companions_go_along_and_nothing_is_overwritten(self, tmp_path: Path) -> None:
        places = set()
        for content in ("one", "two"):
            (tmp_path / "v").write_text(content)
            (tmp_path / "v-wal").write_text(content + " wal")
            places.add(move_aside(tmp_path / "v", "corrupt", ("-wal", "-shm")))

        assert {place.read_text() for place in places} == {"one", "two"}
        assert {place.with_name(place.name + "-wal").read_text() for place in places} == {
            "one wal",
            "two wal",
        }
        assert len(list(tmp_path.iterdir())) == 4

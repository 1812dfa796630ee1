"""The state directory: where it is, and who else may look into it or change it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcp_vacuum.doctor.finding import Finding
from mcp_vacuum.doctor.place import Place, check_home, check_permissions, check_place, look_at_place
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.entries import Entry

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes and owners are POSIX")


def permissions() -> Finding:
    return check_permissions(look_at_place())


class TestHome:
    def test_before_the_first_login(self, home: Path) -> None:
        facts = look_at_place()

        assert [found.verdict for found in check_place(facts)] == ["ok", "skipped"]
        assert "from MCP_VACUUM_HOME" in check_home(facts).what
        assert not home.exists()

    def test_the_default(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("MCP_VACUUM_HOME")
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        monkeypatch.setenv("HOME", str(tmp_path))

        assert "the user's data directory" in check_home(look_at_place()).what

    def test_a_file_in_its_place(self, home: Path) -> None:
        home.write_text("")

        found = check_home(look_at_place())
        assert (found.verdict, found.exit_status) == ("fail", 6)
        assert "no directory" in found.what
        assert permissions().verdict == "skipped"

    def test_one_that_cannot_be_made_below_a_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "file" / "home"))
        found = check_home(look_at_place())

        assert (found.verdict, found.exit_status) == ("fail", 6)
        assert found.what.endswith(f"cannot be made: {tmp_path / 'file'} is no directory")

    def test_nor_where_a_link_leads_nowhere(self, home: Path) -> None:
        home.symlink_to("nowhere")

        assert check_home(look_at_place()).what.endswith(f"cannot be made: {home} is no directory")

    @POSIX
    def test_nor_below_a_directory_that_is_not_ours_to_write_in(
        self, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Root may write everywhere, so the system's answer is a stand-in."""
        asked: list[tuple[Path, int]] = []

        def refuse(path: Path, mode: int, **_: bool) -> bool:
            asked.append((path, mode))
            return False

        monkeypatch.setattr(os, "access", refuse)
        found = check_home(look_at_place())

        assert asked == [(tmp_path, os.W_OK | os.X_OK)]
        assert (found.verdict, found.exit_status) == ("fail", 6)
        assert found.what == f"{home} cannot be made: {tmp_path} is not writable"

    def test_what_cannot_be_read(self) -> None:
        found = check_home(Place(Path("/x"), named=True, trouble="permission denied"))

        assert (found.verdict, "permission denied" in found.what) == ("fail", True)


@POSIX
class TestPermissions:
    def test_as_we_make_them(self, store: CredentialStore) -> None:
        assert permissions().verdict == "ok"

    def test_a_directory_that_others_may_write(self, store: CredentialStore, home: Path) -> None:
        home.chmod(0o777)
        found = permissions()

        assert (found.verdict, found.exit_status, found.fix) == ("fail", 6, f"chmod 700 {home}")

    def test_a_directory_that_others_may_list(self, store: CredentialStore, home: Path) -> None:
        home.chmod(0o755)

        assert (permissions().verdict, permissions().fix) == ("warn", f"chmod 700 {home}")

    def test_a_key_that_others_may_read(self, store: CredentialStore, home: Path) -> None:
        (home / "vault.key").chmod(0o640)
        found = permissions()

        assert (found.verdict, found.fix) == ("fail", f"chmod 600 {home / 'vault.key'}")

    def test_a_file_that_others_may_read(self, store: CredentialStore, home: Path) -> None:
        (home / "vault.db").chmod(0o644)

        assert permissions().verdict == "warn"
        assert "vault.db is open to others (mode 0644)" in permissions().what

    def test_a_symbolic_link(self, store: CredentialStore, home: Path, tmp_path: Path) -> None:
        (home / "vault.db").rename(tmp_path / "elsewhere.db")
        (home / "vault.db").symlink_to(tmp_path / "elsewhere.db")

        assert permissions().verdict == "warn"
        assert "symbolic link" in permissions().what

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a file away")
    def test_a_file_of_another_user(self, store: CredentialStore, home: Path) -> None:
        os.chown(home / "vault.db", 12345, 12345)
        found = permissions()

        assert (found.verdict, found.exit_status) == ("fail", 6)
        assert "belongs to another user" in found.what

    def test_several_are_counted(self, home: Path) -> None:
        entries = tuple(Entry(f"{home}/{name}", 0o100644, mine=False) for name in "abc")

        assert check_permissions(Place(home, True, Entry(str(home), 0o040700, True), entries)).what == (
            f"{home}/a belongs to another user, and 2 more"
        )

"""Files, looked at within bounds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcp_vacuum.audit.evidence.store_files import MOST_FILES, Files

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes and owners are POSIX")


@pytest.fixture
def person(tmp_path: Path) -> Path:
    home = tmp_path / "person"
    home.mkdir(mode=0o755)
    return home


def test_paths_are_shown_as_their_owner_writes_them(person: Path) -> None:
    files = Files(person)

    assert files.shown(person / "a" / "b") == "~/a/b"
    assert files.shown(person) == "~"
    assert files.shown(person.parent / "x") == str(person.parent / "x")


def test_a_file_is_read(person: Path) -> None:
    (person / "file").write_text("content")
    files = Files(person)

    assert files.read(person / "file") == b"content"
    assert files.read(person / "nothing") is None
    assert files.unseen == []


def test_a_link_out_of_the_home_is_not_followed(person: Path) -> None:
    (person.parent / "outside").write_text("secret")
    (person / "link").symlink_to(person.parent / "outside")
    (person / "inside").write_text("mine")
    (person / "good").symlink_to(person / "inside")
    files = Files(person)

    assert files.read(person / "link") is None
    assert files.unseen == ["~/link is behind a symbolic link that leads out of the home"]
    assert files.read(person / "good") == b"mine"


def test_a_directory_that_leads_out_of_the_home_is_not_followed_either(person: Path) -> None:
    (person.parent / "outside").mkdir()
    (person.parent / "outside" / "file").write_text("x")
    (person / "link").symlink_to(person.parent / "outside")
    files = Files(person)

    assert files.read(person / "link" / "file") is None
    files.allow(person.parent / "outside")
    assert files.read(person / "link" / "file") == b"x"


def test_what_is_too_large_is_said_or_its_end_is_read(person: Path) -> None:
    (person / "file").write_bytes(b"a" * 4096 + b"end")
    files = Files(person)

    assert files.read(person / "file", most=1024) is None
    assert files.unseen == ["~/file is larger than 1 KiB"]
    assert (files.read(person / "file", most=1024, newest=True) or b"").endswith(b"aend")


@POSIX
def test_a_pipe_does_not_hang_it(person: Path) -> None:
    os.mkfifo(person / "pipe")

    assert Files(person).read(person / "pipe") is None


def test_what_may_not_be_read_is_said(person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (person / "file").write_text("x")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mcp_vacuum.audit.evidence.store_files.os.open", refuse)
    files = Files(person)

    assert files.read(person / "file") is None
    assert files.unseen == ["~/file cannot be read: permission denied"]


def test_only_so_many_files_are_opened(person: Path) -> None:
    (person / "file").write_text("x")
    files = Files(person)
    read = [files.read(person / "file") for _ in range(MOST_FILES + 1)]

    assert read[-2:] == [b"x", None]
    assert f"{MOST_FILES} files were read already" in files.unseen[0]


@POSIX
@pytest.mark.parametrize(
    ("mode", "above", "exposed"),
    [
        (0o600, 0o755, False),
        (0o644, 0o755, True),
        (0o644, 0o700, False),
        (0o640, 0o750, True),
        (0o640, 0o705, False),
        (0o604, 0o705, True),
    ],
)
def test_others_need_a_way_to_the_file(person: Path, mode: int, above: int, exposed: bool) -> None:
    (person / "dir").mkdir()
    (person / "dir" / "file").write_text("x")
    (person / "dir" / "file").chmod(mode)
    (person / "dir").chmod(above)
    found = Files(person).look(person / "dir" / "file")

    assert found is not None
    assert (found.exposed, found.mode) == (exposed, mode)


def test_a_pattern_names_files(person: Path) -> None:
    (person / "a").mkdir()
    (person / "a" / "x.json").write_text("")

    assert [each.name for each in Files(person).named(person, "*/*.json")] == ["x.json"]
    assert list(Files(person).named(person / "nothing", "*")) == []

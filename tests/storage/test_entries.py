"""What lies in a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum.storage.entries import entries, entry


def test_a_link_is_seen_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "deep")

    found = {Path(each.path).name: each for each in entries(tmp_path, 3)}
    assert sorted(found) == ["deep", "file", "link"]
    assert found["link"].is_link
    assert not found["link"].open_to_others
    assert found["deep"].is_directory


def test_no_deeper_than_asked(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)

    assert [Path(each.path).name for each in entries(tmp_path, 2)] == ["a", "b"]


@pytest.mark.parametrize(
    ("mode", "open_to_others"), [(0o600, False), (0o640, True), (0o604, True), (0o700, False)]
)
def test_who_may_open_it(tmp_path: Path, mode: int, open_to_others: bool) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    file.chmod(mode)

    assert entry(file).open_to_others is open_to_others
    assert entry(file).mine


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        entry(tmp_path / "nothing")

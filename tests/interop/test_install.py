"""What is committed of the npm packages says what they are, not where they came from."""

import json
from pathlib import Path

import pytest

from . import install


@pytest.mark.parametrize(
    "folder",
    [install.SERVERS, install.SERVERS / "better-auth", install.SERVERS / "mcp-remote"],
    ids=lambda each: each.name,
)
def test_the_lock_names_no_registry(folder: Path) -> None:
    lock, settings = (folder / "package-lock.json").read_text(), (folder / ".npmrc").read_text()
    installed = {name: package for name, package in json.loads(lock)["packages"].items() if name}

    assert "resolved" not in lock
    assert all("integrity" in package for package in installed.values())
    assert "omit-lockfile-registry-resolved=true" in settings.splitlines()
    assert "//" not in settings

"""`mcp-vacuum demo`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from .conftest import CommandLine


def test_the_story_is_told_checked_and_leaves_nothing(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    done = cli.ok("demo", "--json")

    assert set(done.json) == {"steps", "seconds"}
    assert len(done.json["steps"]) >= 10
    assert list(scratch.iterdir()) == []
    assert not cli.home.exists()
    assert os.environ["MCP_VACUUM_KEY_SOURCE"] == "file"

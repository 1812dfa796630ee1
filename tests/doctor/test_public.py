"""What may be shown in public."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum.doctor.public import Public, for_this_user, public_url
from mcp_vacuum.safety.secret import Secret

PUBLIC = Public(homes=("/home/ada",), user="ada", secrets=(Secret("rt-canary"),))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ada/.local/x is bad", "~/.local/x is bad"),
        ("chmod 700 /home/ada", "chmod 700 ~"),
        ("/home/adalbert/x", "/home/adalbert/x"),
        ("/mnt/ada/vault.db", "/mnt/***/vault.db"),
        ("/mnt/ada-backup/vault.db", "/mnt/ada-backup/vault.db"),
        ("https://mcp.example/ada", "https://mcp.example/ada"),
        ("sent rt-canary there", "sent *** there"),
        ("https://ada:pass@proxy.example:3128 is used", "https://proxy.example:3128 is used"),
        ("at https://mcp.example/mcp?key=canary, then", "at https://mcp.example/mcp?…, then"),
        ("the login of ada@example.com", "the login of ***@example.com"),
        ("comes from command:pass show canary", "comes from command:pass …"),
        ("two\nlines\x1b[31m", "two\N{REPLACEMENT CHARACTER}lines\N{REPLACEMENT CHARACTER}[31m"),
    ],
)
def test_what_is_private_is_taken_out(text: str, shown: str) -> None:
    assert PUBLIC(text) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://mcp.example/s/Zk3v9Qw2LmN8pR5tYx7B/mcp", "https://mcp.example/s/***/mcp"),
        (
            "https://login.example/6babcaad-604b-40ac-a9d7-9fd97c0b779f/v2.0",
            "https://login.example/6babcaad-604b-40ac-a9d7-9fd97c0b779f/v2.0",
        ),
        (
            "https://mcp.example/.well-known/oauth-protected-resource/mcp",
            "https://mcp.example/.well-known/oauth-protected-resource/mcp",
        ),
        ("http://[::1]:8000/mcp", "http://[::1]:8000/mcp"),
        ("http://[broken", "***"),
    ],
)
def test_urls(url: str, shown: str) -> None:
    assert public_url(url) == shown


def test_the_home_of_this_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "someone"))

    assert for_this_user()(f"{tmp_path}/someone/file") == "~/file"


def test_a_home_that_is_everything_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")

    assert for_this_user()("/etc/x") == "/etc/x"

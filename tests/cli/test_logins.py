"""What the commands share: finding a login, and telling about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum.cli.logins import as_json, as_text, look, not_required_json, opened
from mcp_vacuum.cli.ui import Settings, Ui
from mcp_vacuum.errors import LoginRequired
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.tokens.facts import LoginFacts, Seen, facts_of


def login(**changes: Any) -> LoginFacts:
    values: dict[str, Any] = {
        "server": "https://mcp.example/mcp",
        "issuer": "https://as.example",
        "client": ClientCredentials(client_id="c", registration="metadata_document"),
        "refresh_token": Secret("rt-secret-of-mine"),
        "created_at": 1000.0,
    }
    return facts_of(Credential(**{**values, **changes}))


class TestShown:
    def test_no_secret(self) -> None:
        shown = f"{as_json(login())} {as_text(Ui(Settings()), login())}"

        assert "rt-secret" not in shown

    def test_a_record_that_nothing_was_bound_to_yet(self) -> None:
        bare = facts_of(Credential(server="grant"))

        assert as_json(bare)["registration"] == "none"
        assert "unknown" in as_text(Ui(Settings()), bare, now=0.0)

    def test_how_the_client_was_registered_and_when(self) -> None:
        text = as_text(Ui(Settings()), login(), now=1060.0)

        assert "c (metadata document)" in text
        assert "60 s ago" in text

    def test_both_objects_have_the_same_members(self) -> None:
        assert set(not_required_json("https://x.example", "default")) == set(as_json(login()))


def test_without_a_vault_there_is_no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "home"))
    with pytest.raises(LoginRequired):
        opened("https://mcp.example/mcp", "default")

    with pytest.raises(LoginRequired):
        look("https://mcp.example/mcp")
    assert look() == Seen()
    assert not (tmp_path / "home").exists()

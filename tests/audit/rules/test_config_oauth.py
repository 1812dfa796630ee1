"""What a configuration says of its OAuth client. The flaws are planted in tests/audit/planted/config.py."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.config_oauth import CHECKS
from tests.audit.configured import judged, whys


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("http://127.0.0.1:8123/callback", ""),
        ("http://[::1]/callback", ""),
        ("https://app.example/callback", ""),
        ("http://app.example/callback", "plain http to app.example"),
        ("https://me@app.example/callback", "user name"),
        ("com.example.app:/callback", "private-use scheme"),
        ("data:text/html,x", "no URI that a code may come back to"),
        ("", ""),
        ("${REDIRECT}", ""),
    ],
)
def test_redirect_uris(uri: str, why: str) -> None:
    found = whys("CL-REDIR-01", {"client_id": "c", "redirect_uris": [uri]})

    assert why in "".join(found)
    assert bool(found) is bool(why)


def test_a_reversed_domain_name_is_milder_said() -> None:
    (found,) = judged("CL-REDIR-01", {"redirect_uri": "com.example.app:/callback"}).findings

    assert found.severity is Severity.MEDIUM
    assert "no reversed" not in found.why


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example/#x",
        "https://me@app.example/c.json",
        "https://app.example/./c.json",
        "https://[/c.json",
        "https://app.example/",
    ],
)
def test_malformed_metadata_urls(url: str) -> None:
    assert judged("CL-REG-02", {"client_id": url}).verdict is Verdict.FAIL


@pytest.mark.parametrize("client_id", ["https://app.example/client.json", "client-1"])
def test_client_ids_that_are_fine(client_id: str) -> None:
    assert whys("CL-REG-02", {"client_id": client_id}) == []


@pytest.mark.parametrize("value", ["${CLIENT_SECRET}", "YOUR_CLIENT_SECRET", "", None])
def test_no_client_secret_stands_there(value: str | None) -> None:
    assert whys("CL-REG-09", {"client_id": "c", "client_secret": value}) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("CL-PKCE-01", {"client_id": "c"}),
        ("CL-TOK-09", {"client_id": "c"}),
        ("CL-SCOPE-02", {"client_id": "c"}),
        ("CL-REDIR-01", {"client_id": "c"}),
        ("CL-REDIR-02", {"client_id": "c"}),
        ("CL-REG-02", {"client_id": "c"}),
        ("CL-REG-09", {"client_id": "c"}),
        ("CL-OPEN-03", {"client_id": "c"}),
    ],
)
def test_what_is_not_set_is_not_judged(name: str, content: dict[str, Any]) -> None:
    assert judged(name, content).verdict is Verdict.NOT_APPLICABLE


def test_scopes_in_one_string_or_in_a_list() -> None:
    assert whys("CL-SCOPE-02", {"client_id": "c", "scope": "read, admin, *"}) == ["it asks for admin, *"]
    assert whys("CL-SCOPE-02", {"client_id": "c", "scopes": ["read", "mcp:*"]}) == ["it asks for mcp:*"]


def test_the_system_browser_is_fine() -> None:
    assert judged("CL-OPEN-03", {"client_id": "c", "user_agent": "system"}).verdict is Verdict.PASS


def test_the_rules_of_the_table() -> None:
    assert set(CHECKS) == {
        "CL-REG-09",
        "CL-REG-02",
        "CL-PKCE-01",
        "CL-TOK-09",
        "CL-REDIR-01",
        "CL-REDIR-02",
        "CL-SCOPE-02",
        "CL-OPEN-03",
    }

"""Redirect URI rules."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.rules.client_redirect import RULES
from tests.audit.conftest import altered, audit, client, found


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/callback",
        "https://*.example/callback",
        "https://app.example/callback#here",
        "https://user@app.example/callback",
        "urn:ietf:wg:oauth:2.0:oob",
        "com.example.app:/callback",
        "http://[broken/callback",
    ],
)
def test_a_redirect_uri_that_others_can_catch_is_found(uri: str) -> None:
    assert "CL-REDIR-01" in found(audit(client(redirect_uri=uri)))


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:9/callback", "http://localhost:9/cb", "http://[::1]:9/cb", "https://app.example/cb"],
)
def test_loopback_and_https_pass(uri: str) -> None:
    assert "CL-REDIR-01" in audit(client(redirect_uri=uri)).passed


def test_a_request_with_another_redirect_uri_is_found() -> None:
    assert "CL-REDIR-05" in found(audit(altered(redirect_uri="http://127.0.0.1/other")))


def test_our_check_of_the_answer_was_really_tried() -> None:
    assert "CL-REDIR-05" in audit(client()).passed


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "CL-REDIR-01",
        "CL-REDIR-02",
        "CL-REDIR-03",
        "CL-REDIR-04",
        "CL-REDIR-05",
    ]

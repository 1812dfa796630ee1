"""How a configuration has its client talk. The flaws are planted in tests/audit/planted/config.py."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.config_network import CHECKS
from tests.audit.configured import SERVER, entry, judged, whys


@pytest.mark.parametrize(
    "members",
    [
        {"url": "http://localhost:3000/mcp"},
        {"url": "http://127.0.0.1:3000/mcp"},
        {"url": "http://[::1]:3000/mcp"},
        {"url": "${SERVER_URL}"},
        {"url": "http://${HOST}/mcp"},
        {"url": SERVER, "redirect_uri": "http://app.example/"},
        {"command": "x", "env": {"HTTP_PROXY": "http://proxy.example:3128"}},
    ],
)
def test_plain_http_where_it_may_be(members: dict[str, Any]) -> None:
    assert judged("CL-SSRF-01", entry(**members)).verdict is Verdict.PASS


def test_a_url_is_shown_without_what_may_be_secret() -> None:
    (why,) = whys("CL-SSRF-01", entry(url="http://mcp.example/secret-path?token=secret-words"))

    assert why == "it is plain http: http://mcp.example"


@pytest.mark.parametrize(
    "url", [SERVER, f"{SERVER}?project=a-long-project-name", f"{SERVER}?token=${{TOKEN}}"]
)
def test_a_url_without_a_token(url: str) -> None:
    assert judged("CL-TOK-01", entry(url=url)).verdict is Verdict.PASS


def test_a_token_in_a_url_is_named_by_its_parameter() -> None:
    assert whys("CL-TOK-01", entry(url=f"{SERVER}?apiKey=kZ0wq3Xn7Vb1")) == [
        "the parameter apiKey holds an API key"
    ]


@pytest.mark.parametrize(
    "members",
    [{"url": SERVER, "verify": True}, {"command": "x", "env": {"NODE_TLS_REJECT_UNAUTHORIZED": "1"}}],
)
def test_certificates_that_are_checked(members: dict[str, Any]) -> None:
    assert judged("CL-TOK-04", entry(**members)).verdict is Verdict.PASS


def test_the_legacy_shape_is_off() -> None:
    assert judged("CL-LEG-01", entry(url=SERVER, legacy=False)).verdict is Verdict.PASS


def test_the_rules_of_the_table() -> None:
    assert set(CHECKS) == {"CL-SSRF-01", "CL-TOK-04", "CL-TOK-01", "CL-LEG-01"}

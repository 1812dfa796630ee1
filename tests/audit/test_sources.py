"""Cited texts can be opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_vacuum.audit.rules import CATALOGUE, OF_THE_GUIDE
from mcp_vacuum.audit.sources import link, page

SITE = "https://modelcontextprotocol.io/specification"
MCP = f"{SITE}/2026-07-28/basic/authorization"


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("RFC 7636 §4.1 and §4.6", "https://www.rfc-editor.org/rfc/rfc7636#section-4.1"),
        ("RFC 9207 §4 (unique issuer per server)", "https://www.rfc-editor.org/rfc/rfc9207#section-4"),
        (
            "OAuth 2.1 §7.5.2",
            "https://datatracker.ietf.org/doc/html/draft-ietf-oauth-v2-1-13#section-7.5.2",
        ),
        (
            "MCP authorization, Scope Selection Strategy",
            f"{MCP}#scope-selection-strategy",
        ),
        (
            "MCP authorization security considerations, Token Theft",
            f"{MCP}/security-considerations#token-theft",
        ),
        ("CVE-2025-6514 (mcp-remote)", "https://www.cve.org/CVERecord?id=CVE-2025-6514"),
        ("OAuch, IsPkceRequired", "https://github.com/DistriNet/OAuch"),
        (
            "MCP authorization 2025-03-26, Fallbacks",
            f"{SITE}/2025-03-26/basic/authorization",
        ),
        (
            "MCP 2025-11-25 SBP Session Hijacking",
            f"{SITE}/2025-11-25/basic/security_best_practices#session-hijacking",
        ),
        ("MCP authorization 2024-01-01, Anything", None),
        ("lower bound is project policy", None),
    ],
)
def test_a_citation_leads_to_its_section(source: str, url: str | None) -> None:
    assert link(source) == url


def test_nearly_every_rule_can_be_read_up() -> None:
    rules = (*CATALOGUE, *OF_THE_GUIDE)
    without = {rule.id for rule in rules if not any(link(source) for source in rule.sources)}

    assert len(without) < len(rules) / 20, without


def test_each_rule_has_its_page() -> None:
    docs = Path(__file__).parents[2] / "docs" / "audits"

    assert page("AS-PKCE-01").endswith("/docs/audits/AS-PKCE-01.md")
    assert all((docs / page(rule.id).rpartition("/")[2]).is_file() for rule in (*CATALOGUE, *OF_THE_GUIDE))

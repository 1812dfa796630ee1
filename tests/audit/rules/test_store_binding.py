"""What stored things are bound to. The flaws themselves are planted in tests/audit/planted/store.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.store import VaultSeen
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.store_binding import (
    RULES,
    endpoints_are_https,
    one_issuer_for_each_credential,
    records_name_what_they_belong_to,
    tokens_are_for_their_server,
)
from mcp_vacuum.safety.secret import Secret
from tests.audit.machine import client, credential, secret
from tests.audit.stored import evidence, judged


def test_a_locked_vault_shows_whether_a_login_names_its_issuer() -> None:
    seen = evidence()
    assert isinstance(seen.vault, VaultSeen)
    nameless = replace(seen.vault, rows=tuple(replace(row, issuer=None) for row in seen.vault.rows))
    locked = replace(seen, vault=nameless, logins="the vault is locked")
    judgement = judged(records_name_what_they_belong_to, locked)

    assert [found.why for found in judgement.findings] == ["it names no issuer"]
    assert "the vault is locked" in judgement.not_checked[0]


def test_no_scope_and_no_end_are_remarks() -> None:
    login = credential(scope=None, scope_asked=None, expires_at=None)
    found = judged(records_name_what_they_belong_to, evidence(login)).findings

    assert {each.severity for each in found} == {Severity.LOW}


def test_a_metadata_document_is_shown_to_every_issuer() -> None:
    known = client(client_id="https://app.example/c.json", registration="metadata_document")
    logins = [
        credential(issuer=issuer, client=replace(known, issuer=issuer))
        for issuer in ("https://a.example", "https://b.example")
    ]

    assert judged(one_issuer_for_each_credential, evidence(*logins)).verdict is Verdict.PASS


def test_two_accounts_of_one_issuer_may_share_a_client() -> None:
    known = client(client_secret=Secret(secret()))
    logins = [credential(account=name, client=known) for name in ("a", "b")]

    assert judged(one_issuer_for_each_credential, evidence(*logins)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("resource", "server", "fits"),
    [
        ("https://mcp.example", "https://mcp.example/mcp", True),
        ("https://mcp.example/", "https://mcp.example/mcp", True),
        ("https://mcp.example/mcp", "https://mcp.example/mcp", True),
        ("https://mcp.example/mcp", "https://mcp.example/mcp2", False),
        ("https://mcp.example/other", "https://mcp.example/mcp", False),
        ("https://other.example", "https://mcp.example/mcp", False),
        ("https://api.example", "a-name-of-a-grant", True),
    ],
)
def test_a_resource_covers_its_server(resource: str, server: str, fits: bool) -> None:
    seen = evidence(credential(resource=resource, server=server))

    assert (judged(tokens_are_for_their_server, seen).findings == ()) is fits


def test_what_only_a_request_can_tell_is_said() -> None:
    judgement = judged(endpoints_are_https, evidence())

    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "doctor URL" in judgement.not_checked[0]


def test_loopback_may_be_plain_http() -> None:
    assert (
        judged(endpoints_are_https, evidence(credential(token_endpoint="http://127.0.0.1:1/token"))).findings
        == ()
    )


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["ST-BIND-01", "ST-BIND-02", "ST-BIND-03", "ST-BIND-04"]

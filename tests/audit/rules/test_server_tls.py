"""The connections to an authorization server (RFC 9325)."""

from __future__ import annotations

from dataclasses import replace

from mcp_vacuum.audit.connection import Certificate, Connection
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.server_tls import (
    RULES,
    certificate_is_sound,
    everything_is_encrypted,
    tls_is_modern,
)
from tests.audit.made import answered
from tests.audit.seen import AS, evidence, judged

SOUND = Connection(AS, 0.0, version="TLSv1.3", certificate=Certificate(9e9, "EC", 256, "sha256"))


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["AS-TLS-01", "AS-TLS-02", "AS-TLS-03"]


def test_what_a_handshake_did_not_tell_is_not_passed() -> None:
    unclear = evidence(connections={AS: replace(SOUND, unclear=("TLS 1.0",))})
    behind_a_proxy = evidence(connections={AS: Connection(AS, 0.0, failure="a proxy stands in between")})

    assert judged(tls_is_modern, evidence(connections={AS: SOUND})).verdict is Verdict.PASS
    assert judged(tls_is_modern, unclear).verdict is Verdict.INCONCLUSIVE
    assert judged(tls_is_modern, behind_a_proxy).verdict is Verdict.INCONCLUSIVE
    assert judged(certificate_is_sound, behind_a_proxy).verdict is Verdict.INCONCLUSIVE


def test_a_redirect_or_a_refusal_over_plain_http_is_right() -> None:
    hsts = (("strict-transport-security", "max-age=1"),)
    for status in (301, 308, 400, 403, 404, 426):
        seen = evidence(connections={AS: replace(SOUND, in_the_clear=answered(status, headers=hsts))})
        found = [each.why for each in judged(everything_is_encrypted, seen).findings]
        assert found == ["there is no Strict-Transport-Security (RFC 9325 §3.2)"]


def test_an_issuer_that_is_no_url_breaks_nothing() -> None:
    seen = evidence({"token_endpoint": "https://[broken", "jwks_uri": "http://["})

    assert judged(tls_is_modern, seen).verdict is Verdict.NOT_APPLICABLE
    assert judged(everything_is_encrypted, seen).findings

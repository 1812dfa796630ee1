"""The metadata of an authorization server (RFC 8414, OpenID Connect Discovery)."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.endpoints import Endpoints
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.server_metadata import (
    RULES,
    documents_agree,
    keys_are_public_and_sound,
    metadata_is_complete,
    nothing_weak_is_advertised,
)
from tests.audit.made import answered, unanswered
from tests.audit.seen import evidence, judged


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == [
        "AS-META-01",
        "AS-META-02",
        "AS-META-03",
        "AS-META-04",
        "AS-META-05",
        "AS-META-06",
    ]


def test_keys_that_could_not_be_had_are_not_passed() -> None:
    seen = evidence(endpoints=Endpoints(keys=unanswered()))

    assert judged(keys_are_public_and_sound, evidence()).verdict is Verdict.NOT_APPLICABLE
    assert judged(keys_are_public_and_sound, seen).verdict is Verdict.INCONCLUSIVE
    assert judged(documents_agree, seen).verdict is Verdict.NOT_APPLICABLE


def test_a_private_key_is_found_and_not_repeated() -> None:
    key = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldA", "use": "sig"}
    judgement = judged(
        keys_are_public_and_sound, evidence(endpoints=Endpoints(keys=answered(200, {"keys": [key]})))
    )

    assert judgement.verdict is Verdict.FAIL
    assert "c2VjcmV0LXNlY3JldA" not in repr(judgement.findings)


def test_a_server_without_visits_needs_no_authorization_endpoint() -> None:
    machine = {
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["none"],
    }
    seen = evidence(machine)
    told = dict(seen.issuers[0].documents[0].members or {})
    del told["authorization_endpoint"]

    assert judged(metadata_is_complete, evidence(told)).verdict is Verdict.PASS


def test_dpop_has_a_rule_of_its_own() -> None:
    seen = evidence({"dpop_signing_alg_values_supported": ["HS256"]})

    assert judged(nothing_weak_is_advertised, seen).verdict is Verdict.PASS

"""How narrow and strong stored things are. The flaws are planted in tests/audit/planted/store.py."""

from __future__ import annotations

import json

import pytest

from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.store_strength import (
    RULES,
    grants_are_narrow,
    keys_are_strong_and_apart,
    secrets_are_strong,
)
from mcp_vacuum.protocol.dpop import ProofKey
from mcp_vacuum.safety.secret import Secret
from tests.audit.keys import EC_KEY
from tests.audit.machine import client, credential
from tests.audit.stored import evidence, judged


@pytest.mark.parametrize(
    ("secret", "strong"),
    [
        ("kZ0wq3Xn7Vb1Tt5Lr9PdkZ0wq3Xn7Vb1", True),
        ("0123456789abcdef0123456789abcdef", True),
        ("0123456789abcdef", False),
        ("0" * 60, False),
        ("password", False),
        ("secret-123", False),
        ("12345678901234567890", False),
    ],
)
def test_what_can_be_guessed(secret: str, strong: bool) -> None:
    seen = evidence(credential(client=client(client_secret=Secret(secret))))

    assert (judged(secrets_are_strong, seen).findings == ()) is strong


def test_our_own_dpop_key_is_strong() -> None:
    seen = evidence(credential(dpop_key=ProofKey.generate().to_secret()))

    assert judged(keys_are_strong_and_apart, seen).verdict is Verdict.PASS


def test_a_pem_of_a_curve_that_is_none_of_the_usual_ones() -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = generate_private_key(SECP256K1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (found,) = judged(
        keys_are_strong_and_apart, evidence(credential(client=client(private_key=Secret(pem.decode()))))
    ).findings

    assert found.why == "its curve is secp256k1"


def test_two_keys_of_two_purposes_are_fine() -> None:
    key = Secret(json.dumps({**EC_KEY, "d": "x"}))
    other = ProofKey.generate().to_secret()
    seen = evidence(credential(client=client(private_key=key), dpop_key=other))

    assert judged(keys_are_strong_and_apart, seen).verdict is Verdict.PASS


def test_offline_access_without_a_refresh_token() -> None:
    login = credential(
        scope="mcp:tools offline_access", scope_asked="mcp:tools offline_access", refresh_token=None
    )
    (found,) = judged(grants_are_narrow, evidence(login)).findings

    assert found.severity is Severity.LOW


def test_an_answer_without_scopes_grants_what_was_asked() -> None:
    assert judged(grants_are_narrow, evidence(credential(scope=None))).verdict is Verdict.PASS


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["ST-SCOPE-01", "ST-KEY-01", "ST-SEC-01"]

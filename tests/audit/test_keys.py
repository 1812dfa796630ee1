"""What is wrong with published keys."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.keys import flaws_of, is_weak
from mcp_vacuum.audit.rule import Severity
from tests.audit.keys import EC_KEY, RSA_1024, RSA_KEY, b64


def test_sound_keys_have_no_flaw() -> None:
    assert list(flaws_of({"keys": [EC_KEY, RSA_KEY]})) == []
    assert list(flaws_of({"keys": []})) == []


@pytest.mark.parametrize("members", [{}, {"keys": "x"}, {"keys": [1]}])
def test_what_is_no_set(members: dict[str, object]) -> None:
    assert [flaw.severity for flaw in flaws_of(members)] == [Severity.MEDIUM]


@pytest.mark.parametrize(
    ("key", "why", "severity"),
    [
        ({**EC_KEY, "d": "a-secret"}, "it is no public key: it has d", Severity.CRITICAL),
        (
            {"kty": "oct", "k": "a-secret", "alg": "A128KW"},
            "it is no public key: it has k",
            Severity.CRITICAL,
        ),
        (RSA_1024, "it is an RSA key of 1024 bits, less than 2048", None),
        ({**RSA_KEY, "e": b64(1)}, "its exponent is 1", Severity.CRITICAL),
        ({**RSA_KEY, "n": "!"}, "its n or e is missing or no base64url", Severity.MEDIUM),
        ({**EC_KEY, "crv": "secp112r1"}, "its curve is secp112r1", None),
        ({**EC_KEY, "kty": "\x1b[31m"}, "its kty is \ufffd[31m", Severity.MEDIUM),
        ({**EC_KEY, "alg": "HS256"}, "its alg is HS256", None),
    ],
)
def test_one_flaw(key: dict[str, object], why: str, severity: Severity | None) -> None:
    assert [(flaw.why, flaw.severity) for flaw in flaws_of({"keys": [key]})] == [(why, severity)]


def test_a_key_that_does_not_say_what_it_is_for() -> None:
    vague = {name: value for name, value in EC_KEY.items() if name != "use"}

    assert [flaw.severity for flaw in flaws_of({"keys": [vague]})] == [Severity.LOW]
    assert list(flaws_of({"keys": [{**vague, "key_ops": ["verify"]}]})) == []


def test_keys_that_cannot_be_told_apart() -> None:
    twice = [flaw.why for flaw in flaws_of({"keys": [RSA_KEY, RSA_KEY]})]
    nameless = {name: value for name, value in EC_KEY.items() if name != "kid"}

    assert twice == ["2 keys share the kid 1"]
    assert list(flaws_of({"keys": [RSA_KEY, {**EC_KEY, "kid": "1"}]})) == []
    assert [flaw.severity for flaw in flaws_of({"keys": [nameless, RSA_KEY]})] == [Severity.LOW]


def test_weak_algorithms() -> None:
    assert all(map(is_weak, ("none", "None", "HS256", "hs512", "RSA1_5")))
    assert not any(map(is_weak, ("RS256", "PS512", "ES256", "EdDSA", "RSA-OAEP")))

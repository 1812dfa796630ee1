"""What is wrong with published keys and with signature algorithms (RFC 7517, RFC 7518, RFC 8725). Pure."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_vacuum.audit.rule import Severity
from mcp_vacuum.safety.url import printable

LEAST_RSA_BITS = 2048
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
"""Members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4.1)."""
_CURVES = frozenset({"P-256", "P-384", "P-521", "Ed25519", "Ed448", "X25519", "X448"})
_WEAK = re.compile(r"none|HS\d+|RSA1_5", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeyFlaw:
    """A flaw of a key, or of the set; `severity` None stands for the rule's own."""

    where: str
    why: str
    severity: Severity | None = None


def is_weak(algorithm: str) -> bool:
    """Say whether a JOSE algorithm is no signature, a symmetric one, or broken."""
    return bool(_WEAK.fullmatch(algorithm))


def private_members(key: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the members of a JWK that no published key may have."""
    return tuple(name for name in _PRIVATE if name in key)


def flaws_of(document: Mapping[str, Any]) -> Iterator[KeyFlaw]:
    """Look at a JWK set; values of private members are never repeated."""
    keys = document.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        yield KeyFlaw("keys", "it is no array of objects", Severity.MEDIUM)
        return
    for place, key in enumerate(keys):
        yield from _flaws(f"key {place + 1}", key)
    yield from _names(keys)


def _flaws(where: str, key: Mapping[str, Any]) -> Iterator[KeyFlaw]:
    if private := private_members(key):
        why = f"it is no public key: it has {', '.join(private)}"
        yield KeyFlaw(where, why, Severity.CRITICAL)
    kind = key.get("kty")
    if kind == "RSA":
        yield from _rsa(where, key)
    elif kind in ("EC", "OKP"):
        if (curve := key.get("crv")) not in _CURVES:
            yield KeyFlaw(where, f"its curve is {printable(str(curve), 40)}")
    elif kind not in ("oct", "AKP"):
        yield KeyFlaw(where, f"its kty is {printable(str(kind), 40)}", Severity.MEDIUM)
    if "use" not in key and "alg" not in key and "key_ops" not in key:
        yield KeyFlaw(where, "it does not say what it is for: neither use nor alg", Severity.LOW)
    if isinstance(key.get("alg"), str) and is_weak(key["alg"]):
        yield KeyFlaw(where, f"its alg is {printable(key['alg'], 40)}")


def _rsa(where: str, key: Mapping[str, Any]) -> Iterator[KeyFlaw]:
    modulus, exponent = _number(key.get("n")), _number(key.get("e"))
    if modulus is None or exponent is None:
        yield KeyFlaw(where, "its n or e is missing or no base64url", Severity.MEDIUM)
        return
    if modulus.bit_length() < LEAST_RSA_BITS:
        yield KeyFlaw(where, f"it is an RSA key of {modulus.bit_length()} bits, less than {LEAST_RSA_BITS}")
    if exponent < 3 or exponent % 2 == 0:
        yield KeyFlaw(where, f"its exponent is {exponent}", Severity.CRITICAL)


def _number(text: object) -> int | None:
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]+=*", text):
        return None
    try:
        return int.from_bytes(urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)))
    except ValueError:
        return None


def _names(keys: list[Mapping[str, Any]]) -> Iterator[KeyFlaw]:
    """Keys are told apart by kid, and by kty where two kinds share one (RFC 7517 §4.5)."""
    named = Counter((str(key.get("kty")), str(key["kid"])) for key in keys if "kid" in key)
    for (_, kid), times in named.items():
        if times > 1:
            yield KeyFlaw("keys", f"{times} keys share the kid {printable(kid, 60)}", Severity.MEDIUM)
    if len(keys) > 1 and not all("kid" in key for key in keys):
        yield KeyFlaw("keys", "several keys, and not each has a kid", Severity.LOW)

"""What is stored is narrow and strong: scopes, keys, client secrets, and the tokens themselves."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_vacuum.audit.evidence.store import StoreEvidence
from mcp_vacuum.audit.evidence.store_foreign import ForeignFile, ForeignSecret
from mcp_vacuum.audit.jwt import Jwt
from mcp_vacuum.audit.keys import LEAST_RSA_BITS, flaws_of
from mcp_vacuum.audit.rule import FileSpot, Finding, Kind, Level, Results, Rule, Severity, rule
from mcp_vacuum.audit.rules.store_words import clients_of, logins_of, record, untold
from mcp_vacuum.audit.scopes import wide
from mcp_vacuum.models import Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import printable

LEAST_BITS = 128
WEAK_WORDS = re.compile(
    r"^(?:secret|password|changeme|client|test|admin|default|s3cret|letmein)[-_\d]*", re.I
)
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")


@rule(
    id="ST-SCOPE-01",
    title="Stored grants are not broader than used",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("MCP security best practices, Scope Minimization", "RFC 9700 §2.3"),
    fix="re-authorize with fewer scopes",
    kinds=(Kind.STORE,),
    bad='{"scope": "mcp:* admin offline_access"}',
    good='{"scope": "mcp:tools"}',
)
def grants_are_narrow(evidence: StoreEvidence) -> Results:
    """What a token may do beyond its task is what a thief gets for nothing."""
    for login in logins_of(evidence):
        where = f"{record(login)}, scope"
        yield from (Finding(where, why, severity) for why, severity in _of_login(login))
    scoped = [(file, each) for file in evidence.foreign for each in file.secrets if each.scope]
    for file, each in {(file.file.path, each.scope): (file, each) for file, each in scoped}.values():
        if found := wide(each.scope or ""):
            where, at = f"{file.file.path}: {each.member}", FileSpot(file.file.path, each.line)
            yield Finding(where, f"{file.tool} holds a grant of {', '.join(found)}", file=at)
    yield from untold(evidence, beside=bool(scoped))


def _of_login(login: Credential) -> Iterator[tuple[str, Severity | None]]:
    granted = (login.scope or "").split()
    if found := wide(login.scope or login.scope_asked or ""):
        yield f"it was granted {', '.join(found)}", None
    more = sorted(set(granted) - set((login.scope_asked or login.scope or "").split()))
    if more:
        yield f"it was granted more than was asked for: {printable(' '.join(more))}", Severity.LOW
    if "offline_access" in granted and login.refresh_token is None:
        yield "it was granted offline_access, and has no refresh token", Severity.LOW


@rule(
    id="ST-KEY-01",
    title="Private keys are protected, strong and per purpose",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("MCP DPoP extension, Key Storage", "FAPI 2.0 Security Profile §5.4.1", "RFC 8725 §3.5"),
    fix="hardware or OS keystore",
    kinds=(Kind.STORE,),
    bad="-----BEGIN PRIVATE KEY----- in a file, or one key for DPoP and for client authentication",
    good="a P-256 key of its own for each purpose, sealed in the vault",
)
def keys_are_strong_and_apart(evidence: StoreEvidence) -> Results:
    """Whoever has the key is the client; a key with two purposes can be made to sign for one in the other."""
    keys = list(_keys(evidence))
    for where, _, key in keys:
        yield from (Finding(where, why) for why in _flaws(key))
    for names in _twice(keys):
        yield Finding(names[0], f"it is also {names[1]}: one key for two purposes")
    loose = [(file, each) for file in evidence.foreign for each in file.secrets if each.kind == "private key"]
    for file, each in loose:
        at, why = FileSpot(file.file.path, each.line), "a private key lies in clear in a file"
        yield Finding(f"{file.file.path}: {each.member}", why, file=at)
    for readable in evidence.readable:
        if readable.what == "private key":
            why = "a private key stands readable in the vault's directory"
            yield Finding(readable.path, why, file=FileSpot(readable.path))
    yield from untold(evidence, beside=bool(loose))


def _keys(evidence: StoreEvidence) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield where each key is, what it is for, and its public part with ``bits`` for RSA."""
    for login in logins_of(evidence):
        if login.dpop_key and (key := _public(login.dpop_key)):
            yield f"{record(login)}, DPoP key", "DPoP", key
    for name, client in clients_of(evidence):
        if client.private_key and (key := _public(client.private_key)):
            yield f"{name}, private key of the client", "client", key


def _public(secret: Secret) -> Mapping[str, Any] | None:
    text = secret.reveal()
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            return None
        return {name: found[name] for name in _PUBLIC if name in found}
    return _public_of_pem(text)


def _public_of_pem(text: str) -> Mapping[str, Any] | None:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError):
        return None
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()
    curve = getattr(getattr(key, "curve", None), "name", "")
    bits = key.key_size if isinstance(key, RSAPrivateKey) else None
    return {"der": public, "bits": bits, "curve": curve}


def _flaws(key: Mapping[str, Any]) -> Iterator[str]:
    if "der" in key:
        if key["bits"] and key["bits"] < LEAST_RSA_BITS:
            yield f"it is an RSA key of {key['bits']} bits, less than {LEAST_RSA_BITS}"
        if key["curve"] and key["curve"] not in ("secp256r1", "secp384r1", "secp521r1"):
            yield f"its curve is {key['curve']}"
        return
    yield from (each.why for each in flaws_of({"keys": [{**key, "use": "sig"}]}) if each.severity is None)


def _twice(keys: list[tuple[str, str, Mapping[str, Any]]]) -> Iterator[list[str]]:
    places: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for where, purpose, key in keys:
        places[json.dumps(key, sort_keys=True)].setdefault(purpose, where)
    return (list(found.values()) for found in places.values() if len(found) > 1)


@rule(
    id="ST-SEC-01",
    title="Client secrets are strong and tokens look sane",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §7.7", "OAuch, ClientSecretEntropyMinReq", "RFC 9068 §2.1"),
    fix="rotate the secret; report the issuer",
    kinds=(Kind.STORE,),
    bad='{"client_secret": "changeme"}',
    good='{"client_secret": "kZ0w… (43 random characters)"}',
)
def secrets_are_strong(evidence: StoreEvidence) -> Results:
    """A secret that can be guessed is none, and a token without a signature or an end is anybody's."""
    for name, client in clients_of(evidence):
        if client.client_secret and (why := _guessable(client.client_secret)):
            yield Finding(f"{name}, client_secret", why)
    for login in logins_of(evidence):
        if login.refresh_token:
            where = f"{record(login)}, refresh token"
            yield from (Finding(where, why, severity) for why, severity in _odd(login.refresh_token))
    for file in evidence.foreign:
        for each in file.secrets:
            yield from _of_foreign(file, each)
    yield from untold(evidence, beside=bool(evidence.foreign))


def _of_foreign(file: ForeignFile, each: ForeignSecret) -> Iterator[Finding]:
    where, at = f"{file.file.path}: {each.member}", FileSpot(file.file.path, each.line)
    if each.kind == "client secret" and (why := _guessable(each.secret)):
        yield Finding(where, why, file=at)
    if each.kind in ("access token", "refresh token", "JWT"):
        yield from (Finding(where, why, severity, file=at) for why, severity in _odd(each.secret))


def _guessable(secret: Secret) -> str:
    """Say why a secret can be guessed; its length and alphabet bound what can be in it."""
    value = secret.reveal()
    if WEAK_WORDS.fullmatch(value):
        return "it is a word that everybody tries"
    alphabet = (10, r"\d"), (26, "[a-z]"), (26, "[A-Z]"), (32, r"[^\w]|_")
    letters = sum(size for size, pattern in alphabet if re.search(pattern, value))
    if re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", value):
        letters = min(letters, 16)
    bits = len(value) * math.log2(max(letters, 2)) if len(set(value)) > 4 else len(set(value))
    return f"it has {bits:.0f} bits at most, less than {LEAST_BITS}" if bits < LEAST_BITS else ""


def _odd(secret: Secret) -> Iterator[tuple[str, Severity | None]]:
    jwt = Jwt.read(secret.reveal())
    if jwt is None:
        return
    if jwt.algorithm.lower() in ("", "none"):
        yield "it is a JWT without a signature", None
    if "exp" not in jwt.claims:
        yield "it is a JWT without an end", None
    if jwt.personal:
        yield f"it shows {', '.join(jwt.personal)} of a person to whoever sees it", Severity.LOW


RULES: tuple[Rule, ...] = (grants_are_narrow, keys_are_strong_and_apart, secrets_are_strong)

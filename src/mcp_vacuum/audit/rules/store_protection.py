"""What is stored is encrypted, and the key to it is elsewhere (OAuth 2.1 §4.3)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.evidence.store import StoreEvidence
from mcp_vacuum.audit.evidence.store_foreign import ForeignFile, ForeignSecret
from mcp_vacuum.audit.rule import (
    FileSpot,
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    also,
    rule,
)
from mcp_vacuum.audit.rules.store_words import NO_VAULT, NOTHING, counted, mode, place, spot

LEAST_WORK = 2**14
"""Scrypt's n * p for a key that takes at least as long to guess as 100,000 rounds of PBKDF2."""
LEAST_SALT = 16


@rule(
    id="ST-ENC-01",
    title="Tokens and secrets are encrypted or in an OS keystore",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP authorization security considerations, Token Theft",
        "OAuth 2.1 §4.3",
        "RFC 6819 §5.1.4.1 and §5.3.3",
    ),
    fix="use OS keystore or authenticated encryption",
    kinds=(Kind.FLOW, Kind.STORE),
    bad='{"refresh_token": "8xLOxBtZp8"} in a file',
    good="gAAAAABn… (sealed with a key that is elsewhere)",
)
def refresh_tokens_encrypted(evidence: FlowEvidence) -> Results:
    """A refresh token that can be read from a file is a login for whoever copies the file."""
    storage = evidence.storage
    if isinstance(storage, str):
        yield from _not_seen(storage)
        return
    for path in storage.plain_refresh:
        yield Finding(path, "a refresh token that was stored for this audit stands readable in it")


@also(refresh_tokens_encrypted, Kind.STORE)
def stored_secrets_encrypted(evidence: StoreEvidence) -> Results:
    """Look for readable secrets in our own files and in those of other programs."""
    for each in evidence.readable:
        if each.what != "access_token":
            where = FileSpot(each.path)
            yield Finding(each.path, f"it stands readable in the vault's directory: {each.what}", file=where)
    for file in evidence.foreign:
        if not file.copy:
            yield from _in_clear(file, evidence.now)
    yield from (NotChecked(f"INCONCLUSIVE: {each}") for each in evidence.unseen)
    if isinstance(evidence.vault, str):
        yield NotChecked(f"INCONCLUSIVE: {evidence.vault}")
    if evidence.vault is None and not evidence.foreign:
        yield NotChecked(NOTHING)


def _in_clear(file: ForeignFile, now: float) -> Iterator[Finding]:
    alive = [each for each in file.secrets if _counts(each, now)]
    if not alive:
        return
    sure = any(each.sure for each in alive)
    why = f"{file.tool} keeps {counted(alive)} in clear ({mode(file)})"
    why += f"; {file.instead}" if file.instead else ""
    yield Finding(place(file, alive), why, None if sure else Severity.MEDIUM, file=spot(file, alive[0].line))


def _counts(secret: ForeignSecret, now: float) -> bool:
    """What has ended is worth nothing, and one login's state is another rule's."""
    ended = secret.expired(now) and secret.kind in ("access token", "ID token", "JWT")
    return not ended and secret.kind not in ("code verifier", "login state")


@rule(
    id="ST-ENC-02",
    title="Encryption key is not stored beside the data",
    level=Level.ADVICE,
    severity=Severity.HIGH,
    sources=("RFC 6819 §5.1.4.1", "RFC 6819 §5.3.1"),
    fix="keystore-held or passphrase-derived key",
    kinds=(Kind.FLOW, Kind.STORE),
    bad="vault.db and vault.key in one directory",
    good="the key in the system keyring",
)
def key_is_kept_elsewhere(evidence: FlowEvidence) -> Results:
    """With the key in a file, a copy of the disk is a copy of the logins."""
    storage = evidence.storage
    if isinstance(storage, str):
        yield NotChecked(storage)
    elif storage.key_source.startswith("file"):
        why = "the vault's key is in a file; only its mode (0600) protects it"
        yield Finding(storage.key_source, why, Severity.LOW)


@also(key_is_kept_elsewhere, Kind.STORE)
def stored_key_is_kept_elsewhere(evidence: StoreEvidence) -> Results:
    """Look at what the vault's header says of its key, and at files whose key anybody can make."""
    vault = evidence.vault
    if vault is not None and not isinstance(vault, str):
        yield from _key_of(vault.key_file, vault.header.get("key_recipe", ""), vault.path)
    for trace in evidence.traces:
        if trace.key:
            why = f"the key of a vault stands in a {trace.what}"
            yield Finding(trace.path, why, file=FileSpot(trace.path, trace.line))
    sealed = [file for file in evidence.foreign if file.form == "sealed"]
    for file in sealed:
        why = f"{file.tool} seals it with a key made of the names of host and user, which are no secret"
        yield Finding(file.file.path, why, file=spot(file))
    if isinstance(vault, str):
        yield NotChecked(f"INCONCLUSIVE: {vault}")
    if vault is None and not sealed:
        yield NotChecked(NO_VAULT)


def _key_of(key_file: str | None, recipe: str, vault: str) -> Iterator[Finding]:
    if key_file:
        beside = key_file.rpartition("/")[0] == vault.rpartition("/")[0]
        place, severity = ("beside the vault", Severity.HIGH) if beside else ("in a file", Severity.LOW)
        why = f"the vault's key is {place}; only its mode (0600) protects it"
        yield Finding(key_file, why, severity, file=FileSpot(key_file))
    if recipe:
        yield from (Finding("the vault's header, key_recipe", why) for why in _weak(recipe))


def _weak(recipe: str) -> Iterator[str]:
    try:
        told = json.loads(recipe)
        work, salt = int(told["n"]) * int(told["p"]), bytes.fromhex(told["salt"])
    except (ValueError, TypeError, KeyError):
        yield "it is no recipe for a key that this version knows"
        return
    if work < LEAST_WORK:
        yield f"the passphrase is stretched by {work} rounds of scrypt only"
    if len(salt) < LEAST_SALT:
        yield f"the salt of the passphrase has {len(salt)} bytes"


@rule(
    id="ST-MEM-01",
    title="Access tokens are in memory only",
    severity=Severity.HIGH,
    sources=("the guide, Memory-only Access", "MCP authorization, Token Theft"),
    fix="keep tokens in SecureTokenStorage",
    level=Level.MUST,
    kinds=(Kind.FLOW,),
    bad='{"access_token": "2YotnFZFEjr1"} in a file',
    good="a record with a refresh token only",
)
def access_tokens_in_memory_only(evidence: FlowEvidence) -> Results:
    """An access token works at once, for whoever has it; nothing on a disk is needed to get a new one."""
    storage = evidence.storage
    if isinstance(storage, str):
        yield from _not_seen(storage)
        return
    for path in storage.plain_access:
        yield Finding(path, "an access token that was stored for this audit stands readable in it")
    if storage.access_in_record:
        yield Finding("the stored record", "it holds the access token, if encrypted", Severity.MEDIUM)


@also(access_tokens_in_memory_only, Kind.STORE)
def no_stored_access_tokens(evidence: StoreEvidence) -> Results:
    """Look for readable access tokens in the vault's directory; those of other programs are ST-ENC-01."""
    for each in evidence.readable:
        if each.what == "access_token":
            yield Finding(each.path, "an access token stands readable in it", file=FileSpot(each.path))
    if evidence.vault is None:
        yield NotChecked(NO_VAULT)


def _not_seen(why: str) -> Results:
    """A storage that nobody can vouch for is an issue; no storage is none."""
    yield NotChecked(why)
    if why.startswith("INCONCLUSIVE"):
        yield Finding("client.storage", "nothing shows that it keeps tokens encrypted", certain=False)


RULES: tuple[Rule, ...] = (stored_secrets_encrypted, stored_key_is_kept_elsewhere)

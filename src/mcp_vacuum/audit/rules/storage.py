"""Refresh tokens are encrypted at rest; access tokens are not at rest at all (OAuth 2.1 §4.3)."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_vacuum.audit.evidence import FlowEvidence
from mcp_vacuum.audit.rule import Finding, NotChecked, Severity, rule


@rule(
    id="ST-ENC-01",
    title="Refresh tokens and secrets are encrypted at rest",
    severity=Severity.HIGH,
    sources=("MCP authorization, Token Theft", "OAuth 2.1 §4.3", "RFC 6819 §5.1.4.1"),
    fix="keep tokens in SecureTokenStorage",
)
def refresh_tokens_encrypted(evidence: FlowEvidence) -> Iterator[Finding | NotChecked]:
    """A refresh token that can be read from a file is a login for whoever copies the file."""
    storage = evidence.storage
    if isinstance(storage, str):
        yield from _not_seen(storage)
        return
    for path in storage.plain_refresh:
        yield Finding(path, "a refresh token that was stored for this audit stands readable in it")


@rule(
    id="ST-ENC-02",
    title="The encryption key is not stored beside the data",
    severity=Severity.LOW,
    sources=("RFC 6819 §5.1.4.1",),
    fix="use the system keyring: mcp-vacuum says why it could not when it made the vault",
)
def key_is_kept_elsewhere(evidence: FlowEvidence) -> Iterator[Finding | NotChecked]:
    """With the key in a file, a copy of the disk is a copy of the logins."""
    storage = evidence.storage
    if isinstance(storage, str):
        yield NotChecked(storage)
    elif storage.key_source.startswith("file"):
        yield Finding(storage.key_source, "the vault's key is in a file; only its mode (0600) protects it")


@rule(
    id="ST-MEM-01",
    title="Access tokens are in memory only",
    severity=Severity.HIGH,
    sources=("the guide, Memory-only Access", "MCP authorization, Token Theft"),
    fix="keep tokens in SecureTokenStorage",
)
def access_tokens_in_memory_only(evidence: FlowEvidence) -> Iterator[Finding | NotChecked]:
    """An access token works at once, for whoever has it; nothing on a disk is needed to get a new one."""
    storage = evidence.storage
    if isinstance(storage, str):
        yield from _not_seen(storage)
        return
    for path in storage.plain_access:
        yield Finding(path, "an access token that was stored for this audit stands readable in it")
    if storage.access_in_record:
        yield Finding("the stored record", "it holds the access token, if encrypted", Severity.MEDIUM)


def _not_seen(why: str) -> Iterator[Finding | NotChecked]:
    """A storage that nobody can vouch for is an issue; no storage is none."""
    yield NotChecked(why)
    if why.startswith("INCONCLUSIVE"):
        yield Finding("client.storage", "nothing shows that it keeps tokens encrypted", certain=False)

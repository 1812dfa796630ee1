"""What is stored is encrypted, private, and bound to its server (OAuth 2.1 §4.3)."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.rule import Finding, Kind, Level, NotChecked, Results, Rule, Severity, planned, rule


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
    because="it is part of `audit store`",
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


@rule(
    id="ST-ENC-02",
    title="Encryption key is not stored beside the data",
    level=Level.ADVICE,
    severity=Severity.HIGH,
    sources=("RFC 6819 §5.1.4.1", "RFC 6819 §5.3.1"),
    fix="keystore-held or passphrase-derived key",
    kinds=(Kind.FLOW, Kind.STORE),
    because="it is part of `audit store`",
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


def _not_seen(why: str) -> Results:
    """A storage that nobody can vouch for is an issue; no storage is none."""
    yield NotChecked(why)
    if why.startswith("INCONCLUSIVE"):
        yield Finding("client.storage", "nothing shows that it keeps tokens encrypted", certain=False)


st_perm_01 = planned(
    id="ST-PERM-01",
    title="Store files and folders are private to the user",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §4.3", "RFC 6819 §5.3.3"),
    fix="chmod 600/700; create with O_EXCL and mode",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

st_perm_02 = planned(
    id="ST-PERM-02",
    title="No copies in repositories, synced folders, logs or history",
    level=Level.ADVICE,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §7.1.3.1", "RFC 6819 §4.1.2 and §4.6.7"),
    fix="remove, rotate, add ignore rules",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

st_bind_01 = planned(
    id="ST-BIND-01",
    title="Each record names issuer, resource, client_id, type, scope, expiry",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP client registration, Authorization Server Binding",
        "MCP authorization server discovery, Authorization Server Location",
    ),
    fix="migrate records to the full key",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

st_bind_02 = planned(
    id="ST-BIND-02",
    title="One credential is never filed under two issuers",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    sources=(
        "MCP client registration, Authorization Server Binding",
        "RFC 9207 §4 (unique issuer per server)",
    ),
    fix="re-register per issuer",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

st_bind_03 = planned(
    id="ST-BIND-03",
    title="Stored audience and issuer match the server it is used for",
    level=Level.ADVICE,
    severity=Severity.HIGH,
    sources=("MCP authorization, Token Handling", "RFC 9068 §2.2", "RFC 8707 §2"),
    fix="drop and re-authorize",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

st_bind_04 = planned(
    id="ST-BIND-04",
    title="Stored endpoints are https and still those of the issuer",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §1.5", "RFC 8414 §3.3"),
    fix="revalidate before next use",
    kinds=(Kind.STORE,),
    because="it is part of `audit store`",
)

RULES: tuple[Rule, ...] = (
    refresh_tokens_encrypted,
    key_is_kept_elsewhere,
    st_perm_01,
    st_perm_02,
    st_bind_01,
    st_bind_02,
    st_bind_03,
    st_bind_04,
)

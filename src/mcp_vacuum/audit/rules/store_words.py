"""What the rules about stored things share: when they cannot tell, and how they name what they found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mcp_vacuum.audit.evidence.store import StoreEvidence
from mcp_vacuum.audit.evidence.store_foreign import ForeignFile, ForeignSecret
from mcp_vacuum.audit.rule import FileSpot, NotChecked
from mcp_vacuum.audit.spotting import some
from mcp_vacuum.models import DEFAULT_ACCOUNT, ClientCredentials, Credential

NAMED = 3
"""So many members are named; of more, the number is told."""
NOTHING = "NOT_APPLICABLE: there is no vault and no known file of another program"
NO_VAULT = "NOT_APPLICABLE: there is no vault"


def logins_of(evidence: StoreEvidence) -> tuple[Credential, ...]:
    """Return the logins that open; `untold` says what does not."""
    return () if isinstance(evidence.logins, str) else evidence.logins


def clients_of(evidence: StoreEvidence) -> tuple[tuple[str, ClientCredentials], ...]:
    """Return every client with the name of its record: of logins, and of registrations."""
    found = [(record(login), login.client) for login in logins_of(evidence) if login.client]
    return (*found, *((f"registration at {each.issuer}", each) for each in evidence.clients))


def untold(evidence: StoreEvidence, *, beside: bool = False) -> Iterator[NotChecked]:
    """Say why records cannot be judged.

    Args:
        evidence: Of the store.
        beside: The rule has judged something else, so that a missing vault is no reason.
    """
    if isinstance(evidence.vault, str):
        yield NotChecked(f"INCONCLUSIVE: {evidence.vault}")
    elif evidence.vault is None:
        if not beside:
            yield NotChecked(NO_VAULT)
    elif isinstance(evidence.logins, str):
        yield NotChecked(f"INCONCLUSIVE: the records are sealed: {evidence.logins}")
    elif evidence.closed:
        yield NotChecked(f"INCONCLUSIVE: {len(evidence.closed)} records do not open: {evidence.closed[0]}")
    elif not evidence.logins and not evidence.clients and not beside:
        yield NotChecked("NOT_APPLICABLE: the vault is empty")


def record(login: Credential) -> str:
    """Name a login."""
    account = "" if login.account == DEFAULT_ACCOUNT else f" (account {login.account})"
    return f"login {login.server}{account}"


def spot(file: ForeignFile, line: int | None = None) -> FileSpot:
    """Return the place of a finding about a file of another program."""
    return FileSpot(file.file.path, line)


def members(secrets: Sequence[ForeignSecret]) -> str:
    """Name the members that hold secrets."""
    names = [each.member for each in secrets if each.member]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def counted(secrets: Sequence[ForeignSecret]) -> str:
    """Say how many of what there are: ``2 access tokens and a refresh token``."""
    counts = Counter(each.kind for each in secrets)
    words = [some(kind, count) for kind, count in counts.items()]
    return " and ".join((", ".join(words[:-1]), words[-1]) if words[1:] else words)


def place(file: ForeignFile, secrets: Sequence[ForeignSecret]) -> str:
    """Name a file and the members in it."""
    names = members(secrets)
    return f"{file.file.path}: {names}" if names else file.file.path


def mode(file: ForeignFile) -> str:
    """Say what the mode of a file is."""
    return f"mode {file.file.mode:04o}" if file.file.mode else "its mode does not tell who may read it"

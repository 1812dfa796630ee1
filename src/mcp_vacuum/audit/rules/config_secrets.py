"""Secrets that stand in a configuration, and who can read the file."""

from __future__ import annotations

from collections.abc import Mapping

from mcp_vacuum.audit.evidence.config import ConfigEvidence
from mcp_vacuum.audit.rule import FileSpot, Finding, NotChecked, Results, Severity
from mcp_vacuum.audit.rules.config_words import ConfigCheck, Secret, find, require, secrets
from mcp_vacuum.audit.spotting import plain, some


def secrets_are_referred_to(evidence: ConfigEvidence) -> Results:
    """A configuration is copied, shown and committed; a reference to a secret can be."""
    require(evidence)
    for secret in secrets(evidence):
        if plain(secret.name) != "clientsecret":
            severity = None if secret.found.sure else Severity.MEDIUM
            yield find(evidence, secret.leaf, _told(secret), severity)


def secrets_are_private(evidence: ConfigEvidence) -> Results:
    """What others can read they can copy."""
    require(evidence)
    kinds = list(dict.fromkeys(secret.found.kind for secret in secrets(evidence)))
    if not kinds:
        yield NotChecked("NOT_APPLICABLE: no secret stands in the file")
        return
    file, where = evidence.file, FileSpot(evidence.file.path)
    holds = f"it holds secrets ({', '.join(kinds[:3])})"
    if not file.mine:
        yield Finding(file.path, f"{holds} and belongs to another user", file=where)
    elif file.exposed:
        yield Finding(file.path, f"{holds}, and others may open it (mode {file.mode:04o})", file=where)
    elif file.open:
        why = f"{holds}; only a directory above keeps others out (mode {file.mode:04o})"
        yield Finding(file.path, why, Severity.LOW, file=where)


def _told(secret: Secret) -> str:
    return f"the {secret.how} holds {some(secret.found.kind)} in clear, and no reference such as ${{NAME}}"


CHECKS: Mapping[str, ConfigCheck] = {
    "ST-ENC-01": ConfigCheck(
        secrets_are_referred_to,
        '{"headers": {"Authorization": "Bearer 8xLOxBtZp8"}}',
        '{"headers": {"Authorization": "Bearer ${TOKEN}"}}',
    ),
    "ST-PERM-01": ConfigCheck(secrets_are_private, "-rw-r--r-- mcp.json", "-rw------- mcp.json"),
}

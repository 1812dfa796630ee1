"""What is stored is private to its owner, and in one place (RFC 6819 §5.3.3)."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from mcp_vacuum.audit.evidence.store import StoreEvidence
from mcp_vacuum.audit.evidence.store_foreign import ForeignFile
from mcp_vacuum.audit.evidence.store_traces import Trace
from mcp_vacuum.audit.rule import FileSpot, Finding, Kind, Level, NotChecked, Results, Rule, Severity, rule
from mcp_vacuum.audit.rules.store_words import NOTHING, counted, mode, place, spot
from mcp_vacuum.audit.spotting import some


@rule(
    id="ST-PERM-01",
    title="Store files and folders are private to the user",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §4.3", "RFC 6819 §5.3.3"),
    fix="chmod 600/700; create with O_EXCL and mode",
    kinds=(Kind.STORE,),
    bad="-rw-r--r-- vault.db",
    good="-rw------- vault.db in a directory drwx------",
)
def private_to_the_user(evidence: StoreEvidence) -> Results:
    """What others can read they can copy, and what they can write they can replace."""
    yield from _of_directory(evidence)
    for each in evidence.entries:
        if not each.mine:
            yield Finding(each.path, "it belongs to another user", file=FileSpot(each.path))
        elif each.open_to_others and not each.is_directory:
            yield Finding(
                each.path, f"others may open it (mode {_bits(each.mode)})", file=FileSpot(each.path)
            )
    for path in evidence.outside:
        yield Finding(path, "it is a symbolic link that leads out of the directory", file=FileSpot(path))
    for file in evidence.foreign:
        yield from _of_file(file)
    if evidence.directory is None and not evidence.foreign:
        yield NotChecked(NOTHING)


def _of_directory(evidence: StoreEvidence) -> Iterator[Finding]:
    home, where = evidence.directory, FileSpot(evidence.home)
    if home is None:
        return
    if not home.mine:
        yield Finding(evidence.home, "the directory belongs to another user", file=where)
    if stat.S_IMODE(home.mode) & 0o022:
        yield Finding(evidence.home, f"others may change the directory (mode {_bits(home.mode)})", file=where)
    elif home.open_to_others:
        why = f"others may list the directory (mode {_bits(home.mode)}), though not open its files"
        yield Finding(evidence.home, why, Severity.LOW, file=where)
    for path in evidence.loose:
        yield Finding(
            path, "anybody may put another directory in the place of the vault's", file=FileSpot(path)
        )


def _of_file(file: ForeignFile) -> Iterator[Finding]:
    seen, holds = file.file, counted(file.secrets) or "sealed tokens"
    if not seen.mine:
        yield Finding(seen.path, f"it holds {holds} and belongs to another user", file=spot(file))
    elif seen.exposed:
        yield Finding(seen.path, f"it holds {holds}, and others may open it ({mode(file)})", file=spot(file))
    elif seen.open:
        why = f"it holds {holds}; only a directory above keeps others out ({mode(file)})"
        yield Finding(seen.path, why, Severity.LOW, file=spot(file))


def _bits(mode: int) -> str:
    return f"{stat.S_IMODE(mode):04o}"


@rule(
    id="ST-PERM-02",
    title="No copies in repositories, synced folders, logs or history",
    level=Level.ADVICE,
    severity=Severity.HIGH,
    sources=("OAuth 2.1 §7.1.3.1", "RFC 6819 §4.1.2 and §4.6.7"),
    fix="remove, rotate, add ignore rules",
    kinds=(Kind.STORE,),
    bad='curl -H "Authorization: Bearer eyJhbGciOi…" in ~/.bash_history',
    good="mcp-vacuum run URL -- curl …, and a state directory outside of working trees and synced folders",
)
def no_copies_elsewhere(evidence: StoreEvidence) -> Results:
    """A copy lives where nobody looks for it, and goes where its original never would."""
    yield from _around(evidence)
    for file in evidence.foreign:
        if file.copy:
            why = f"a copy of a file of {file.tool} holds {counted(file.secrets)} ({mode(file)})"
            yield Finding(place(file, file.secrets), why, file=spot(file, file.secrets[0].line))
    for trace in evidence.traces:
        if not trace.key:
            yield _copied(trace)
    if isinstance(evidence.logins, str):
        why = "the stored secrets are sealed, so that copies are told by their shape only"
        yield NotChecked(f"INCONCLUSIVE: {why}: {evidence.logins}")


def _around(evidence: StoreEvidence) -> Iterator[Finding]:
    above, where = evidence.above, FileSpot(evidence.home)
    if above.tracked:
        yield Finding(evidence.home, f"git keeps {', '.join(above.tracked)} in {above.tree}", file=where)
    elif above.tree and not above.ignored:
        why = f"it lies in the git working tree {above.tree}, and nothing there tells git to leave it out"
        yield Finding(evidence.home, why, Severity.MEDIUM, certain=False, file=where)
    if above.synced:
        yield Finding(evidence.home, f"it lies in {above.synced}, which is copied elsewhere", file=where)


def _copied(trace: Trace) -> Finding:
    lines = "a line" if trace.count == 1 else f"{trace.count} lines"
    why = f"{lines} of a {trace.what} with what looks like {', '.join(map(some, trace.kinds[:3]))}"
    severity = None if trace.sure else Severity.MEDIUM
    return Finding(trace.path, why, severity, certain=trace.sure, file=FileSpot(trace.path, trace.line))


RULES: tuple[Rule, ...] = (private_to_the_user, no_copies_elsewhere)

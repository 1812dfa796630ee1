"""What is stored is short-lived, and ends when it should."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.evidence.store import StoreEvidence
from mcp_vacuum.audit.evidence.store_foreign import ForeignFile, ForeignSecret
from mcp_vacuum.audit.jwt import Jwt
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
from mcp_vacuum.audit.rules.store_words import clients_of, counted, logins_of, place, record, spot, untold
from mcp_vacuum.models import Credential
from mcp_vacuum.safety.url import printable
from mcp_vacuum.tokens.machine import MACHINE_GRANTS

LONGEST, SHORTEST = 3600, 900
SLACK = 60
"""Seconds between a server's clock and ours, where a lifetime is a difference of the two."""
DAY = 24 * 3600
OLD = 90 * DAY
PENDING = 600
"""Seconds that a login may be under way (RFC 9700 §4.2.4; the catalogue's ten minutes)."""


@rule(
    id="ST-LIFE-01",
    title="Access token lifetime obeys policy and expired ones are purged",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    sources=("RFC 6750 §5.3", "OAuth 2.1 §7.1.3.5", "lower bound 15 min is project policy"),
    fix="re-issue shorter tokens; purge",
    kinds=(Kind.FLOW, Kind.STORE),
    bad='{"expires_in": 86400}',
    good='{"expires_in": 3600}',
)
def access_tokens_are_short_lived(evidence: FlowEvidence) -> Results:
    """The longer a stolen token works, the more it is worth stealing."""
    if isinstance(evidence.storage, str):
        yield NotChecked(evidence.storage)
        return
    if not evidence.storage.lifetimes:
        yield NotChecked("NOT_APPLICABLE: no token was issued to this storage yet")
    for seconds in sorted(set(evidence.storage.lifetimes)):
        yield from _judged("stored login, expires_in", seconds)


@also(access_tokens_are_short_lived, Kind.STORE)
def stored_tokens_are_short_lived(evidence: StoreEvidence) -> Results:
    """Look at what each login's newest access token was given, and at readable ones that have ended."""
    for login in logins_of(evidence):
        if (seconds := _lifetime(login)) is not None:
            yield from _judged(f"{record(login)}, expires_in", seconds)
        if _over(login, evidence.now):
            why = f"it ended {_days(evidence.now - (login.expires_at or 0))} ago and cannot be refreshed"
            yield Finding(record(login), why, Severity.LOW)
    for file in evidence.foreign:
        yield from _of_file(file, evidence.now)
    yield from untold(evidence, beside=bool(evidence.foreign))


def _judged(where: str, seconds: float) -> Iterator[Finding]:
    if seconds > LONGEST:
        yield Finding(where, f"an access token was issued for {_span(seconds)}")
    elif seconds < SHORTEST:
        why = f"an access token was issued for {seconds:.0f} seconds: safe, and busy"
        yield Finding(where, why, Severity.INFO)


def _lifetime(login: Credential) -> float | None:
    """Return what the newest access token was given; a difference of times counts as full minutes."""
    if login.lifetime:
        return login.lifetime
    began = login.refreshed_at or login.created_at
    if not login.expires_at or not began or login.expires_at <= began:
        return None
    seconds = login.expires_at - began
    return LONGEST if LONGEST < seconds <= LONGEST + SLACK else seconds


def _over(login: Credential, now: float) -> bool:
    needs_nobody = login.refresh_token is not None or login.grant in MACHINE_GRANTS
    return not needs_nobody and login.expires_at is not None and login.expires_at < now - DAY


def _of_file(file: ForeignFile, now: float) -> Iterator[Finding]:
    gone = [each for each in file.secrets if each.kind == "access token" and each.expired(now)]
    dead = [each for each in gone if not each.renewable]
    if dead:
        why = f"{file.tool} keeps {counted(dead)} that ended over a day ago"
        yield Finding(place(file, dead), why, file=spot(file, dead[0].line))
    for each in file.secrets:
        if each.kind in ("access token", "JWT") and (jwt := Jwt.read(each.secret.reveal())):
            seconds, where = jwt.lifetime, FileSpot(file.file.path, each.line)
            if "exp" not in jwt.claims:
                why = "an access token never ends: it has no exp"
                yield Finding(f"{file.file.path}: {each.member}", why, Severity.HIGH, file=where)
            elif seconds and seconds > LONGEST:
                why = f"{file.tool} has an access token that was issued for {_span(seconds)}"
                yield Finding(f"{file.file.path}: {each.member}", why, file=where)


@rule(
    id="ST-LIFE-02",
    title="Long-lived refresh tokens rotate or are sender-constrained",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=("OAuth 2.1 §4.3.1", "RFC 9700 §2.2.2"),
    fix="force re-login; report the AS",
    kinds=(Kind.STORE,),
    bad="a bearer refresh token that nobody has used for 200 days",
    good="a refresh token that is new after each use, or bound to a DPoP key",
)
def refresh_tokens_do_not_last(evidence: StoreEvidence) -> Results:
    """A refresh token that stays the same works for a thief as long as for its owner, and nobody notices."""
    logins = logins_of(evidence)
    for login in logins:
        age = evidence.now - (login.refreshed_at or login.created_at)
        if login.refresh_token and login.dpop_key is None and login.created_at and age > OLD:
            why = f"its refresh token is {_days(age)} old and bound to no key"
            yield Finding(f"{record(login)}, refresh_token", why)
    for name, client in clients_of(evidence):
        if client.client_secret and 0 < client.client_secret_expires_at < evidence.now:
            why = f"its client secret ended {_days(evidence.now - client.client_secret_expires_at)} ago"
            yield Finding(f"{name}, client_secret_expires_at", why)
    yield from untold(evidence)
    if any(each.refresh_token and each.dpop_key is None and each.refreshed_at for each in logins):
        why = "whether refresh tokens change with each use: former ones are not kept"
        yield NotChecked(f"INCONCLUSIVE: {why}; `mcp-vacuum audit server URL --active` tries it")


@rule(
    id="ST-LIFE-03",
    title="Finished or abandoned login state is removed",
    level=Level.ADVICE,
    severity=Severity.MEDIUM,
    sources=("RFC 9700 §4.2.4", "OAuth 2.1 §7.5.2"),
    fix="delete at completion and on a timer",
    kinds=(Kind.STORE,),
    bad="~/.mcp-auth/mcp-remote-0.1.29/ab12_code_verifier.txt from last week",
    good="verifier and state in the memory of the program that logs in",
)
def login_state_is_removed(evidence: StoreEvidence) -> Results:
    """A verifier that is still there turns a code that is found later into a login."""
    for file in evidence.foreign:
        age = evidence.now - file.file.modified
        pending = [each for each in file.secrets if each.kind in ("code verifier", "login state")]
        if pending and (age > PENDING or file.newer_tokens):
            when = "its login is over" if file.newer_tokens else f"it is {_span(age)} old"
            why = f"{file.tool} left {counted(pending)}: {when}"
            yield Finding(place(file, pending), why, file=spot(file, pending[0].line))
    if evidence.vault is None and not evidence.foreign:
        yield NotChecked("NOT_APPLICABLE: there is no vault and no known file of another program")


@rule(
    id="ST-LIFE-04",
    title="Removed servers leave no live grant behind",
    level=Level.ADVICE,
    severity=Severity.LOW,
    sources=("RFC 7009 §2", "OAuth 2.1 §4.3.3"),
    fix="revoke, then delete",
    kinds=(Kind.STORE,),
    bad="~/.mcp-auth/mcp-remote-0.1.12 beside mcp-remote-0.1.29, each with a refresh token",
    good="one login for each server, and none for a server that is gone",
)
def nothing_is_left_behind(evidence: StoreEvidence) -> Results:
    """A grant that nobody remembers is one that nobody revokes."""
    for file in evidence.foreign:
        yield from _left_in(file, evidence)
    used = {login.issuer for login in logins_of(evidence)}
    for client in evidence.clients:
        if client.issuer not in used:
            yield Finding(f"registration at {client.issuer}", "no login uses this registration any more")
    for each in evidence.entries:
        if ".corrupt-" in each.path or ".orphan-" in each.path:
            why = "a vault that was moved aside; grants in it may be alive"
            yield Finding(each.path, why, file=FileSpot(each.path))
    yield from untold(evidence, beside=bool(evidence.foreign))


def _left_in(file: ForeignFile, evidence: StoreEvidence) -> Iterator[Finding]:
    live = [each for each in file.secrets if not each.expired(evidence.now)]
    if file.superseded and live:
        why = f"{file.tool} uses another folder now; this one still holds {counted(live)}"
        yield Finding(place(file, live), why, file=spot(file, live[0].line))
    if gone := _gone(live, evidence.servers.get(file.tool)):
        names = ", ".join(dict.fromkeys(printable(each.server_name or each.server or "") for each in gone))
        why = f"{file.tool} holds {counted(gone)} for {names}, which its settings do not name"
        yield Finding(place(file, gone), why, certain=False, file=spot(file, gone[0].line))


def _gone(live: Sequence[ForeignSecret], named: frozenset[str] | None) -> list[ForeignSecret]:
    """Return tokens of servers that are not configured; a project may have settings of its own."""
    if named is None:
        return []
    of_servers = [each for each in live if each.kind.endswith("token") and (each.server or each.server_name)]
    return [each for each in of_servers if not {each.server, each.server_name} & named]


def _days(seconds: float) -> str:
    return f"{max(seconds, 0) / DAY:.0f} days"


def _span(seconds: float) -> str:
    if seconds <= 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds <= 2 * DAY else _days(seconds)


RULES: tuple[Rule, ...] = (
    stored_tokens_are_short_lived,
    refresh_tokens_do_not_last,
    login_state_is_removed,
    nothing_is_left_behind,
)

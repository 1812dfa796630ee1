"""Clients with one flaw each, run in the scenarios that matter for it."""

from __future__ import annotations

import sys
from pathlib import Path

from mcp_vacuum.audit.clients import ClientOptions, audit_client
from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.rule import Severity
from tests.audit.planted import Planted

PROGRAM = str(Path(__file__).parents[1] / "clients" / "bad.py")


def command(flaw: str = "none") -> list[str]:
    """Return the command line of the client with this flaw."""
    return [sys.executable, "-IS", PROGRAM, flaw, "{url}"]


def audited(flaw: str, *scenarios: str, at_once: int = 2) -> SecurityReport:
    """Run the client with this flaw in these scenarios."""
    return audit_client(command(flaw), ClientOptions(scenarios, timeout=10, at_once=at_once))


def flaw(
    rule: str,
    name: str,
    *scenarios: str,
    severity: Severity | None = None,
    must_also: tuple[str, ...] = (),
    says: str = "",
    long: bool = True,
) -> Planted:
    """Return a client with this flaw."""
    wanted = scenarios or ("LAB-00",)
    what = f"{name}, {', '.join(wanted)}"
    return Planted(rule, what, lambda: audited(name, *wanted), severity, frozenset(must_also), says, long)


PLANTED = (
    flaw("CL-PKCE-01", "no-pkce", long=False),
    flaw("CL-PKCE-01", "plain-pkce"),
    flaw("CL-PKCE-02", "ignores-missing-pkce", "LAB-11/absent", long=False),
    flaw("CL-PKCE-02", "ignores-missing-pkce", "LAB-11/null"),
    flaw("CL-PKCE-02", "ignores-missing-pkce", "LAB-11/empty"),
    flaw("CL-PKCE-03", "plain-pkce-when-told", "LAB-11/plain"),
    flaw("CL-PKCE-03", "ignores-missing-pkce", "LAB-11/plain", severity=Severity.LOW),
    flaw("CL-PKCE-04", "short-verifier"),
    flaw("CL-PKCE-05", "verifier-in-url"),
    flaw("CL-PKCE-05", "another-verifier"),
    flaw("CL-DISC-01", "first-header-only", "LAB-01/two-lines", long=False),
    flaw("CL-DISC-01", "challenge-by-pattern", "LAB-01/quoting"),
    flaw("CL-DISC-01", "challenge-by-pattern", "LAB-01/case"),
    flaw("CL-DISC-02", "ignores-the-hint", "LAB-02/challenge"),
    flaw("CL-DISC-02", "root-before-path", "LAB-02/path"),
    flaw("CL-DISC-03", "any-resource", "LAB-03/other-origin"),
    flaw("CL-DISC-03", "reads-metadata-first", "LAB-03/other-origin", severity=Severity.MEDIUM),
    flaw("CL-DISC-04", "any-resource", "LAB-03/sibling", severity=Severity.MEDIUM),
    flaw("CL-DISC-04", "any-resource", "LAB-03/origin", severity=Severity.LOW),
    flaw("CL-DISC-05", "guesses-server", "LAB-04"),
    flaw("CL-DISC-06", "oauth-form-only", "LAB-05/openid"),
    flaw("CL-DISC-06", "root-metadata-first", "LAB-05/third", severity=Severity.LOW),
    flaw("CL-DISC-07", "any-issuer", "LAB-06/other-host", long=False),
    flaw("CL-DISC-07", "normalises-issuer", "LAB-06/case", severity=Severity.MEDIUM),
    flaw("CL-DISC-07", "normalises-issuer", "LAB-06/percent", severity=Severity.MEDIUM),
    flaw("CL-DISC-07", "normalises-issuer", "LAB-06/slash", severity=Severity.LOW),
    flaw("CL-DISC-08", "no-limits", "LAB-07/big"),
    flaw("CL-DISC-08", "no-limits", "LAB-07/drip"),
    flaw("CL-DISC-08", "any-json", "LAB-07/array"),
    flaw("CL-DISC-09", "credentials-on-discovery", "LAB-31"),
    flaw("CL-SSRF-03", "follows-redirects", "LAB-09/token"),
    flaw("CL-SSRF-03", "follows-redirects", "LAB-09/hops", severity=Severity.MEDIUM),
    flaw("CL-OPEN-01", "opens-anything", "LAB-10/javascript", long=False),
    flaw("CL-OPEN-01", "opens-anything", "LAB-10/mixed-case"),
    flaw("CL-OPEN-01", "opens-anything", "LAB-10/data"),
    flaw("CL-OPEN-01", "opens-anything", "LAB-10/file"),
    flaw("CL-OPEN-01", "opens-anything", "LAB-10/custom"),
    flaw("CL-OPEN-01", "opens-anything", "LAB-10/http", severity=Severity.HIGH),
    flaw("CL-OPEN-01", "opens-anything", "LAB-10/fragment", severity=Severity.LOW),
    flaw("CL-OPEN-01", "drops-query", "LAB-10/query", severity=Severity.MEDIUM),
    flaw("CL-OPEN-02", "opens-by-shell", "LAB-10/dollar", long=False),
    flaw("CL-OPEN-02", "opens-by-shell", "LAB-10/backtick"),
    flaw("CL-OPEN-02", "opens-by-shell", "LAB-10/semicolon"),
    flaw("CL-OPEN-02", "opens-by-quoting-shell", "LAB-10/quote"),
    flaw("CL-OPEN-02", "opens-anything", "LAB-10/option"),
    flaw("CL-OPEN-02", "opens-anything", "LAB-10/dollar", severity=Severity.LOW),
    flaw("CL-STATE-01", "weak-state"),
    flaw("CL-STATE-01", "constant-state", "LAB-12/1"),
    flaw("CL-STATE-02", "ignores-state", "LAB-13/missing", long=False),
    flaw("CL-STATE-02", "ignores-state", "LAB-13/altered"),
    flaw("CL-STATE-02", "any-case-state", "LAB-13/case"),
    flaw("CL-STATE-02", "last-parameter", "LAB-13/doubled", severity=Severity.MEDIUM),
    flaw("CL-STATE-03", "takes-answers-twice", "LAB-13/replayed"),
    flaw("CL-REDIR-01", "foreign-redirect", must_also=("CL-REG-05",)),
    flaw("CL-REDIR-05", "another-redirect"),
    flaw("CL-RES-01", "no-resource"),
    flaw("CL-RES-01", "no-resource-for-code", says="token request"),
    flaw("CL-RES-01", "no-resource-for-refresh", "LAB-31", says="refresh request"),
    flaw("CL-RES-02", "slash-resource"),
    flaw("CL-RES-02", "origin-resource"),
    flaw("CL-RES-03", "another-resource-for-code"),
    flaw("CL-RES-03", "resource-of-metadata", "LAB-03/other-origin", must_also=("CL-DISC-03",)),
    flaw("CL-SCOPE-01", "listed-scopes-only", "LAB-30/challenge"),
    flaw("CL-SCOPE-01", "own-scopes", "LAB-30/listed"),
    flaw("CL-SCOPE-01", "own-scopes", "LAB-30/none"),
    flaw("CL-SCOPE-05", "always-offline", "LAB-30/no-offline", severity=Severity.LOW),
    flaw("CL-REG-05", "no-application-type"),
    flaw("CL-REG-05", "web-application"),
    flaw("CL-AUTH-01", "secret-twice", "LAB-32/basic"),
    flaw("CL-AUTH-01", "always-post", "LAB-32/basic"),
    flaw("CL-AUTH-01", "secret-in-url"),
    flaw("CL-TOK-01", "token-in-url", says="in a URL"),
    flaw("CL-TOK-01", "bare-notifications"),
    flaw("CL-TOK-07", "prints-tokens"),
    flaw("CL-TOK-07", "prints-when-asked", "LAB-26"),
    flaw("CL-TOK-04", "any-certificate", "LAB-21/good", "LAB-21/unknown"),
    flaw("CL-TOK-04", "any-certificate", "LAB-21/good", "LAB-21/expired"),
    flaw("CL-TOK-04", "any-certificate", "LAB-21/good", "LAB-21/server-unknown"),
    flaw("CL-TOK-04", "any-host-name", "LAB-21/good", "LAB-21/other-name"),
    flaw("CL-SSRF-01", "any-scheme", "LAB-08/good", "LAB-08/http-resource"),
    flaw("CL-SSRF-01", "any-scheme", "LAB-08/good", "LAB-08/http-server"),
    flaw("CL-SSRF-01", "any-scheme", "LAB-08/good", "LAB-08/http-registration"),
    flaw("CL-SSRF-01", "any-scheme", "LAB-08/good", "LAB-08/http-token"),
    *(
        flaw("CL-SSRF-02", "any-address", "LAB-08/good", f"LAB-08/{name}")
        for name in ("private", "link-local", "unique-local", "mapped", "decimal", "hexadecimal", "octal")
    ),
    flaw("CL-SSRF-02", "any-loopback", "LAB-08/good", "LAB-08/loopback"),
)

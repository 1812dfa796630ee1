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
    flaw("CL-STATE-01", "weak-state"),
    flaw("CL-STATE-01", "constant-state", "LAB-12/1"),
    flaw("CL-STATE-02", "ignores-state", "LAB-13/missing", long=False),
    flaw("CL-STATE-02", "ignores-state", "LAB-13/altered"),
    flaw("CL-STATE-02", "any-case-state", "LAB-13/case"),
    flaw("CL-STATE-03", "takes-answers-twice", "LAB-13/replayed"),
)

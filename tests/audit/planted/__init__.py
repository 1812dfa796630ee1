"""Every planted flaw: one target with exactly one thing wrong, and the rule that has to find it.

A room of flaws is a module with a tuple `PLANTED`; a new one is a line in `ROOMS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from mcp_vacuum.audit.engine import COUNTS_FROM
from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.rule import Severity

ROOMS = ("server", "passive", "active", "client", "document", "store", "config")


@dataclass(frozen=True)
class Planted:
    """A flaw.

    `rule` has to find it with `severity` (its own if None). Of the other rules only those in `must_also` may
    find something of medium severity or worse, and they have to. `says` is part of where or why it is wrong,
    where the rule could find something else too. `long` keeps it out of `make test`.
    """

    rule: str
    what: str
    audit: Callable[[], SecurityReport]
    severity: Severity | None = None
    must_also: frozenset[str] = frozenset()
    says: str = ""
    long: bool = False

    def __str__(self) -> str:
        return f"{self.rule} {self.what}"


@dataclass(frozen=True)
class Outcome:
    """What the audit said about a planted flaw."""

    planted: Planted
    report: SecurityReport

    @property
    def found(self) -> bool:
        """The rule found it, as bad as it is."""
        wanted = self.planted.severity
        return any(
            each.rule.id == self.planted.rule
            and wanted in (None, each.severity)
            and self.planted.says in f"{each.finding.where}: {each.finding.why}"
            for each in self.report.findings
        )

    @property
    def missed(self) -> set[str]:
        """What had to be found and was not."""
        return ({self.planted.rule} if not self.found else set()) | (self.planted.must_also - self.loud)

    @property
    def loud(self) -> set[str]:
        """The rules that found something of medium severity or worse."""
        return {each.rule.id for each in self.report.findings if each.severity >= COUNTS_FROM}

    @property
    def false_alarms(self) -> set[str]:
        """The rules that should have kept quiet."""
        return self.loud - {self.planted.rule} - self.planted.must_also


def planted() -> tuple[Planted, ...]:
    """Return every flaw of every room."""
    return tuple(flaw for room in ROOMS for flaw in import_module(f"{__name__}.{room}").PLANTED)


def try_out(flaw: Planted) -> Outcome:
    """Audit one."""
    return Outcome(flaw, flaw.audit())

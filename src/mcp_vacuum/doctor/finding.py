"""What a check says, and a report of many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from mcp_vacuum.errors import StorageError, VacuumError

Verdict = Literal["ok", "warn", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says.

    Attributes:
        name: The check, a stable word for programs: ``file-system``.
        verdict: ``ok``; ``warn``: works, but look at it; ``fail``: something does not work because of it;
            ``skipped``: could not be looked at.
        what: What is so, in one sentence.
        why: The cause or the rule, where it is not in `what`.
        fix: What to do next, a command where there is one.
        exit_status: Of the error that a command would end with because of it; 0 unless it fails.
    """

    name: str
    verdict: Verdict
    what: str
    why: str = ""
    fix: str = ""
    exit_status: int = 0

    def as_json(self) -> dict[str, str]:
        """Return the object of one check."""
        texts = {"what": self.what, "why": self.why, "fix": self.fix}
        return {"name": self.name, "verdict": self.verdict, **texts}


def ok(name: str, what: str) -> Finding:
    """All is well."""
    return Finding(name, "ok", what)


def warn(name: str, what: str, why: str = "", fix: str = "") -> Finding:
    """It works, but somebody should look at it."""
    return Finding(name, "warn", what, why, fix)


def fail(
    name: str, what: str, why: str = "", fix: str = "", *, error: type[VacuumError] = StorageError
) -> Finding:
    """It does not work; `error` is what commands end with because of it."""
    return Finding(name, "fail", what, why, fix, error.exit_status)


def skipped(name: str, because: str) -> Finding:
    """It could not be looked at."""
    return Finding(name, "skipped", because)


def failed_with(name: str, error: VacuumError) -> Finding:
    """Something raised this error: it is its own explanation."""
    return Finding(name, "fail", error.message, error.spec or "", error.hint or "", error.exit_status)


@dataclass(frozen=True, slots=True)
class Section:
    """Findings about one thing."""

    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was looked at."""

    sections: tuple[Section, ...]

    @property
    def findings(self) -> Iterator[Finding]:
        """All findings, in order."""
        return (finding for section in self.sections for finding in section.findings)

    @property
    def ok(self) -> bool:
        """True if nothing fails."""
        return self.exit_status == 0

    @property
    def exit_status(self) -> int:
        """What the command line exits with: the number of the first failure, 0 without one."""
        return next((finding.exit_status for finding in self.findings if finding.verdict == "fail"), 0)

    def mapped(self, public: Callable[[str], str]) -> Report:
        """Return the report with each of its texts passed through `public`."""
        return Report(
            tuple(
                Section(
                    public(section.title),
                    tuple(
                        replace(each, what=public(each.what), why=public(each.why), fix=public(each.fix))
                        for each in section.findings
                    ),
                )
                for section in self.sections
            )
        )

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` promises."""
        return {"checks": [finding.as_json() for finding in self.findings], "ok": self.ok}

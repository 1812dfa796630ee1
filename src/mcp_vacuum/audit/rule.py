"""What a rule is: an id, its sources, and a pure function from evidence to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_vacuum.audit.evidence import FlowEvidence


class Severity(IntEnum):
    """How bad a finding is; a larger number is worse."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """The name that reports use."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule found.

    Attributes:
        where: The place, such as ``authorization request, code_challenge_method``.
        why: What is wrong with it.
        severity: Instead of the rule's own, where this case is milder or worse; None for the rule's.
        certain: False where the evidence allows another reading.
    """

    where: str
    why: str
    severity: Severity | None = None
    certain: bool = True


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A rule could not be judged; `because` begins with INCONCLUSIVE or NOT_APPLICABLE."""

    because: str


Check = Callable[["FlowEvidence"], "Iterator[Finding | NotChecked]"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue.

    Attributes:
        id: Stable: never renumbered, retired instead.
        title: What should be so.
        severity: Of a finding, unless the finding says otherwise.
        sources: The texts that ask for it.
        fix: What to do.
        check: The function.
        why: The reason, for documentation: the docstring of `check`.
    """

    id: str
    title: str
    severity: Severity
    sources: tuple[str, ...]
    fix: str
    check: Check
    why: str


def rule(
    *,
    id: str,  # noqa: A002 - the field's name
    title: str,
    severity: Severity,
    sources: tuple[str, ...],
    fix: str,
) -> Callable[[Check], Rule]:
    """Make a `Rule` of a check; it registers nothing, `rules/__init__.py` lists what counts."""

    def build(check: Check) -> Rule:
        return Rule(id, title, severity, sources, fix, check, (check.__doc__ or "").strip())

    return build

"""What a rule is: a row of the catalogue, and pure checks from frozen evidence to what was found.

A check yields what it finds, and nothing where all is well. What it cannot tell it says, by yielding
`NotChecked` or by raising `CannotTell`; silence without having looked would be a lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any

from mcp_vacuum.audit.exchange import Exchange


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


class Level(Enum):
    """How binding the cited text is."""

    MUST = "MUST"
    MUST_NOT = "MUST NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"
    ADVICE = "advice"
    """A rule of this house, drawn from the text's reasons: breaking it breaks no specification."""


class Kind(Enum):
    """What a check looks at; evidence of each kind is collected in `evidence/`."""

    PASSIVE = "passive"
    """A server, without a login."""
    ACTIVE = "active"
    """A server, with logins of the auditor's own."""
    CLIENT = "client"
    """A client that was run against the laboratory."""
    STORE = "store"
    """What is stored on this machine."""
    CONFIG = "config"
    """A configuration file."""
    FLOW = "flow"
    """A configured `OAuth2Client` of this process."""


class Verdict(Enum):
    """What became of one rule in one audit."""

    PASS = "PASS"
    FAIL = "FAIL"
    WARN = "WARN"
    """Found, but mild (low, info), advice only, or open to another reading."""
    NOT_APPLICABLE = "NOT_APPLICABLE"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class FileSpot:
    """A place in a file.

    Attributes:
        path: As its owner writes it, with ``~`` for the home.
        line: From 1; None if it is about the file as a whole.
    """

    path: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule found.

    Attributes:
        where: The place, such as ``authorization request, code_challenge_method``.
        why: What is wrong with it; text from elsewhere made printable, secrets left out.
        severity: Instead of the rule's own, where this case is milder or worse; None for the rule's.
        certain: False where the evidence allows another reading.
        at: The recorded exchange that shows it, for the drawing of the flow; None if it is in none.
        file: The file that it is in, if it is in one.
    """

    where: str
    why: str
    severity: Severity | None = None
    certain: bool = True
    at: Exchange | None = None
    file: FileSpot | None = None


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A rule could not be judged; `because` begins with INCONCLUSIVE or NOT_APPLICABLE."""

    because: str

    def __post_init__(self) -> None:
        if not self.because.startswith(("INCONCLUSIVE: ", "NOT_APPLICABLE: ")):
            raise ValueError(f"not a reason: {self.because}")


class CannotTell(Exception):
    """A check finds no evidence to look at; it becomes its `NotChecked`."""

    def __init__(self, because: str) -> None:
        """Say why; see `NotChecked`."""
        super().__init__(because)
        self.result = NotChecked(because)


def inconclusive(because: str) -> CannotTell:
    """Make the exception for evidence that could not be had."""
    return CannotTell(f"INCONCLUSIVE: {because}")


def not_applicable(because: str) -> CannotTell:
    """Make the exception for a rule that does not concern this target."""
    return CannotTell(f"NOT_APPLICABLE: {because}")


Results = Iterator[Finding | NotChecked]
Check = Callable[[Any], Results]
"""Takes the evidence of its kind; `Any`, because each kind has a type of its own."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue.

    Attributes:
        id: Stable: never renumbered, retired instead.
        title: What should be so.
        level: How binding the source is.
        severity: Of a finding, unless the finding says otherwise.
        sources: The texts that ask for it.
        fix: What to do.
        kinds: What has to be looked at before the rule holds.
        why: The reason, for documentation: the docstring of the check.
        bad, good: An exchange or setting that breaks the rule, and one that keeps it.
        checks: The functions, by what they look at.
        because: Why a kind has no check yet; empty if all have one.
    """

    id: str
    title: str
    level: Level
    severity: Severity
    sources: tuple[str, ...]
    fix: str
    kinds: tuple[Kind, ...]
    why: str = ""
    bad: str = ""
    good: str = ""
    checks: Mapping[Kind, Check] = field(default_factory=lambda: MappingProxyType({}))
    because: str = ""

    @property
    def implemented(self) -> bool:
        """At least one check exists; `missing` says which do not."""
        return bool(self.checks)

    @property
    def state(self) -> str:
        """``implemented`` or ``planned``."""
        return "implemented" if self.implemented else "planned"

    @property
    def missing(self) -> tuple[Kind, ...]:
        """What nobody looks at yet."""
        return tuple(kind for kind in self.kinds if kind not in self.checks)


def rule(
    *,
    id: str,  # noqa: A002 - the field's name
    title: str,
    level: Level,
    severity: Severity,
    sources: tuple[str, ...],
    fix: str,
    kinds: tuple[Kind, ...],
    bad: str,
    good: str,
    because: str = "",
) -> Callable[[Check], Rule]:
    """Make a `Rule` of a check, which looks at the first of `kinds`; `also` adds the checks of the others.

    It registers nothing: `rules/__init__.py` lists what counts. The check's docstring is the reason.
    """

    def build(check: Check) -> Rule:
        why = " ".join((check.__doc__ or "").split())
        checks = MappingProxyType({kinds[0]: check})
        return Rule(id, title, level, severity, sources, fix, kinds, why, bad, good, checks, because)

    return build


def also(first: Rule, kind: Kind, *, because: str = "") -> Callable[[Check], Rule]:
    """Make the `Rule` that looks at one more kind of evidence; `because` is about what is missing still."""

    def build(check: Check) -> Rule:
        kinds = first.kinds if kind in first.kinds else (*first.kinds, kind)
        checks = MappingProxyType({**first.checks, kind: check})
        return replace(first, kinds=kinds, checks=checks, because=because)

    return build


def planned(
    *,
    id: str,  # noqa: A002 - the field's name
    title: str,
    level: Level,
    severity: Severity,
    sources: tuple[str, ...],
    fix: str,
    kinds: tuple[Kind, ...],
    because: str,
) -> Rule:
    """Make the `Rule` of a row that nothing checks yet, and say why."""
    return Rule(id, title, level, severity, sources, fix, kinds, because=because)

"""What was not found: the rules that hold, and those that nobody could judge, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from mcp_vacuum.audit.formats.page.findings import linked
from mcp_vacuum.audit.formats.page.markup import Markup, el, join
from mcp_vacuum.audit.formats.reasons import reasons_of, together
from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.rules import CATALOGUE, OF_THE_GUIDE

KINDS = {
    "INCONCLUSIVE": ("could not be judged", "nobody looked, or what came allowed no answer: not a pass"),
    "NOT_APPLICABLE": ("do not apply", "they do not concern this target"),
}


@cache
def titles() -> Mapping[str, str]:
    """Return the title of each rule."""
    return {rule.id: rule.title for rule in (*CATALOGUE, *OF_THE_GUIDE)}


def by_reason(report: SecurityReport, kind: str) -> dict[str, list[str]]:
    """Return the rules that were not checked for a kind of reason, by reason, most rules first."""
    found = {rule: reasons_of(because) for rule, because in report.not_checked}
    return together({rule: "; ".join(each[kind]) for rule, each in found.items() if next(iter(each)) == kind})


def folded(report: SecurityReport) -> Markup:
    """Return what holds and what was not checked, each folded away."""
    holds = "rule holds" if len(report.passed) == 1 else "rules hold"
    kept = _fold(
        f"{len(report.passed)} {holds}", "each was looked at, and kept", [_rules(list(report.passed))]
    )
    return join(kept if report.passed else None, (_unchecked(report, kind) for kind in KINDS))


def _unchecked(report: SecurityReport, kind: str) -> Markup | None:
    reasons = by_reason(report, kind)
    if not reasons:
        return None
    count = sum(map(len, reasons.values()))
    name, remark = KINDS[kind]
    groups = [join(el("p", reason, class_="reason"), _rules(rules)) for reason, rules in reasons.items()]
    return _fold(f"{count} {name}", remark, groups)


def _fold(name: str, remark: str, content: list[Markup]) -> Markup:
    summary = el("summary", el("b", name), " ", el("span", remark, class_="remark"))
    return el("details", summary, content, class_="fold")


def _rules(ids: list[str]) -> Markup:
    rows = (el("li", linked(each), " ", titles().get(each, "")) for each in ids)
    return el("ul", rows, class_="rules")

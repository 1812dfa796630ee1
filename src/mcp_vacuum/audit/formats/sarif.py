"""SARIF 2.1.0, for code scanning and for whatever else collects findings.

One run holds every target. Findings are results; what could not be judged is a notification of the run, so
that a tool which counts results counts findings only and still nothing is passed in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from json import dumps
from typing import Any
from urllib.parse import quote

from mcp_vacuum._version import __version__
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.masking import Mask
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport, Unexamined
from mcp_vacuum.audit.rule import Level, Rule, Severity
from mcp_vacuum.audit.rules import CATALOGUE, OF_THE_GUIDE
from mcp_vacuum.audit.sources import link, page

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "mcpVacuumFinding/v1"
"""Of rule, target and place; not of the words, which may carry what differs from run to run."""

HOME = "HOME"
"""The base of what a person writes as ``~/…``."""

LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.5",
    Severity.INFO: "0.0",
}
"""`security-severity`: what code scanning shows as critical from 9.0, high from 7.0, medium from 4.0."""

Members = dict[str, Any]


def render(reports: Sequence[SecurityReport], unexamined: Sequence[Unexamined] = ()) -> str:
    """Return the log, indented."""
    return dumps(members(reports, unexamined), indent=2, ensure_ascii=False)


def members(reports: Sequence[SecurityReport], unexamined: Sequence[Unexamined] = ()) -> Members:
    """Return the log as an object."""
    rules = _rules(reports)
    places = {rule.id: number for number, rule in enumerate(rules)}
    results = [each for report in reports for each in _results(report, places)]
    run = {
        "tool": {"driver": _driver(rules)},
        "automationDetails": {"id": "mcp-vacuum/audit/"},
        "columnKind": "unicodeCodePoints",
        **_bases(results),
        "results": results,
        "invocations": [_invocation(reports, unexamined, places)],
        "properties": {"compliant": all(report.compliant for report in reports) and not unexamined},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _bases(results: Sequence[Members]) -> Members:
    """Say what `HOME` is, where something is named under it."""
    used = any("uriBaseId" in place for each in results for place in _artifacts(each))
    return {"originalUriBaseIds": {HOME: {"description": {"text": "the home directory"}}}} if used else {}


def _artifacts(result: Members) -> list[Members]:
    return [each["physicalLocation"]["artifactLocation"] for each in result["locations"]]


# --- rules ------------------------------------------------------------------------------------------------


def _rules(reports: Sequence[SecurityReport]) -> list[Rule]:
    """Return every rule that concerns a target, in the catalogue's order."""
    told = {each.rule.id: each.rule for report in reports for each in report.findings}
    judged = {rule for report in reports for rule in (*report.passed, *dict(report.not_checked))}
    known = [rule for rule in (*CATALOGUE, *OF_THE_GUIDE) if rule.id in judged or rule.id in told]
    strange = told.keys() - {rule.id for rule in known}
    return known + [told[name] for name in sorted(strange)]


def _driver(rules: Sequence[Rule]) -> Members:
    return {
        "name": "mcp-vacuum",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(rule) for rule in rules],
    }


def _rule(rule: Rule) -> Members:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why or rule.title},
        "helpUri": page(rule.id),
        "help": {"text": f"{rule.fix}\n\n{_cited(rule)}", "markdown": _markdown(rule)},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "security-severity": SCORES[rule.severity],
            "precision": "high",
            "tags": ["security", "oauth", "mcp", rule.level.value.lower()],
        },
    }


def _markdown(rule: Rule) -> str:
    parts = [rule.why, f"**Fix:** {rule.fix}"]
    parts += [
        f"**{name}**\n\n```\n{text}\n```" for name, text in (("Bad", rule.bad), ("Good", rule.good)) if text
    ]
    return "\n\n".join(part for part in (*parts, _cited(rule, _linked)) if part)


def _cited(rule: Rule, shown: Callable[[str], str] = str) -> str:
    level = "Advice, after" if rule.level is Level.ADVICE else f"{rule.level.value} in"
    return f"{level}: {'; '.join(map(shown, rule.sources))}"


def _linked(source: str) -> str:
    url = link(source)
    return f"[{source}]({url})" if url else source


# --- results ----------------------------------------------------------------------------------------------


def _results(report: SecurityReport, places: dict[str, int]) -> Iterator[Members]:
    mask, seen = Mask(report.exchanges), Counter[str]()
    for each in report.findings:
        identity = f"{each.rule.id}\n{report.target}\n{each.finding.where}"
        seen[identity] += 1
        print_of = sha256(f"{identity}\n{seen[identity]}".encode()).hexdigest()
        yield {
            "ruleId": each.rule.id,
            "ruleIndex": places[each.rule.id],
            "kind": "fail",
            "level": LEVELS[each.severity],
            "message": {"text": _message(each, mask)},
            "locations": [_for_code_scanning(_location(report, each, mask))],
            "partialFingerprints": {FINGERPRINT: print_of},
            **_web(each.finding.at, mask),
            "properties": {
                "severity": each.severity.word,
                "security-severity": SCORES[each.severity],
                "certain": each.finding.certain,
                "target": mask.url(report.target),
            },
        }


def _message(each: ReportedFinding, mask: Mask) -> str:
    doubt = "" if each.finding.certain else " (perhaps: another reading is possible)"
    return f"{mask.text(each.finding.where)}: {mask.text(each.finding.why)}{doubt}. Fix: {each.rule.fix}."


def _location(report: SecurityReport, each: ReportedFinding, mask: Mask) -> Members:
    """Point at the URL or file; SARIF's readers want a physical place, of which an answer has no lines."""
    at, file = each.finding.at, each.finding.file
    place = mask.url(at.url) if at is not None else file.path if file else mask.url(report.target)
    where = mask.text(each.finding.where)
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(mask.text(place)),
            "region": {"startLine": (file.line if file else None) or 1},
        },
        "logicalLocations": [{"fullyQualifiedName": where, "kind": "member"}],
    }


def _artifact(place: str) -> Members:
    """Name a file of this person under a base that every reader sets for itself, so that no home is told."""
    if place.startswith("~/"):
        return {"uri": _reference(place[2:]), "uriBaseId": HOME}
    return {"uri": _reference(f"file://{place}" if place.startswith("/") else place)}


def _reference(place: str) -> str:
    """Return a URI reference: what cannot stand in one is encoded."""
    return quote(place, safe="/:?#[]@!$&'()*+,;=%~")


def _for_code_scanning(location: Members) -> Members:
    """Take scheme and query from a web address; where it stands in full is the request beside it.

    GitHub's code scanning refuses a whole log over one place whose scheme is not that of the checkout
    (github/codeql-action issue 754); a port's colon would be read as the end of a scheme, and is encoded.
    """
    artifact = location["physicalLocation"]["artifactLocation"]
    scheme, _, rest = artifact["uri"].partition("://")
    if scheme in ("http", "https"):
        artifact["uri"] = rest.partition("?")[0].partition("#")[0].replace(":", "%3A")
    return location


def _web(at: Exchange | None, mask: Mask) -> Members:
    if at is None or at.request is None:
        return {}
    found: Members = {"webRequest": {"method": at.method, "target": _reference(mask.url(at.url))}}
    if at.response is not None:
        found["webResponse"] = {"statusCode": at.status}
    return found


# --- what was not found out -------------------------------------------------------------------------------


def _invocation(
    reports: Sequence[SecurityReport], unexamined: Sequence[Unexamined], places: dict[str, int]
) -> Members:
    told = [each for report in reports for each in _notifications(report, places)]
    unseen = [*(each.unexamined for each in reports if each.unexamined), *unexamined]
    told += [{"level": "error", "message": {"text": _unseen(each)}} for each in unseen]
    return {"executionSuccessful": not unseen, "toolExecutionNotifications": told}


def _unseen(each: Unexamined) -> str:
    return "\n".join((f"{each.target} was not examined: {each.because}", *each.said))


def _notifications(report: SecurityReport, places: dict[str, int]) -> Iterator[Members]:
    target = Mask(report.exchanges).url(report.target)
    for rule, because in report.not_checked:
        yield {
            "level": "note" if because.startswith("INCONCLUSIVE") else "none",
            "message": {"text": f"{target}: {rule}: {because}"},
            "associatedRule": {"id": rule, **({"index": places[rule]} if rule in places else {})},
        }

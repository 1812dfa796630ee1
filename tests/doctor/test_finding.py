"""What a check says, and a report of many of them."""

from __future__ import annotations

from mcp_vacuum.doctor.finding import Finding, Report, Section, fail, failed_with, ok, skipped, warn
from mcp_vacuum.errors import KeyUnavailable, LoginRequired, SecurityRefused, ServerUnavailable


def report(*findings: Finding) -> Report:
    return Report((Section("a", findings[:1]), Section("b", findings[1:])))


class TestReport:
    def test_nothing_fails(self) -> None:
        good = report(ok("a", "well"), warn("b", "look"), skipped("c", "because"))

        assert (good.ok, good.exit_status) == (True, 0)

    def test_the_first_failure_counts(self) -> None:
        bad = report(
            warn("a", "x"), fail("b", "x", error=ServerUnavailable), fail("c", "x", error=LoginRequired)
        )

        assert (bad.ok, bad.exit_status) == (False, 5)

    def test_json(self) -> None:
        assert report(ok("a", "well"), warn("b", "look", "why", "fix")).as_json() == {
            "checks": [
                {"name": "a", "verdict": "ok", "what": "well", "why": "", "fix": ""},
                {"name": "b", "verdict": "warn", "what": "look", "why": "why", "fix": "fix"},
            ],
            "ok": True,
        }

    def test_every_text_is_passed_through_what_makes_it_public(self) -> None:
        made = Report((Section("it", (Finding("it", "fail", "it", "it", "it", 6),)),)).mapped(str.upper)
        (section,) = made.sections

        assert section.title == "IT"
        assert section.findings == (Finding("it", "fail", "IT", "IT", "IT", 6),)


def test_an_error_is_its_own_explanation() -> None:
    found = failed_with("pkce", SecurityRefused("no S256", hint="do this", spec="RFC 7636"))

    assert found == Finding("pkce", "fail", "no S256", "RFC 7636", "do this", 4)
    assert failed_with("key", KeyUnavailable("locked")).exit_status == 6

"""The report for a terminal."""

from __future__ import annotations

from mcp_vacuum.audit.formats.text import WIDTH, render
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport, Unexamined
from mcp_vacuum.audit.rule import FileSpot, Finding
from mcp_vacuum.audit.rules import CATALOGUE
from mcp_vacuum.audit.sources import PAGES
from tests.audit.machine import audited as stored
from tests.audit.planted.config import audited as configured
from tests.audit.planted.server import audited


def test_the_worst_comes_first_with_where_why_fix_and_source() -> None:
    text = render([audited(no_pkce_advertised=True, challenge=("Bearer realm=x",))])

    assert text.index("\nHIGH\n  AS-PKCE-01") < text.index("\nLOW\n  RS-CHAL-02")
    assert "1 high, 3 low" in text
    assert all(f"\n    {word}" in text for word in ("where", "why", "fix", "source"))


def test_what_one_rule_finds_twice_is_one_entry() -> None:
    text = render([audited(challenge=("Bearer realm=x",))])

    assert text.count("RS-CHAL-02") == 1
    assert text.count("\n    why ") == 3
    assert text.count("\n    fix ") == 2


def test_it_fits_80_columns_and_has_no_escapes() -> None:
    text = render([audited(wrong_issuer="https://" + "x" * 300 + ".example\x1b[31m")])

    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\x1b" not in text


def test_a_long_url_is_broken_at_its_joints() -> None:
    issuer = "https://a.example/" + "/".join(["tenant-of-somebody"] * 10)
    text = render([audited(wrong_issuer=issuer)])
    lines = [line.strip() for line in text.splitlines() if "tenant-of-somebody" in line]

    assert len(lines) > 2
    assert all(line.endswith("/") for line in lines[:-1])
    assert issuer in "".join(lines)


def test_a_rule_that_alone_could_not_be_judged_is_named() -> None:
    not_checked = (("RS-TLS-01", "INCONCLUSIVE: no connection; NOT_APPLICABLE: loopback"),)
    text = render([SecurityReport("https://a.example/", not_checked=not_checked)])

    assert "1 not judged: RS-TLS-01: no connection" in text
    assert "NOT_APPLICABLE" not in text


def test_a_line_of_a_file_is_named() -> None:
    found = ReportedFinding(CATALOGUE[0], Finding("a.json: token", "it is", file=FileSpot("a.json", 12)))

    assert "where   a.json: token (line 12)" in render([SecurityReport("a.json", (found,))])


def test_it_says_where_rules_are_explained_if_one_is_broken() -> None:
    assert PAGES in render([audited(no_pkce_advertised=True)]).replace("\n", "")
    assert PAGES not in render([audited()]).replace("\n", "")


def test_nothing_found_is_said_with_what_was_not_looked_at() -> None:
    text = render([audited()])

    assert "nothing found" in text
    assert "could not be judged" in text
    assert "not judged: not built yet" in text


def test_what_could_not_be_examined_is_no_pass() -> None:
    told = Unexamined("x", "the control did not work", ("no module named y",))
    text = render([SecurityReport("x", not_checked=(("R-1", "INCONCLUSIVE: so"),), unexamined=told)])

    assert "nothing found" not in text
    assert "could not be examined: the control did not work" in text
    assert "no module named y" in text
    assert "1 could not be judged" in text


def test_the_summary_counts_reports_of_what_could_not_be_examined() -> None:
    text = render([audited(), SecurityReport("x", unexamined=Unexamined("x", "so"))])

    assert "2 targets, 0 with issues, 1 could not be examined" in text


def test_several_targets_end_in_one_summary_worst_first() -> None:
    good, bad = audited(), audited(no_pkce_advertised=True)
    gone = Unexamined("https://gone.example/mcp", "no connection")
    summary = render([good, bad], [gone]).rpartition("\n\n")[2].splitlines()

    assert summary[0] == "3 targets, 1 with issues, 1 could not be examined"
    assert summary[2] == f"high           1       0  {bad.target}"
    assert summary[3] == f"nothing        0       0  {good.target}"
    assert summary[4] == "not examined              https://gone.example/mcp: no connection"
    assert max(map(len, summary)) <= WIDTH


def test_a_finding_in_a_file_says_its_line() -> None:
    text = render([configured({"mcpServers": {"s": {"url": "http://mcp.example/mcp"}}})])

    assert "where   mcpServers.s.url (line 4)" in text


def test_a_file_as_a_whole_has_no_line() -> None:
    text = render([stored(lambda each: each.state.chmod(0o777))])

    assert "where   ~/.local/share/mcp-vacuum\n" in text

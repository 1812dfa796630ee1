"""The table of other programs' files."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.foreign_stores import FORMATS


def test_the_table_says_where_each_format_was_read() -> None:
    assert all(known.tool and known.read_in for known in FORMATS)
    assert {
        "mcp-remote",
        "Claude Code",
        "Claude Desktop",
        "VS Code",
        "Cursor",
        "Gemini CLI",
        "Codex",
        "FastMCP",
    } <= {known.tool for known in FORMATS}


def test_each_row_is_there_once() -> None:
    places = [(known.base, known.pattern) for known in FORMATS]

    assert len(places) == len(set(places))


def test_no_pattern_leads_out_of_its_directory() -> None:
    assert not [known for known in FORMATS if ".." in known.pattern or known.pattern.startswith(("/", "**"))]

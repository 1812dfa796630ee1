"""The style sheet: light, dark, narrow, paper."""

from __future__ import annotations

from mcp_vacuum.audit.formats.page.style import style
from mcp_vacuum.audit.rule import Severity


def test_it_knows_the_dark_the_phone_and_the_printer() -> None:
    sheet = style([3])

    assert "prefers-color-scheme: dark" in sheet
    assert "max-width" in sheet
    assert "@media print" in sheet


def test_each_severity_can_be_hidden_without_a_script() -> None:
    sheet = style([3])

    assert all(f"[data-severity={severity.word}]:not(:checked)" in sheet for severity in Severity)


def test_lifelines_stand_in_the_middle_of_equal_columns() -> None:
    assert ".lanes-2 .line-0 { left: calc(25.000%" in style([2])
    assert ".lanes-2 .to-1 .arrow { width: 50.000%" in style([2])


def test_nothing_is_loaded() -> None:
    assert "url(" not in style([3])
    assert "@import" not in style([3])

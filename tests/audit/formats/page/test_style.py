"""The style sheet: light, dark, narrow, paper."""

from __future__ import annotations

import re

import pytest

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


def _colours(sheet: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{3,6});", sheet))


def _light(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_light(one), _light(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "paper"])
def test_every_text_can_be_read_on_every_ground(scheme: str) -> None:
    light, _, rest = style([3]).partition("prefers-color-scheme: dark")
    dark, _, paper = rest.partition("@media print")
    colours = _colours({"light": light, "dark": dark, "paper": paper}[scheme])
    texts = ("ink", "soft", "link", "good", *(severity.word for severity in Severity))
    poor = {
        (text, ground): round(ratio, 2)
        for text in texts
        for ground in ("paper", "card", "code")
        if (ratio := _contrast(colours[text], colours[ground])) < 4.5
    }

    assert poor == {}


def test_nothing_is_loaded() -> None:
    assert "url(" not in style([3])
    assert "@import" not in style([3])

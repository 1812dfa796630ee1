"""The words of the laboratory."""

from __future__ import annotations

from mcp_vacuum.audit import marks


def test_the_hostile_text_holds_everything_that_rules_look_for() -> None:
    assert marks.CONTROLS in marks.HOSTILE_TEXT
    assert marks.MARKUP in marks.HOSTILE_TEXT
    assert any(line.startswith(marks.LINE) for line in marks.HOSTILE_TEXT.splitlines())


def test_no_word_could_be_found_in_another() -> None:
    ours = {name: value for name, value in vars(marks).items() if name.isupper() and name[0] != "_"}
    words = [value for name, value in ours.items() if name != "HOSTILE_TEXT"]

    assert not [(one, other) for one in words for other in words if one is not other and one in other]

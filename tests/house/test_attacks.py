"""docs/attacks.md says what the suite does, and the suite is as large as it claims."""

from __future__ import annotations

from tests.attacks.report import DOCUMENT, document, families


def test_the_document_is_current() -> None:
    assert DOCUMENT.read_text() == document(), "python -m tests.attacks --write"


def test_there_are_ninety_attacks_at_least() -> None:
    assert sum(map(len, families().values())) >= 90


def test_every_attack_names_its_source_and_its_defence() -> None:
    nameless = [
        attack.name
        for attacks in families().values()
        for attack in attacks
        if not attack.source or not attack.defence.name or not attack.defence.places
    ]

    assert nameless == []

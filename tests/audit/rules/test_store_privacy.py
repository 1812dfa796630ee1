"""What others can get to. The flaws themselves are planted in tests/audit/planted/store.py."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.store_traces import Surroundings, Trace
from mcp_vacuum.audit.rule import Severity, Verdict
from mcp_vacuum.audit.rules.store_privacy import RULES, no_copies_elsewhere, private_to_the_user
from mcp_vacuum.storage.entries import Entry
from tests.audit.stored import HOME, evidence, judged


def test_a_file_of_another_user() -> None:
    (found,) = judged(private_to_the_user, evidence(entries=(Entry(f"{HOME}/x", 0o100600, False),))).findings

    assert found.why == "it belongs to another user"


def test_no_directory_and_nothing_of_others_is_not_applicable() -> None:
    seen = evidence(directory=None, entries=(), vault=None, logins=())

    assert judged(private_to_the_user, seen).verdict is Verdict.NOT_APPLICABLE


def test_a_working_tree_that_ignores_it_is_fine() -> None:
    assert judged(no_copies_elsewhere, evidence(above=Surroundings("~", (), True))).verdict is Verdict.PASS


def test_what_a_name_says_is_not_certain() -> None:
    sure = Trace("~/.bash_history", "shell history", ("GitHub token",), 3, 1)
    name = Trace("~/.bash_history", "shell history", ("token (x)",), 3, 2, sure=False)
    first, second = judged(no_copies_elsewhere, evidence(traces=(sure, name))).findings

    assert (first.certain, first.severity) == (True, None)
    assert (second.certain, second.severity) == (False, Severity.MEDIUM)
    assert second.why.startswith("2 lines of a shell history")
    assert second.file is not None
    assert second.file.line == 3


def test_with_a_sealed_vault_copies_are_not_all_found() -> None:
    assert judged(no_copies_elsewhere, evidence(logins="the vault is locked")).verdict is Verdict.INCONCLUSIVE


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["ST-PERM-01", "ST-PERM-02"]

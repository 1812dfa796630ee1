"""The contract of the JSON."""

from __future__ import annotations

import json

from mcp_vacuum.audit.formats.json import render
from mcp_vacuum.audit.report import Unexamined
from tests.audit.planted.server import audited


def test_one_target_is_the_report_itself() -> None:
    document = json.loads(render([audited(no_pkce_advertised=True)]))

    assert set(document) == {"target", "compliant", "findings", "passed", "not_checked"}
    (finding,) = document["findings"]
    assert set(finding) == {"rule", "severity", "title", "where", "why", "fix", "sources", "certain"}
    assert all(set(each) == {"rule", "because"} for each in document["not_checked"])
    assert all(
        each["because"].startswith(("INCONCLUSIVE: ", "NOT_APPLICABLE: ")) for each in document["not_checked"]
    )


def test_each_member_has_the_type_that_is_promised() -> None:
    document = json.loads(render([audited(no_pkce_advertised=True, challenge=("Bearer realm=x",))]))
    told = {name: type(value) for name, value in document.items()}

    assert told == {"target": str, "compliant": bool, "findings": list, "passed": list, "not_checked": list}
    assert all(isinstance(each, str) for each in document["passed"])
    severities = [each["severity"] for each in document["findings"]]
    assert severities == sorted(severities, key=["critical", "high", "medium", "low", "info"].index)
    for each in document["findings"]:
        assert isinstance(each["certain"], bool)
        assert each["sources"]
        words = [each[name] for name in ("rule", "severity", "title", "where", "why", "fix")]
        assert all(isinstance(word, str) and word for word in (*words, *each["sources"]))


def test_several_targets_are_listed() -> None:
    document = json.loads(render([audited(), audited(no_pkce_advertised=True)]))

    assert set(document) == {"targets", "compliant"}
    assert [each["compliant"] for each in document["targets"]] == [True, False]
    assert document["compliant"] is False


def test_one_of_two_that_could_not_be_examined_is_still_several_and_not_compliant() -> None:
    document = json.loads(render([audited()], [Unexamined("https://gone.example/mcp", "no connection")]))

    assert [each["compliant"] for each in document["targets"]] == [True]
    assert document["compliant"] is False

"""SARIF 2.1.0, judged by its own schema."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from mcp_vacuum.audit.formats.sarif import FINGERPRINT, render
from mcp_vacuum.audit.report import ReportedFinding, SecurityReport, Unexamined
from mcp_vacuum.audit.rule import FileSpot, Finding
from mcp_vacuum.audit.rules import CATALOGUE, OF_THE_GUIDE
from mcp_vacuum.audit.sources import page
from tests.audit.conftest import altered, audit
from tests.audit.machine import audited as stored
from tests.audit.made import answered
from tests.audit.planted.config import audited as configured
from tests.audit.planted.server import audited

SCHEMA = Path(__file__).parents[1] / "schemas" / "sarif-schema-2.1.0.json"


@cache
def validator() -> Draft4Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft4Validator.check_schema(schema)
    return Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER)


def run(*reports: SecurityReport, unexamined: tuple[Unexamined, ...] = ()) -> dict[str, Any]:
    """Return the only run of a log that its schema finds nothing wrong with."""
    log = json.loads(render(reports, unexamined))
    assert [error.message for error in validator().iter_errors(log)] == []
    (only,) = log["runs"]
    return dict(only)


def test_an_audit_of_a_server() -> None:
    report = audited(no_pkce_advertised=True, challenge=("Bearer realm=x",))
    (result, *others) = run(report)["results"]

    assert (result["ruleId"], result["level"], result["kind"]) == ("AS-PKCE-01", "error", "fail")
    assert [each["level"] for each in others] == ["note"] * 3
    assert result["webResponse"] == {"statusCode": 200}
    assert result["properties"]["security-severity"] == "8.0"


def test_an_audit_of_what_is_no_url() -> None:
    results = run(audit(altered(code_challenge=None, state=None)))["results"]
    place = results[0]["locations"][0]["physicalLocation"]["artifactLocation"]

    assert place == {"uri": "client%20client"}
    assert results[0]["level"] == "error"


def test_a_finding_in_a_file_points_at_its_line() -> None:
    spot = FileSpot("configs/my client.json", 12)
    found = (
        ReportedFinding(CATALOGUE[0], Finding("my client.json: client_secret", "it is readable", file=spot)),
        ReportedFinding(CATALOGUE[0], Finding("~/.config/x", "it is", file=FileSpot("~/.config/x"))),
    )
    places = [
        each["locations"][0]["physicalLocation"] for each in run(SecurityReport("config", found))["results"]
    ]

    assert places == [
        {"artifactLocation": {"uri": "configs/my%20client.json"}, "region": {"startLine": 12}},
        {"artifactLocation": {"uri": ".config/x", "uriBaseId": "HOME"}, "region": {"startLine": 1}},
    ]


def test_a_finding_that_is_in_no_message_and_no_file_points_at_the_target() -> None:
    found = ReportedFinding(CATALOGUE[0], Finding("the whole of it", "it is", certain=False))
    (result,) = run(SecurityReport("https://a.example/mcp", (found,)))["results"]
    place = result["locations"][0]["physicalLocation"]

    assert place["artifactLocation"] == {"uri": "a.example/mcp"}
    assert "webRequest" not in result
    assert "perhaps" in result["message"]["text"]


def test_no_place_has_a_scheme_since_code_scanning_would_refuse_the_whole_log() -> None:
    at = answered(url="http://localhost:8000/authorize?state=s#x")
    seen = ReportedFinding(CATALOGUE[0], Finding("state", "it is short", at=at))
    (result,) = run(SecurityReport("http://localhost:8000/mcp", (seen,), exchanges=(at,)))["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]

    assert place == "localhost%3A8000/authorize"
    assert result["webRequest"]["target"].startswith("http://localhost:8000/authorize?state=")
    for each in run(audited(no_pkce_advertised=True), audit(altered(state=None)))["results"]:
        assert ":" not in each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]


def test_many_targets_and_their_failures_are_one_run() -> None:
    flawed, gone = (
        audited(no_pkce_advertised=True),
        Unexamined("https://gone.example/\u202e", "no connection"),
    )
    only = run(flawed, audited(), flawed, audit(altered(state=None)), unexamined=(gone, gone))
    targets = {each["properties"]["target"] for each in only["results"]}

    assert targets == {flawed.target, "client client"}
    assert len(only["invocations"]) == 1


def test_nothing_at_all_is_valid_too() -> None:
    gone = Unexamined("https://gone.example/mcp", "no connection")
    only = run(unexamined=(gone,))

    assert only["results"] == []
    assert only["invocations"][0]["executionSuccessful"] is False


def test_each_result_points_at_its_rule() -> None:
    only = run(audited(no_pkce_advertised=True, challenge=("Bearer realm=x",)))
    rules = only["tool"]["driver"]["rules"]

    assert [rules[each["ruleIndex"]]["id"] for each in only["results"]] == [
        each["ruleId"] for each in only["results"]
    ]


def test_rules_say_how_bad_they_are_and_where_to_read() -> None:
    rules = {rule["id"]: rule for rule in run(audited(), audit(altered()))["tool"]["driver"]["rules"]}
    pkce = rules["AS-PKCE-01"]

    assert pkce["helpUri"] == page("AS-PKCE-01")
    assert pkce["properties"]["security-severity"] == "8.0"
    assert pkce["defaultConfiguration"] == {"level": "error"}
    assert "advertise S256" in pkce["help"]["markdown"]


def test_every_rule_of_the_catalogue_makes_a_valid_log() -> None:
    everything = SecurityReport("https://a.example/", passed=tuple(each.id for each in CATALOGUE))
    rules = run(everything)["tool"]["driver"]["rules"]

    assert len(rules) == len(CATALOGUE)
    assert {rule["id"] for rule in rules}.isdisjoint({rule.id for rule in OF_THE_GUIDE})


def test_fingerprints_are_the_same_in_the_next_run_and_differ_from_each_other() -> None:
    report = audit(altered(code_challenge=None, state=None))
    again = audit(altered(code_challenge=None, state=None))
    prints = [each["partialFingerprints"][FINGERPRINT] for each in run(report)["results"]]

    assert prints == [each["partialFingerprints"][FINGERPRINT] for each in run(again)["results"]]
    assert len(set(prints)) == len(prints) > 1


def test_what_could_not_be_judged_is_no_result_and_not_silent() -> None:
    only = run(audited())
    told = only["invocations"][0]["toolExecutionNotifications"]

    assert only["results"] == []
    assert "AS-PKCE-03" in {each["associatedRule"]["id"] for each in told}
    assert only["properties"]["compliant"] is True


def test_what_could_not_be_examined_is_an_error_of_the_run() -> None:
    only = run(audited(), unexamined=(Unexamined("https://gone.example/mcp", "no connection"),))
    (invocation,) = only["invocations"]

    assert invocation["executionSuccessful"] is False
    assert only["properties"]["compliant"] is False
    assert "https://gone.example/mcp was not examined: no connection" in [
        each["message"]["text"] for each in invocation["toolExecutionNotifications"]
    ]


def test_a_report_of_what_could_not_be_examined_is_an_error_of_the_run() -> None:
    only = run(SecurityReport("x {url}", unexamined=Unexamined("x {url}", "so", ("boom",))))
    (invocation,) = only["invocations"]

    assert invocation["executionSuccessful"] is False
    assert only["properties"]["compliant"] is False
    assert [each["message"]["text"] for each in invocation["toolExecutionNotifications"]] == [
        "x {url} was not examined: so\nboom"
    ]


def test_the_schema_refuses_what_is_wrong() -> None:
    log = json.loads(render([audited(no_pkce_advertised=True)]))
    log["runs"][0]["results"][0]["level"] = "bad"

    with pytest.raises(AssertionError):
        assert not list(validator().iter_errors(log))


def test_a_finding_in_a_file_points_at_its_line_and_tells_no_home() -> None:
    token = "kZ0wq3Xn7Vb1Tt5Lr9Pd"
    report = stored(lambda each: each.write(".codex/auth.json", {"tokens": {"refresh_token": token}}))
    only = run(report)
    (place,) = [each["locations"][0]["physicalLocation"] for each in only["results"]]

    assert place["artifactLocation"] == {"uri": ".codex/auth.json", "uriBaseId": "HOME"}
    assert place["region"] == {"startLine": 3}
    assert only["originalUriBaseIds"] == {"HOME": {"description": {"text": "the home directory"}}}


def test_a_file_elsewhere_is_a_file_uri() -> None:
    results = run(configured({"mcpServers": {"s": {"url": "http://mcp.example/a b"}}}))["results"]
    (place,) = [each["locations"][0]["physicalLocation"] for each in results]

    assert place["artifactLocation"]["uri"].startswith("file:///")
    assert place["artifactLocation"]["uri"].endswith("/mcp.json")
    assert place["region"] == {"startLine": 4}


def test_without_files_there_is_no_base() -> None:
    assert "originalUriBaseIds" not in run(audited(no_pkce_advertised=True))

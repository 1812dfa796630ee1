"""The audit of a client as a whole."""

from __future__ import annotations

import sys

import pytest

from mcp_vacuum.audit.clients import ClientOptions, audit_client, scenarios_of
from mcp_vacuum.errors import UsageError
from tests.audit.planted.client import audited, command
from tests.audit.planted.document import hosted, run


def test_an_honest_client_has_no_findings() -> None:
    done: list[str] = []
    options = ClientOptions(("LAB-11/null", "LAB-13/altered"))
    report = audit_client(command(), options, done=done.append)

    assert report.findings == ()
    assert sorted(done) == ["LAB-00", "LAB-11/null", "LAB-13/altered"]
    assert report.target.endswith("'{url}'")
    assert "CL-PKCE-01" in report.passed


@pytest.mark.long
def test_an_honest_client_has_no_findings_in_any_scenario() -> None:
    report = audit_client(command())

    assert report.issues == []


def test_without_a_working_control_nothing_is_concluded() -> None:
    silent = [sys.executable, "-IS", "-c", "pass", "{url}"]
    report = audit_client(silent, ClientOptions(("LAB-11", "LAB-13")))

    assert report.findings == ()
    assert {rule for rule in report.passed if rule.startswith("CL-")} == set()
    assert any(
        "LAB-00, where nothing misbehaves, did not work" in because for _, because in report.not_checked
    )


def test_the_recording_of_a_finding_is_shown() -> None:
    report = audited("ignores-missing-pkce", "LAB-11/null")

    assert report.compliant is False
    assert {each.purpose for each in report.exchanges} == {"LAB-00", "LAB-11/null"}
    assert len({each.number for each in report.exchanges}) == len(report.exchanges)


def test_a_command_without_a_place_for_the_url_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no argument"):
        audit_client(["{url}", "x"])


def test_a_scenario_that_does_not_exist_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="LAB-99"):
        scenarios_of(ClientOptions(("LAB-99",)))


def test_a_program_that_does_not_exist_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="cannot be started"):
        audit_client(["/no/such/program", "{url}"])


def test_an_interruption_ends_the_clients_first() -> None:
    def interrupt(name: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit_client(command(), ClientOptions(("LAB-11",)), done=interrupt)


@pytest.mark.long
def test_a_metadata_document_is_left_where_it_is_unless_the_flag_is_given() -> None:
    with hosted() as url:
        unasked, asked = run(url, fetch_metadata=False), run(url)

    assert "only --fetch-metadata" in dict(unasked.not_checked)["CL-REG-03"]
    assert {"CL-REG-03", "CL-REG-04"} <= set(asked.passed)

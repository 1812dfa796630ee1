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


def saying(code: str) -> list[str]:
    """Return a client that runs this code, and never logs in."""
    return [sys.executable, "-IS", "-c", code, "{url}"]


def test_without_a_working_control_nothing_is_concluded() -> None:
    asks_once = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])"
    report = audit_client(saying(asks_once), ClientOptions(("LAB-11", "LAB-13")))

    assert report.findings == ()
    assert {rule for rule in report.passed if rule.startswith("CL-")} == set()
    assert any(
        "LAB-00, where nothing misbehaves, did not work" in because for _, because in report.not_checked
    )


def test_a_client_that_never_worked_could_not_be_examined() -> None:
    report = audit_client(saying("import sys; sys.exit('no module named x')"), ClientOptions(("LAB-11",)))

    assert report.compliant is False
    assert report.unexamined is not None
    assert "exit code 1" in report.unexamined.because
    assert report.unexamined.said == ("no module named x",)


def test_a_client_that_sends_nothing_is_not_started_again() -> None:
    done: list[str] = []
    audit_client(saying("pass"), ClientOptions(("LAB-11",)), done=done.append)

    assert done == ["LAB-00"]


def test_a_client_that_works_was_examined() -> None:
    assert audit_client(command(), ClientOptions(("LAB-00",))).unexamined is None


def test_what_it_printed_last_shows_no_variable_that_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "kZ0wq3Xn7Vb1Tt5Lr9Pd")
    says = saying("import os, sys; sys.exit('refused: ' + os.environ['A_KEY'])")
    report = audit_client(says, ClientOptions(("LAB-00",), keep_env=("A_KEY",)))

    assert report.unexamined is not None
    assert report.unexamined.said[0].startswith("refused: ***")


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

"""What can be read off a run."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.client import Answer, ClientEvidence, first, form_of, parameters, sent_header
from tests.audit.client_runs import AS, MCP, WORKED, call, exchange, opened, redemption, run


def test_a_run_is_read_by_what_was_requested() -> None:
    assert WORKED.worked
    assert [first(form_of(each), "code") for each in WORKED.redemptions] == ["code-of-the-laboratory"]
    assert [ask.get("client_id") for ask in WORKED.asks] == ["c"]
    assert len(WORKED.resource_metadata) == len(WORKED.server_metadata) == 1
    assert [sent_header(each, "authorization") for each in WORKED.authorized_calls] == [
        "Bearer token-of-the-laboratory"
    ]


def test_an_authorization_request_without_a_browser_counts_once() -> None:
    url = opened()
    own = exchange("GET", url)

    assert len(run("LAB-00", own).asks) == 1
    assert len(run("LAB-00", own, opened=(url,)).asks) == 1


def test_a_token_that_the_server_refused_is_no_success() -> None:
    assert not run("LAB-00", redemption(), call(401)).worked


def test_a_value_is_found_wherever_it_was_sent() -> None:
    in_url = exchange("GET", f"{AS}/x?token=token-of-the-laboratory")
    in_form = exchange("POST", f"{AS}/y", form={"a": "token-of-the-laboratory"})
    other = exchange("GET", f"{MCP}/z")

    assert run("LAB-00", in_url, in_form, call(), other).carrying(["token-of-the-laboratory"]) == (
        in_url,
        in_form,
        call(),
    )


def test_why_the_control_did_not_work_is_said() -> None:
    def why(*exchanges: object) -> str:
        return ClientEvidence((), (run("LAB-00", *exchanges),)).uncontrolled  # type: ignore[arg-type]

    assert "was not run" in ClientEvidence((), ()).uncontrolled
    assert "no authorization URL was opened" in why()
    assert "no token was asked for" in why(exchange("GET", opened()))
    assert ClientEvidence((), (WORKED,)).uncontrolled == ""


def test_runs_are_found_by_family_and_by_name() -> None:
    evidence = ClientEvidence((), (run("LAB-11/null"), run("LAB-11/plain"), run("LAB-13/empty")))

    assert [each.variant for each in evidence.of("LAB-11")] == ["null", "plain"]
    assert [each.variant for each in evidence.of("LAB-13/empty")] == ["empty"]


def test_repeated_parameters_are_kept_and_headers_of_answers_read() -> None:
    assert parameters("a=1&a=2&b=") == {"a": ("1", "2"), "b": ("",)}
    assert Answer("", "GET", "", 200, (("x", "y"),)).header("x") == "y"


def test_what_was_left_out_is_named_shortly() -> None:
    evidence = ClientEvidence((), (run("LAB-11/null"),), ("LAB-11/plain", "LAB-13/empty", "LAB-13/case"))

    assert evidence.missing("LAB-11") == ("LAB-11/plain",)
    assert evidence.missing("LAB-11/null") == ()
    assert evidence.missing("LAB-13", "LAB-13/empty") == ("LAB-13",)
    assert evidence.missing("LAB-99") == ("LAB-99",)

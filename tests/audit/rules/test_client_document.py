"""What the document says that a client's ID is the URL of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mcp_vacuum.audit.engine import Judgement, judge
from mcp_vacuum.audit.evidence.client import ClientEvidence, Run
from mcp_vacuum.audit.evidence.client_document import ClientDocument
from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.evidence.server import read
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.rule import Kind, Rule, Severity, Verdict
from mcp_vacuum.audit.rules.client_document import (
    RULES,
    document_of_a_client_is_valid,
    document_of_a_client_is_without_secret,
)
from tests.audit.client_runs import CALLBACK, WORKED, opened, run
from tests.audit.made import answered, unanswered
from tests.audit.planted.document import HONEST, PRIVATE_KEY, PUBLIC_KEY, SIGNED

URL = "https://client.example/mcp.json"
GOOD = {"client_id": URL, **HONEST}
VALID, WITHOUT_SECRET = document_of_a_client_is_valid, document_of_a_client_is_without_secret


def document(page: Exchange | dict[str, Any], keys: Exchange | None = None) -> ClientDocument:
    exchange = page if isinstance(page, Exchange) else answered(body=page, url=URL)
    return ClientDocument(URL, read("page", URL, exchange), read("keys", keys.url, keys) if keys else None)


def configured(rule: Rule, found: ClientDocument | None, *, redirect_uri: str = CALLBACK) -> Judgement:
    evidence = FlowEvidence(redirect_uri, (), "", (), URL, URL, found)
    return judge([rule], {Kind.FLOW: evidence}, (Kind.FLOW,))[0]


def seen(rule: Rule, *runs: Run, documents: tuple[ClientDocument, ...] = ()) -> Judgement:
    evidence = ClientEvidence(("client", "{url}"), runs, documents=documents)
    return judge([rule], {Kind.CLIENT: evidence}, (Kind.CLIENT,))[0]


def by_url(url: str = URL, redirect_uri: str = CALLBACK) -> Run:
    return run("LAB-18/cimd", opened=(opened(client_id=url, redirect_uri=redirect_uri),))


def whys(judgement: Judgement) -> list[str]:
    return [f"{each.where}: {each.why}" for each in judgement.findings]


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["CL-REG-03", "CL-REG-04"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
class TestWhoseDocument:
    def test_a_good_one_passes(self, rule: Rule) -> None:
        assert configured(rule, document(GOOD)).verdict is Verdict.PASS
        assert seen(rule, WORKED, by_url(), documents=(document(GOOD),)).verdict is Verdict.PASS

    def test_what_was_not_fetched_is_not_judged_and_the_flag_is_named(self, rule: Rule) -> None:
        for judgement, flag in (
            (configured(rule, None), "fetch_metadata=True"),
            (seen(rule, by_url()), "--fetch-metadata"),
        ):
            assert judgement.verdict is Verdict.INCONCLUSIVE
            assert flag in judgement.not_checked[0]

    def test_one_url_more_than_was_fetched_is_not_judged(self, rule: Rule) -> None:
        other = by_url("https://client.example/other.json")
        judgement = seen(rule, by_url(), other, documents=(document(GOOD),))

        assert judgement.verdict is Verdict.INCONCLUSIVE
        assert "more URLs" in judgement.not_checked[0]

    @pytest.mark.parametrize(
        ("runs", "verdict"),
        [
            ((WORKED,), Verdict.INCONCLUSIVE),
            ((WORKED, run("LAB-18/cimd")), Verdict.INCONCLUSIVE),
            ((WORKED, by_url("client-1")), Verdict.NOT_APPLICABLE),
        ],
        ids=["not offered", "not reached", "offered and not taken"],
    )
    def test_a_client_without_a_url(self, rule: Rule, runs: tuple[Run, ...], verdict: Verdict) -> None:
        assert seen(rule, *runs).verdict is verdict

    def test_a_configured_client_without_a_url(self, rule: Rule) -> None:
        evidence = FlowEvidence(CALLBACK, (), "", (), "client-1")
        judgement = judge([rule], {Kind.FLOW: evidence}, (Kind.FLOW,))[0]

        assert judgement.verdict is Verdict.NOT_APPLICABLE

    @pytest.mark.parametrize(
        "page",
        [unanswered(url=URL), answered(429, url=URL), answered(503, url=URL)],
        ids=["no answer", "too many requests", "an outage"],
    )
    def test_a_host_that_does_not_answer_proves_nothing(self, rule: Rule, page: Exchange) -> None:
        assert configured(rule, document(page)).verdict is Verdict.INCONCLUSIVE


class TestValid:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"client_id": URL.upper()}, "client_id"),
            ({"client_id": f"{URL}/"}, "client_id"),
            ({"client_id": None}, "client_id"),
            ({"client_name": " "}, "client_name"),
            ({"client_name": ["x"]}, "client_name"),
            ({"redirect_uris": []}, "redirect_uris"),
            ({"redirect_uris": CALLBACK}, "redirect_uris"),
            ({"redirect_uris": [7]}, "redirect_uris"),
            ({"redirect_uris": ["https://client.example/cb"]}, CALLBACK),
        ],
    )
    def test_a_member_that_is_not_as_it_should_be(self, changes: dict[str, Any], says: str) -> None:
        judgement = configured(VALID, document({**GOOD, **changes}))

        assert judgement.verdict is Verdict.FAIL
        assert [says in why for why in whys(judgement)] == [True]

    @pytest.mark.parametrize(
        ("listed", "used", "covered"),
        [
            ("http://127.0.0.1/callback", "http://127.0.0.1:8123/callback", True),
            ("http://127.0.0.1:1/callback", "http://127.0.0.1:2/callback", True),
            ("http://[::1]/callback", "http://[::1]:2/callback", True),
            ("http://localhost/callback", "http://localhost:2/callback", True),
            ("http://localhost/callback", "http://127.0.0.1:2/callback", False),
            ("http://127.0.0.1/callback", "http://127.0.0.1:8123/callback/", False),
            ("https://client.example/cb", "https://client.example/cb", True),
            ("https://client.example/cb", "https://client.example:8443/cb", False),
            ("https://[broken", "http://127.0.0.1/callback", False),
            ("com.example:/cb", "com.example:/cb", True),
        ],
    )
    def test_only_a_port_on_loopback_may_be_another(self, listed: str, used: str, covered: bool) -> None:
        found = document({**GOOD, "redirect_uris": [listed]})

        assert (configured(VALID, found, redirect_uri=used).verdict is Verdict.PASS) is covered
        assert (seen(VALID, by_url(redirect_uri=used), documents=(found,)).verdict is Verdict.PASS) is covered

    @pytest.mark.parametrize(
        ("status", "says"), [(404, "404"), (403, "403"), (201, "201"), (301, "a redirect"), (304, "304")]
    )
    def test_another_status_is_the_only_finding(self, status: int, says: str) -> None:
        judgement = configured(VALID, document(answered(status, GOOD, url=URL)))

        assert judgement.verdict is Verdict.FAIL
        assert [says in why for why in whys(judgement)] == [True]

    @pytest.mark.parametrize(
        ("media_type", "verdict"),
        [
            ("application/json; charset=utf-8", Verdict.PASS),
            ("application/cimd+json", Verdict.PASS),
            ("text/plain", Verdict.FAIL),
            ("text/x+json", Verdict.FAIL),
            ("", Verdict.FAIL),
        ],
    )
    def test_it_is_served_as_json(self, media_type: str, verdict: Verdict) -> None:
        page = answered(body=GOOD, url=URL, media_type=media_type)

        assert configured(VALID, document(page)).verdict is verdict

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"client_id": 1, "client_id": 2}', b"\xff"])
    def test_what_is_no_object_is_no_document(self, body: bytes) -> None:
        judgement = configured(VALID, document(answered(body=body, url=URL)))

        assert judgement.verdict is Verdict.FAIL
        assert "no metadata document" in whys(judgement)[0]

    def test_five_thousand_and_a_hundred_and_twenty_bytes_are_not_too_many(self) -> None:
        spare = 5 * 1024 - len(json.dumps({**GOOD, "padding": ""}))
        for more, verdict in ((0, Verdict.PASS), (1, Verdict.FAIL)):
            padded = {**GOOD, "padding": "x" * (spare + more)}
            assert configured(VALID, document(padded)).verdict is verdict

    def test_more_than_was_read_is_too_large(self) -> None:
        page = replace(unanswered("answers with more than 8192 bytes", url=URL), outcome="oversized")
        judgement = configured(VALID, document(page))

        assert [each.severity for each in judgement.findings] == [Severity.MEDIUM]
        assert configured(WITHOUT_SECRET, document(page)).verdict is Verdict.INCONCLUSIVE

    def test_every_uri_that_was_used_in_a_run_counts(self) -> None:
        other = by_url(redirect_uri="http://127.0.0.1:3/another")
        judgement = seen(VALID, by_url(), other, documents=(document(GOOD),))

        assert ["/another" in why for why in whys(judgement)] == [True]


class TestWithoutSecret:
    @pytest.mark.parametrize(
        ("changes", "count"),
        [
            ({"client_secret": "s3cret-of-everybody"}, 1),
            ({"client_secret": None, "client_secret_expires_at": 0}, 2),
            ({"token_endpoint_auth_method": "client_secret_basic"}, 1),
            ({"token_endpoint_auth_method": "client_secret_jwt"}, 1),
            (SIGNED, 1),
            ({**SIGNED, "jwks": {}}, 1),
            ({**SIGNED, "jwks": {"keys": [7]}}, 1),
            ({**SIGNED, "jwks": {"keys": [PRIVATE_KEY]}}, 1),
            ({"jwks": {"keys": [PUBLIC_KEY, {"kty": "oct", "k": "a-shared-key"}]}}, 1),
        ],
    )
    def test_what_everybody_could_use_is_found_and_not_repeated(
        self, changes: dict[str, Any], count: int
    ) -> None:
        judgement = configured(WITHOUT_SECRET, document({**GOOD, **changes}))
        told = " ".join(whys(judgement))

        assert judgement.verdict is Verdict.FAIL
        assert len(judgement.findings) == count
        assert not any(value in told for value in ("s3cret", "the-private-half", "a-shared-key"))

    @pytest.mark.parametrize(
        "changes",
        [{"token_endpoint_auth_method": None}, {**SIGNED, "jwks": {"keys": [PUBLIC_KEY]}}, {"jwks": 7}],
    )
    def test_public_keys_and_none_at_all_pass(self, changes: dict[str, Any]) -> None:
        assert configured(WITHOUT_SECRET, document({**GOOD, **changes})).verdict is Verdict.PASS

    @pytest.mark.parametrize(
        ("keys", "verdict"),
        [
            (answered(body={"keys": [PUBLIC_KEY]}), Verdict.PASS),
            (answered(body={"keys": [PUBLIC_KEY, PRIVATE_KEY]}), Verdict.FAIL),
            (answered(404), Verdict.FAIL),
            (answered(503), Verdict.INCONCLUSIVE),
            (unanswered(), Verdict.INCONCLUSIVE),
        ],
    )
    def test_the_keys_that_it_names_are_looked_at(self, keys: Exchange, verdict: Verdict) -> None:
        assert configured(WITHOUT_SECRET, document({**GOOD, **SIGNED}, keys)).verdict is verdict

    def test_a_document_that_is_none_is_not_judged(self) -> None:
        assert configured(WITHOUT_SECRET, document(answered(404, GOOD, url=URL))).verdict is (
            Verdict.INCONCLUSIVE
        )

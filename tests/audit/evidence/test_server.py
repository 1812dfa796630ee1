"""What is collected from a server, and that nothing is changed there."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcp_vacuum.audit.evidence.server import (
    NO_SUCH_TOOL,
    NO_TOKEN,
    ServerEvidence,
    collect_server,
    hints,
    read,
)
from mcp_vacuum.audit.evidence.wire import Wire
from mcp_vacuum.audit.rule import CannotTell
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.safety.policy import NetworkPolicy
from tests.audit.made import answered


def collected(lab: Lab) -> ServerEvidence:
    async def run() -> ServerEvidence:
        async with Wire(NetworkPolicy("127.0.0.1")) as wire:
            return await collect_server(wire, lab.mcp_url)

    return anyio.run(run)


def test_the_greetings_carry_no_token_and_call_no_tool() -> None:
    with Lab() as lab:
        evidence = collected(lab)
        sent = lab.recorder.to("/mcp")

    assert set(evidence.greetings) == {"initialize", "server/discover", "tools/list", "tools/call"}
    assert {each.headers.get("authorization") for each in sent} == {None, f"Bearer {NO_TOKEN}"}
    called: list[Any] = [each.json for each in sent if isinstance(each.json, dict)]
    assert {each["params"]["name"] for each in called if each["method"] == "tools/call"} == {NO_SUCH_TOOL}
    assert evidence.protected
    assert not evidence.open


def test_every_place_of_both_documents_is_looked_at() -> None:
    with Lab(LabConfig(issuer_path="/tenant")) as lab:
        evidence = collected(lab)

    assert [each.place for each in evidence.resource] == ["challenge", "path", "root"]
    assert [each.present for each in evidence.resource] == [True, True, False]
    (issuer,) = evidence.issuers
    assert issuer.name == lab.issuer
    assert [each.place for each in issuer.documents] == ["oauth", "openid", "openid below"]
    assert [each.place for each in issuer.found] == ["oauth"]


def test_a_url_that_two_places_share_is_fetched_once() -> None:
    with Lab() as lab:
        collected(lab)
        path = lab.resource_metadata_url.removeprefix(lab.mcp_url.removesuffix("/mcp"))

        assert len(lab.recorder.to(path)) == 2  # the second is for what changes between two fetches


def test_an_issuer_that_is_no_url_is_kept_and_not_asked() -> None:
    with Lab() as lab:
        lab.faults.resource_metadata_override = {"authorization_servers": ["javascript:x", "https://[broken"]}
        evidence = collected(lab)

    assert [issuer.name for issuer in evidence.issuers] == ["javascript:x", "https://[broken"]
    assert not any(issuer.found for issuer in evidence.issuers)
    assert {each.exchange.outcome for issuer in evidence.issuers for each in issuer.documents} == {"refused"}


def test_evidence_that_is_missing_says_what_is_missing() -> None:
    with Lab() as lab:
        lab.faults.resource_metadata_status = 404
        evidence = collected(lab)

    with pytest.raises(CannotTell, match="NOT_APPLICABLE: there is no protected resource metadata"):
        evidence.known_documents()


def test_an_odd_document_is_no_document() -> None:
    assert read("root", "u", answered(404)).problem == "status 404"
    assert read("root", "u", answered(200, b"[]")).problem == "not a JSON object"
    assert read("root", "u", answered(200, {"a": ["x", 1], "b": ["x"]})).words("a") is None


def test_hints_of_an_answer_without_a_challenge() -> None:
    assert hints(answered(401)) is None

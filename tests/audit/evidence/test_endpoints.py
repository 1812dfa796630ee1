"""What the endpoints of an authorization server show to everybody."""

from __future__ import annotations

from typing import Any

import anyio

from mcp_vacuum.audit.evidence.endpoints import NOTHING_SEEN, Endpoints, look_at_endpoints
from mcp_vacuum.audit.evidence.wire import Wire
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.safety.policy import NetworkPolicy


def looked(metadata: dict[str, Any]) -> Endpoints:
    async def run() -> Endpoints:
        async with Wire(NetworkPolicy("127.0.0.1")) as wire:
            return await look_at_endpoints(wire, metadata)

    return anyio.run(run)


def test_keys_first_page_and_what_a_script_gets() -> None:
    with Lab(LabConfig(metadata_form="openid")) as lab:
        found = looked(
            {"jwks_uri": f"{lab.issuer}/jwks", "authorization_endpoint": f"{lab.issuer}/authorize"}
        )
        sent = lab.recorder.to("/authorize")

    assert found.keys
    assert found.keys.document == {"keys": []}
    assert [each and each.status for each in (found.page, found.called, found.preflight)] == [400, 400, 405]
    assert sorted(each.headers.get("origin", "") for each in sent) == ["", *["https://evil.example"] * 2]
    assert not any(each.query for each in sent)


def test_what_is_not_named_is_not_asked() -> None:
    assert looked({}) == NOTHING_SEEN
    assert looked({"jwks_uri": 7, "authorization_endpoint": None}) == NOTHING_SEEN


def test_an_endpoint_that_is_no_url_is_not_asked_either() -> None:
    found = looked({"authorization_endpoint": "javascript:alert(1)"})

    assert found.page
    assert found.page.outcome == "refused"

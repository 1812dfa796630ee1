from __future__ import annotations

import pytest

from mcp_vacuum.errors import SecurityRefused
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.protocol.effects import HttpResponse
from mcp_vacuum.protocol.flows import revoke
from mcp_vacuum.protocol.revocation import revocation_refusal, revocation_request
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.testing.play import answers, play, requests

CLIENT = ClientCredentials(client_id="c")


class TestRevocation:
    """RFC 7009."""

    def test_the_request_names_token_kind_and_client(self) -> None:
        asked, refusal = play(
            revoke("https://as.example/revoke", CLIENT, Secret("t"), "refresh_token"), answers(200)
        )

        assert [request.form for request in requests(asked)] == [
            {"token": "t", "token_type_hint": "refresh_token", "client_id": "c"}
        ]
        assert refusal is None

    @pytest.mark.parametrize(
        ("answer", "refusal"),
        [
            (answers(200, body=b""), None),
            (answers(200, body=b"<html>"), None),
            (answers(204, body=b""), None),
            (answers(400, error="unsupported_token_type"), "unsupported_token_type"),
            (answers(400, error="a\x1b[2Jb"), "a\N{REPLACEMENT CHARACTER}[2Jb"),
            (answers(400, error="x" * 500), "x" * 80 + "…"),
            (answers(404, body=b"<html>"), "status 404"),
            (answers(503), "status 503"),
        ],
    )
    def test_every_200_means_done(self, answer: HttpResponse, refusal: str | None) -> None:
        assert revocation_refusal(answer) == refusal

    def test_a_plain_http_endpoint_gets_no_token(self) -> None:
        with pytest.raises(SecurityRefused, match="revocation_endpoint is plain http"):
            revocation_request("http://as.example/revoke", CLIENT, Secret("t"), "access_token")

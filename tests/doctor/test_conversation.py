"""What a server says when it is asked how to log in: discovery, listened to."""

from __future__ import annotations

import pytest

from mcp_vacuum.doctor.conversation import Conversation, Terms, converse, skew_of
from mcp_vacuum.errors import DiscoveryError, SecurityRefused, ServerUnavailable
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.protocol.discovery import Discovery, NotRequired
from mcp_vacuum.protocol.effects import HttpResponse
from mcp_vacuum.safety.policy import NetworkPolicy


def ask(lab: Lab, terms: Terms | None = None) -> Conversation:
    return converse(lab.mcp_url, NetworkPolicy("127.0.0.1"), terms or Terms())


def test_all_is_well(lab: Lab) -> None:
    talk = ask(lab)

    assert isinstance(talk.found, Discovery)
    assert talk.probe is not None
    assert talk.probe.protected
    assert len(talk.resource_exchanges) == len(talk.server_exchanges) == 1
    assert talk.resource_metadata is not None
    assert talk.server_metadata is not None
    assert [each.outcome for each in talk.exchanges] == ["401", "200", "200"]


def test_it_asks_no_more_than_a_login_does(lab: Lab) -> None:
    ask(lab)

    assert [request.method for request in lab.recorder.requests] == ["GET", "GET", "GET"]


def test_a_document_that_discovery_refuses_is_read_all_the_same(lab: Lab) -> None:
    lab.faults.no_pkce_advertised = True
    talk = ask(lab)

    assert isinstance(talk.error, SecurityRefused)
    assert talk.server_metadata is not None
    assert talk.server_metadata.token_endpoint is not None


def test_the_terms_of_the_stored_login_hold(lab: Lab) -> None:
    lab.faults.no_pkce_advertised = True

    assert isinstance(ask(lab, Terms(quirks=("pkce-unadvertised",))).found, Discovery)


def test_metadata_that_is_nowhere(lab: Lab) -> None:
    lab.faults.resource_metadata_status = 404
    talk = ask(lab)

    assert isinstance(talk.error, DiscoveryError)
    assert [each.outcome for each in talk.resource_exchanges] == ["404", "404"]
    assert talk.server_exchanges == ()


def test_a_server_that_is_down() -> None:
    with Lab() as lab:
        url = lab.mcp_url
    talk = converse(url, NetworkPolicy("127.0.0.1"), Terms())

    assert isinstance(talk.error, ServerUnavailable)
    assert talk.probe is None
    assert [each.outcome for each in talk.exchanges] == ["no answer"]
    assert talk.skew is None


def test_a_server_that_needs_no_login() -> None:
    with Lab(LabConfig(require_login=False)) as lab:
        assert isinstance(ask(lab).found, NotRequired)


class TestSkew:
    def test_this_machine(self, lab: Lab) -> None:
        skew = ask(lab).skew

        assert skew is not None
        assert abs(skew) < 30

    @pytest.mark.parametrize(
        ("headers", "skew"),
        [
            ((("date", "Thu, 01 Jan 2026 00:00:00 GMT"),), 60.0),
            ((("date", "Thu, 01 Jan 2026 00:00:00 GMT"), ("age", "60")), 0.0),
            ((("date", "yesterday"),), None),
            ((), None),
        ],
    )
    def test_the_date_of_an_answer(self, headers: tuple[tuple[str, str], ...], skew: float | None) -> None:
        assert skew_of(HttpResponse("https://x.example/", 200, headers, b"", 1_767_225_660.0)) == skew

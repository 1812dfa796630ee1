"""Whole conversations with a server that answers anything: they end, and in an error of this package."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcp_vacuum.errors import LoginDeclined, ServerUnavailable, VacuumError
from mcp_vacuum.models import Binding, ClientCredentials
from mcp_vacuum.protocol.authorization import authorization_request
from mcp_vacuum.protocol.device import device_login
from mcp_vacuum.protocol.discovery import discover, discover_auth_server
from mcp_vacuum.protocol.effects import Authorize, HttpRequest, HttpResponse, Moment, Sleep
from mcp_vacuum.protocol.flows import authorize, refresh, register
from mcp_vacuum.protocol.proof import Prover
from mcp_vacuum.safety.secret import Secret
from tests.fuzz.kit import bounded, responses

MOST_STEPS = 300
ANSWERS = st.lists(responses(), min_size=1, max_size=8)
BINDING = Binding("https://as.example/token", "c", "https://as.example", "https://mcp.example/mcp")
CLIENT = ClientCredentials(client_id="c", issuer="https://as.example")


def _held(flow: Generator[Any, Any, Any], answers: list[HttpResponse]) -> list[HttpRequest]:
    """Hold a conversation; the last answer is repeated for ever. Returns what was sent."""
    sent: list[HttpRequest] = []
    reply: Any = None
    error: Exception | None = None
    with suppress(VacuumError, StopIteration):
        for _ in range(MOST_STEPS):
            effect = flow.throw(error) if error else flow.send(reply)
            reply, error = None, None
            if isinstance(effect, HttpRequest):
                sent.append(effect)
                reply = answers[min(len(sent), len(answers)) - 1]
                if reply.status == 999:
                    reply, error = None, ServerUnavailable("no connection")
            elif isinstance(effect, Moment):
                reply = (1_790_000_000.0, "word")
            elif isinstance(effect, Authorize):
                error = LoginDeclined("nobody")
            else:
                assert not isinstance(effect, Sleep) or effect.seconds >= 0
        raise AssertionError(f"not over after {MOST_STEPS} steps")
    return sent


def _may_be_asked(request: HttpRequest) -> bool:
    return request.url.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]"))


@given(ANSWERS, st.booleans())
def test_discovery(answers: list[HttpResponse], legacy: bool) -> None:
    with bounded():
        sent = _held(discover("https://mcp.example/mcp", legacy=legacy), answers)
    assert all(map(_may_be_asked, sent))
    assert len(sent) < 40


@given(ANSWERS)
def test_server_metadata(answers: list[HttpResponse]) -> None:
    with bounded():
        sent = _held(discover_auth_server("https://as.example/tenant"), answers)
    assert {request.url.split("/")[2] for request in sent} == {"as.example"}


@given(ANSWERS)
def test_registration(answers: list[HttpResponse]) -> None:
    flow = register(
        "https://as.example/register",
        name="n",
        redirect_uris=("http://127.0.0.1/callback",),
        scope=None,
        issuer=None,
    )
    with bounded():
        assert len(_held(flow, answers)) == 1


@given(ANSWERS, st.booleans())
def test_refresh(answers: list[HttpResponse], proved: bool) -> None:
    """A refresh token goes to its endpoint alone, and a bounded number of times."""
    clock = iter(range(10**6))
    flow = refresh(
        CLIENT,
        BINDING,
        Secret("the-refresh-token"),
        patience=10.0,
        resend=True,
        jitter=lambda: 0.5,
        clock=lambda: float(next(clock)),
        prover=Prover.generate(None) if proved else None,
    )
    with bounded():
        sent = _held(flow, answers)
    assert {request.url for request in sent} == {BINDING.token_endpoint}
    assert len(sent) < 40


@given(ANSWERS)
def test_device(answers: list[HttpResponse]) -> None:
    flow = device_login("https://as.example/device", BINDING, CLIENT, scope=None, patience=100.0)
    with bounded():
        sent = _held(flow, answers)
    assert len(sent) < 120


@given(ANSWERS)
def test_authorization(answers: list[HttpResponse]) -> None:
    request = authorization_request(
        "https://as.example/authorize",
        client_id="c",
        redirect_uri="http://127.0.0.1/callback",
        state=Secret("s"),
        verifier=Secret("v"),
    )
    with bounded():
        assert _held(authorize(BINDING.token_endpoint, CLIENT, request), answers) == []

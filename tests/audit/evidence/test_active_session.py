"""What an active audit has so far."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.active_session import AS_USUAL, Session
from mcp_vacuum.audit.evidence.wire import Wire
from mcp_vacuum.safety.policy import NetworkPolicy
from tests.audit.seen_actively import Honest


def session_of(seen: ActiveEvidence) -> Session:
    assert seen.document is not None
    return Session(Wire(NetworkPolicy("127.0.0.1")), seen.server, seen.document)


def test_what_to_ask_for_is_what_the_server_asks_for(honest: Honest) -> None:
    seen, _ = honest
    session = session_of(seen)

    assert session.scope == "mcp:tools mcp:resources mcp:prompts offline_access"
    assert session.resource == seen.server.url
    assert session.issuer == seen.stated("issuer")
    assert session.endpoint("token") == f"{session.issuer}/token"


def test_reasons_are_kept_by_name(honest: Honest) -> None:
    session = session_of(honest[0])
    session.missing("why not", "a", "b")

    assert session.evidence().why("b") == "why not"
    assert session.token("a") is None


def test_the_usual_is_patient_and_bounded() -> None:
    assert AS_USUAL.most_logins == 16
    assert AS_USUAL.grace > 60
    assert AS_USUAL.patient is False

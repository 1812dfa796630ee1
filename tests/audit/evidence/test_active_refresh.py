"""Refresh tokens."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.lab import Lab
from tests.audit.seen_actively import Honest, collected


def sent(seen: ActiveEvidence, name: str) -> dict[str, str]:
    request = seen.seen[name].request
    assert request is not None
    return request.form


def test_the_first_token_comes_again_after_a_sound_refresh(honest: Honest) -> None:
    seen, _ = honest

    assert seen.seen["before reuse"].status == 200
    assert sent(seen, "reused")["refresh_token"] == seen.token("redeemed", "refresh_token")
    assert sent(seen, "after reuse")["refresh_token"] == seen.token("before reuse", "refresh_token")


def test_each_ending_has_a_grant_of_its_own(honest: Honest) -> None:
    seen, _ = honest
    ended = [
        sent(seen, name)["refresh_token"]
        for name in ("reused", "refreshed after replay", "refreshed after revocation")
    ]

    assert len(set(ended)) == 3


def test_another_client_asks_with_the_same_token(honest: Honest) -> None:
    seen, _ = honest

    assert (
        sent(seen, "refreshed as another")["refresh_token"]
        == sent(seen, "refreshed as itself")["refresh_token"]
    )


def test_without_a_refresh_token_none_of_it_applies() -> None:
    with Lab() as lab:
        lab.faults.no_refresh_token = True
        seen = collected(lab)

    assert seen.why("refreshed").startswith("NOT_APPLICABLE")

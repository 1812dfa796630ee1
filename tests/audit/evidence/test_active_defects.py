"""Logins that one question alone needs."""

from __future__ import annotations

from typing import Any

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.lab import Lab
from tests.audit.planted.active import HONEST, OTHER
from tests.audit.seen_actively import Honest, collected


def seen_with(**faults: Any) -> ActiveEvidence:
    with Lab(HONEST) as lab:
        for name, value in faults.items():
            setattr(lab.faults, name, value)
        return collected(lab)


def test_where_the_endpoint_refuses_nobody_has_to_log_in_to_see_it(honest: Honest) -> None:
    seen, _ = honest

    assert {"no challenge", "plain", "no method", "mutated redirect", "foreign redirect"}.isdisjoint(
        seen.visits
    )


def test_where_it_asks_a_login_decides() -> None:
    seen = seen_with(needs_no_challenge=True, refuses_unexpected_verifier=True, accepts_any_redirect="longer")

    assert [
        seen.seen[name].status for name in ("redeemed without challenge", "redeemed without verifier")
    ] == [400, 200]
    assert seen.visit("mutated redirect").said("redirect_uri") == f"{seen.redirect_uri}/more"
    assert "foreign redirect" not in seen.visits


def test_the_other_resource_is_the_one_that_was_named(honest: Honest) -> None:
    seen, _ = honest

    assert seen.visit("other resource").said("resource") == OTHER


def test_more_than_was_granted_is_asked_of_a_grant_of_its_own(honest: Honest) -> None:
    seen, _ = honest
    used = seen.seen["refreshed wider"].request

    assert used
    assert used.form["refresh_token"] == seen.token("granted for widening", "refresh_token")

"""Evidence by name, and the reasons where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.active import ActiveEvidence, Visit
from mcp_vacuum.audit.rule import CannotTell
from tests.audit.made import answered
from tests.audit.seen import evidence
from tests.audit.seen_actively import Honest

BACK = "http://127.0.0.1:1/callback?code=c&state=s&state=t"


def test_what_came_back_is_taken_apart() -> None:
    visit = Visit("first", (("state", "s"),), answered(), answered(url=BACK))

    assert (visit.one("code"), visit.one("iss"), visit.said("state")) == ("c", None, "s")
    assert visit.answer["state"] == ["s", "t"]
    assert Visit("first", (), answered(), failure="nobody came").answer == {}


@pytest.mark.parametrize(
    ("unseen", "because"),
    [
        ({"x": "NOT_APPLICABLE: there is none"}, "NOT_APPLICABLE: there is none"),
        ({"x": "the limit is reached"}, "INCONCLUSIVE: the limit is reached"),
        ({"all": "no client"}, "INCONCLUSIVE: no client"),
        ({}, "INCONCLUSIVE: x was not tried"),
    ],
)
def test_what_is_missing_has_its_reason(unseen: dict[str, str], because: str) -> None:
    seen = ActiveEvidence(evidence(), unseen=unseen)
    for look in (seen.exchange, seen.visit):
        with pytest.raises(CannotTell) as told:
            look("x")
        assert told.value.result.because == because


def test_a_login_that_brought_no_code_is_no_control() -> None:
    back = answered(url="http://127.0.0.1:1/callback?error=access_denied")
    seen = ActiveEvidence(evidence(), visits={"first": Visit("first", (), answered(), back)})

    assert seen.visit("first").one("error") == "access_denied"
    with pytest.raises(CannotTell, match="access_denied"):
        seen.login("first")


def test_nobody_came_back() -> None:
    lost = Visit("first", (), answered(), failure="nobody finished the login within 5 s")
    with pytest.raises(CannotTell, match="nobody finished"):
        ActiveEvidence(evidence(), visits={"first": lost}).visit("first")


def test_without_a_token_nothing_about_tokens_is_told(honest: Honest) -> None:
    seen, _ = honest
    assert seen.must_have_token() is seen.seen["redeemed"]
    refused = replace(seen, seen={**seen.seen, "redeemed": answered(400, {"error": "invalid_grant"})})
    with pytest.raises(CannotTell, match="brought no token"):
        refused.must_have_token()

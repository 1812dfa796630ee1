"""Pushed authorization requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.engine import Judgement
from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.rule import Verdict
from mcp_vacuum.audit.rules.server_pushed import RULES, pushed_requests_are_good_once
from tests.audit.made import answered, unanswered
from tests.audit.planted.active import PAR
from tests.audit.seen_actively import Honest, altered, judged_actively, seen_of


@pytest.fixture(scope="module")
def pushed() -> ActiveEvidence:
    """What is seen of an honest server, as if its requests had expired in time."""
    seen, _ = seen_of(PAR)
    return altered(seen, **{"pushed: expired": answered(400)})


def judged(seen: ActiveEvidence) -> Judgement:
    return judged_actively(pushed_requests_are_good_once, seen)


def without(seen: ActiveEvidence, name: str, why: str = "it was not tried") -> ActiveEvidence:
    kept = {each: exchange for each, exchange in seen.seen.items() if each != name}
    return replace(seen, seen=kept, unseen={**seen.unseen, name: why})


def test_no_rule_of_the_family_is_lost_or_renumbered() -> None:
    assert [rule.id for rule in RULES] == ["AS-PAR-01"]


def test_an_honest_server_passes(pushed: ActiveEvidence) -> None:
    assert judged(pushed).verdict is Verdict.PASS


def test_a_server_without_it_has_nothing_to_show(honest: Honest) -> None:
    assert judged(honest[0]).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    "name", ["pushed: for another", "pushed: again", "pushed: expired", "pushed: overridden"]
)
def test_what_was_not_tried_is_not_passed(pushed: ActiveEvidence, name: str) -> None:
    found = judged(without(pushed, name))

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.not_checked == ("INCONCLUSIVE: it was not tried",)


@pytest.mark.parametrize("name", ["pushed: for another", "pushed: again", "pushed without secret"])
@pytest.mark.parametrize("answer", [unanswered(), answered(503), answered(429)])
def test_no_refusal_is_no_pass(pushed: ActiveEvidence, name: str, answer: object) -> None:
    assert judged(altered(pushed, **{name: answer})).verdict is Verdict.INCONCLUSIVE  # type: ignore[arg-type]


def test_a_refusal_beside_a_control_that_failed_proves_nothing(pushed: ActiveEvidence) -> None:
    assert judged(altered(pushed, **{"pushed: asked": answered(400)})).verdict is Verdict.INCONCLUSIVE
    assert judged(altered(pushed, pushed_by_another=answered(401))).verdict is Verdict.INCONCLUSIVE


def test_everything_refused_or_lost_proves_nothing(pushed: ActiveEvidence) -> None:
    for answer in (answered(400, {"error": "invalid_request"}), unanswered()):
        assert judged(replace(pushed, seen=dict.fromkeys(pushed.seen, answer))).verdict is (
            Verdict.INCONCLUSIVE
        )


def test_a_page_after_the_end_is_no_code(pushed: ActiveEvidence) -> None:
    asks = altered(pushed, **{"pushed: again": pushed.seen["pushed: asked"]})

    assert judged(asks).verdict is Verdict.INCONCLUSIVE


def test_without_a_client_with_a_secret_the_rest_is_judged(pushed: ActiveEvidence) -> None:
    why = "NOT_APPLICABLE: no client with a secret could be registered"
    public = without(without(pushed, "pushed without secret", why), "pushed wrong secret", why)

    assert judged(public).verdict is Verdict.PASS


@pytest.mark.parametrize("stated", [None, 0, "soon", 601, 86400])
def test_a_lifetime_that_is_none_or_too_long(pushed: ActiveEvidence, stated: object) -> None:
    name = pushed.seen["pushed"].document["request_uri"]
    answer = answered(201, {"request_uri": name, "expires_in": stated})
    (found,) = judged(altered(pushed, pushed=answer)).findings

    assert "expires_in" in found.where


def test_names_of_few_letters_can_be_guessed(pushed: ActiveEvidence) -> None:
    pushes = [name for name in pushed.seen if name.startswith("pushed") and pushed.seen[name].status == 201]
    short = {
        name: answered(201, {"request_uri": f"urn:example:{place:x}", "expires_in": 9})
        for place, name in enumerate(pushes)
    }
    (found,) = judged(altered(pushed, **short)).findings

    assert found.why == "about 3 bits change from one to the next"


def test_whose_challenge_counts_shows_at_the_redemption(pushed: ActiveEvidence) -> None:
    good, bad = pushed.seen["granted as pushed"], answered(400, {"error": "invalid_grant"})
    (found,) = judged(altered(pushed, granted_as_pushed=bad, granted_by_the_address=good)).findings
    neither = judged(altered(pushed, granted_as_pushed=bad, granted_by_the_address=bad))

    assert "code_challenge" in found.why
    assert neither.verdict is Verdict.INCONCLUSIVE

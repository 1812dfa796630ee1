"""Requests that are pushed beforehand."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_vacuum.audit.evidence.active_pushed import lifetime_of
from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.pushed import PREFIX
from tests.audit.made import answered, unanswered
from tests.audit.planted.active import OPTIONS, PAR
from tests.audit.seen_actively import Honest, collected, seen_of


@pytest.fixture(scope="module")
def pushed() -> Honest:
    return seen_of(PAR)


def test_where_nothing_can_be_pushed_there_is_nothing_to_try(honest: Honest) -> None:
    assert honest[0].why("pushed").startswith("NOT_APPLICABLE: ")


def test_each_is_named_once_before_somebody_logs_in(pushed: Honest) -> None:
    seen, _ = pushed
    looked = [seen.seen[f"pushed: {which}"] for which in ("asked", "overridden", "for another")]
    names = [parse_qs(urlsplit(each.url).query)["request_uri"][0] for each in looked]

    assert len(set(names)) == 3
    assert all(name.startswith(PREFIX) for name in names)


def test_an_honest_server_refuses_what_is_wrong(pushed: Honest) -> None:
    seen, _ = pushed
    said = {name: each.status for name, each in seen.seen.items() if name.startswith("pushed")}

    assert (said["pushed: asked"], said["pushed: overridden"]) == (200, 200)
    assert (said["pushed: for another"], said["pushed: again"]) == (400, 400)
    assert (said["pushed without secret"], said["pushed wrong secret"]) == (401, 401)
    assert said["pushed by another"] == 201
    assert seen.seen["granted as pushed"].status == 200


def test_one_login_is_enough_where_other_values_are_ignored(pushed: Honest) -> None:
    seen, _ = pushed

    assert [name for name in seen.visits if name.startswith("pushed")] == ["pushed: overridden"]
    assert seen.visits["pushed: overridden"].one("state") != seen.visits["pushed: overridden"].said("state")


def test_a_server_that_refuses_other_values_is_logged_in_at_without_them() -> None:
    with Lab(PAR) as lab:
        lab.faults.around = lambda request, app: (
            answer
            if (answer := app(request)).status != 200
            or "request_uri" not in request.query
            or "state" not in request.query
            else replace(answer, status=400)
        )
        seen = collected(lab)

    assert seen.seen["pushed: overridden"].status == 400
    assert [name for name in seen.visits if name.startswith("pushed")] == ["pushed: login"]
    assert seen.seen["pushed: again"].status == 400


def test_who_waits_for_nothing_does_not_see_it_expire() -> None:
    with Lab(PAR) as lab:
        seen = collected(lab, replace(OPTIONS, expiry=0))

    assert "longer than this audit waits" in seen.why("pushed: expired")
    assert "pushed: expired" not in seen.seen


def test_where_pushing_fails_nothing_else_is_tried() -> None:
    with Lab(PAR) as lab:
        lab.faults.around = lambda request, app: app(
            replace(request, form={}) if request.path == "/par" else request
        )
        seen = collected(lab)

    assert seen.why("pushed: again") == "no request could be pushed"
    assert not [name for name in seen.visits if name.startswith("pushed")]


def test_nothing_is_pushed_in_the_clear() -> None:
    with Lab(PAR) as lab:
        name = "pushed_authorization_request_endpoint"
        lab.faults.metadata_override = {name: "http://as.example/par"}
        seen = collected(lab)

    assert seen.seen["pushed"].outcome == "refused"
    assert seen.why("pushed: again") == "no request could be pushed"
    assert "redeemed" in seen.seen


def test_nobody_but_the_server_says_how_long() -> None:
    assert lifetime_of(answered(201, {"request_uri": "x", "expires_in": 60})) == 60
    for stated in (0, -1, "60", True, None):
        assert lifetime_of(answered(201, {"request_uri": "x", "expires_in": stated})) is None
    assert lifetime_of(unanswered()) is None
    assert lifetime_of(answered(201, b'{"expires_in": NaN}')) is None
    assert lifetime_of(answered(201, {"expires_in": 10**400})) == 10**9

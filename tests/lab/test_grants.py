"""Rotation, grace and reuse, on a clock of our own and over HTTP (RFC 9700 §4.14.2)."""

import threading
from dataclasses import dataclass

import pytest

from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.lab.grants import Approval, Grants, Issued, s256
from mcp_vacuum.lab.messages import Refusal

from .plain import VERIFIER, Plain, challenge

APPROVAL = Approval("c", "ada", ("a", "b"), "https://r.example")


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


def grants_on(clock: Clock, *, grace: float = 0.0, rotate: bool = True) -> tuple[Grants, Issued]:
    grants = Grants(clock, lifetime=60, grace=grace, rotate=rotate)
    code = grants.issue_code(APPROVAL, "http://127.0.0.1/cb", challenge())
    return grants, grants.redeem(code, "c", VERIFIER, redirect_uri=None, resource=None, refreshable=True)


def refresh(grants: Grants, token: str | None, scopes: tuple[str, ...] = ()) -> Issued:
    assert token
    return grants.refresh(token, "c", scopes=scopes, resource=None)


class TestRotation:
    def test_every_refresh_brings_a_new_refresh_token(self) -> None:
        grants, first = grants_on(Clock())
        second = refresh(grants, first.refresh_token)
        third = refresh(grants, second.refresh_token)

        assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
        assert grants.reuses == 0

    def test_reuse_ends_the_family_with_its_access_tokens(self) -> None:
        grants, first = grants_on(Clock())
        second = refresh(grants, first.refresh_token)

        with pytest.raises(Refusal, match="revoked"):
            refresh(grants, first.refresh_token)

        assert grants.reuses == 1
        assert grants.access(second.access_token) is None
        with pytest.raises(Refusal, match="revoked"):
            refresh(grants, second.refresh_token)

    def test_reuse_ends_no_other_family(self) -> None:
        clock = Clock()
        grants, first = grants_on(clock)
        code = grants.issue_code(APPROVAL, "http://127.0.0.1/cb", challenge())
        other = grants.redeem(code, "c", VERIFIER, redirect_uri=None, resource=None, refreshable=True)
        refresh(grants, first.refresh_token)
        with pytest.raises(Refusal):
            refresh(grants, first.refresh_token)

        assert refresh(grants, other.refresh_token).access_token

    def test_without_rotation_the_token_stays(self) -> None:
        grants, first = grants_on(Clock(), rotate=False)
        answers = [refresh(grants, first.refresh_token) for _ in range(3)]

        assert {answer.refresh_token for answer in answers} == {first.refresh_token}
        assert len({answer.access_token for answer in answers}) == 3


class TestGrace:
    def test_within_it_the_same_successor_comes_again(self) -> None:
        clock = Clock()
        grants, first = grants_on(clock, grace=10)
        second = refresh(grants, first.refresh_token)
        clock.now += 10

        assert refresh(grants, first.refresh_token) == second
        assert grants.reuses == 0
        assert refresh(grants, second.refresh_token).refresh_token != second.refresh_token

    def test_after_it_the_family_ends(self) -> None:
        clock = Clock()
        grants, first = grants_on(clock, grace=10)
        second = refresh(grants, first.refresh_token)
        clock.now += 10.001
        with pytest.raises(Refusal, match="revoked"):
            refresh(grants, first.refresh_token)

        assert grants.reuses == 1
        assert grants.access(second.access_token) is None

    def test_expires_in_of_a_repeated_answer_counts_on(self) -> None:
        clock = Clock()
        grants, first = grants_on(clock, grace=10)
        refresh(grants, first.refresh_token)
        clock.now += 7

        assert grants.seconds_left(refresh(grants, first.refresh_token)) == 53


class TestScopesAndLifetimes:
    def test_a_refresh_may_narrow_the_scope_and_widen_it_again(self) -> None:
        grants, first = grants_on(Clock())
        narrow = refresh(grants, first.refresh_token, ("a",))

        assert narrow.scopes == ("a",)
        assert refresh(grants, narrow.refresh_token).scopes == ("a", "b")

    def test_a_refresh_for_more_is_refused_and_uses_nothing_up(self) -> None:
        grants, first = grants_on(Clock())
        with pytest.raises(Refusal) as caught:
            refresh(grants, first.refresh_token, ("a", "c"))

        assert caught.value.error == "invalid_scope"
        assert refresh(grants, first.refresh_token).access_token

    def test_an_access_token_lives_as_long_as_it_says(self) -> None:
        clock = Clock()
        grants, issued = grants_on(clock)
        clock.now += 59.9
        still = grants.access(issued.access_token)
        clock.now += 0.1

        assert still is not None
        assert grants.access(issued.access_token) is None

    def test_a_code_expires(self) -> None:
        clock = Clock()
        grants = Grants(clock, lifetime=60, grace=0, rotate=True, code_lifetime=5)
        code = grants.issue_code(APPROVAL, "http://127.0.0.1/cb", challenge())
        clock.now += 5.001
        with pytest.raises(Refusal, match="expired"):
            grants.redeem(code, "c", VERIFIER, redirect_uri=None, resource=None, refreshable=True)

    def test_s256_is_that_of_the_rfc(self) -> None:
        assert s256(VERIFIER) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 appendix B


class TestOverHttp:
    def test_reuse_is_seen_counted_and_answered(self, lab: Lab, plain: Plain) -> None:
        first = plain.login()
        second = plain.refresh(first["refresh_token"]).json

        assert plain.refresh(first["refresh_token"]).error == (400, "invalid_grant")
        assert plain.refresh(second["refresh_token"]).error == (400, "invalid_grant")
        assert plain.call(second["access_token"]).status == 401
        assert lab.reuse_detected == 1
        assert lab.refresh_tokens_seen() == (
            first["refresh_token"],
            first["refresh_token"],
            second["refresh_token"],
        )

    def test_of_fifty_simultaneous_refreshes_one_wins(self, lab: Lab, plain: Plain) -> None:
        token, statuses = plain.login()["refresh_token"], list[int]()
        threads = [
            threading.Thread(target=lambda: statuses.append(plain.refresh(token).status)) for _ in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(statuses) == [200] + [400] * 49
        assert lab.reuse_detected == 49

    def test_within_the_grace_all_of_them_get_the_same_tokens(self) -> None:
        with Lab(LabConfig(refresh_token_grace=30)) as lab:
            plain = Plain(lab)
            token = plain.login()["refresh_token"]
            answers = [plain.refresh(token).json for _ in range(3)]

            assert len({answer["access_token"] for answer in answers}) == 1
            assert len({answer["refresh_token"] for answer in answers}) == 1
            assert plain.call(answers[0]["access_token"]).status == 200
            assert lab.reuse_detected == 0

    def test_another_clients_refresh_token_is_refused_and_stays_good(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["refresh_token"]

        assert Plain(lab).refresh(token).error == (400, "invalid_grant")
        assert plain.refresh(token).status == 200

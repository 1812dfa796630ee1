"""When a token is good enough, and what an answer means."""

from __future__ import annotations

import pytest

from mcp_vacuum.models import OAuth2Token
from mcp_vacuum.protocol.token import Answer, Granted, Refused, TryLater, Unusable
from mcp_vacuum.storage.access import Held
from mcp_vacuum.testing.clock import Clock
from mcp_vacuum.tokens.policy import Verdict, doubtful, good_enough, judge

URL = "https://as.example/token"


def held(clock: Clock, lifetime: int) -> Held:
    token = OAuth2Token("at", expires_in=lifetime, created_at=clock.wall)
    return Held(token, 1, mono=clock.mono)


class TestGoodEnough:
    """More than min(min_validity, lifetime / 4) seconds have to be left."""

    @pytest.mark.parametrize(
        ("lifetime", "min_validity", "age", "expected"),
        [
            (3600, 60, 0, True),
            (3600, 60, 3539, True),
            (3600, 60, 3540, False),
            (3600, 60, 9999, False),
            (3600, 600, 2999, True),
            (3600, 600, 3000, False),
            (3600, 5000, 2699, True),
            (3600, 5000, 2700, False),
            (120, 60, 89, True),
            (120, 60, 90, False),
            (4, 60, 2, True),
            (4, 60, 3, False),
            (1, 60, 0, True),
            (3600, 0, 3599, True),
            (3600, 0, 3600, False),
        ],
    )
    def test_boundaries(self, lifetime: int, min_validity: float, age: float, expected: bool) -> None:
        clock = Clock(1_000_000.0)
        with clock.installed():
            token = held(clock, lifetime)
            clock.advance(age)

            assert good_enough(token, min_validity) is expected

    def test_a_machine_that_slept_past_the_end_knows_it(self) -> None:
        clock = Clock(1_000_000.0)
        with clock.installed():
            token = held(clock, 3600)
            clock.sleep(3600)

            assert not good_enough(token)

    def test_a_wall_clock_set_back_does_not_make_a_token_younger(self) -> None:
        clock = Clock(1_000_000.0)
        with clock.installed():
            token = held(clock, 3600)
            clock.advance(3600)
            clock.set_back(86_400)

            assert not good_enough(token)

    def test_a_wall_clock_set_back_does_not_end_a_fresh_token(self) -> None:
        clock = Clock(1_000_000.0)
        with clock.installed():
            token = held(clock, 3600)
            clock.set_back(86_400)

            assert good_enough(token)


class TestDoubtful:
    """Three unusable answers, spread over more than a minute."""

    @pytest.mark.parametrize(
        ("doubts", "expected"),
        [
            ((), False),
            ((0.0,), False),
            ((0.0, 100.0), False),
            ((0.0, 1.0, 2.0), False),
            ((0.0, 30.0, 60.0), False),
            ((0.0, 30.0, 60.5), True),
            ((0.0, 60.5, 61.0), True),
        ],
    )
    def test_boundaries(self, doubts: tuple[float, ...], expected: bool) -> None:
        assert doubtful(doubts) is expected


GRANTED = Granted(OAuth2Token("at"))


class TestJudge:
    @pytest.mark.parametrize(
        ("answer", "sent_before", "verdict"),
        [
            (GRANTED, False, Verdict.STORE),
            (GRANTED, True, Verdict.STORE),
            (Refused("invalid_grant", "", URL), False, Verdict.LOGIN_ENDED),
            (Refused("invalid_grant", "", URL), True, Verdict.REPLY_LOST),
            (Refused("invalid_client", "", URL), False, Verdict.REGISTRATION_STALE),
            (Refused("invalid_client", "", URL), True, Verdict.REGISTRATION_STALE),
            (Refused("unauthorized_client", "", URL), False, Verdict.REGISTRATION_STALE),
            (Refused("invalid_scope", "", URL), False, Verdict.AS_IT_CAME),
            (Refused("invalid_request", "", URL), True, Verdict.AS_IT_CAME),
            (Refused("made_up_by_the_server", "", URL), False, Verdict.AS_IT_CAME),
            (Refused("INVALID_GRANT", "", URL), False, Verdict.AS_IT_CAME),
            (Refused("temporarily_unavailable", "", URL), False, Verdict.TRY_LATER),
            (Refused("slow_down", "", URL), False, Verdict.TRY_LATER),
            (Unusable("HTML", URL), False, Verdict.NO_ANSWER_TO_THIS),
            (Unusable("HTML", URL), True, Verdict.NO_ANSWER_TO_THIS),
            (TryLater(503, None, URL), False, Verdict.TRY_LATER),
            (TryLater(429, 7.0, URL), True, Verdict.TRY_LATER),
        ],
    )
    def test_table(self, answer: Answer, sent_before: bool, verdict: Verdict) -> None:
        assert judge(answer, sent_before=sent_before) is verdict

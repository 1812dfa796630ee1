"""When a token is good enough, and what an answer to a refresh means. Pure; the table is data."""

from __future__ import annotations

from enum import Enum

from mcp_vacuum.protocol.token import Answer, Granted, Refused, TryLater, Unusable
from mcp_vacuum.storage.access import Held

MIN_VALIDITY = 60.0
"""Seconds of life that a token handed out should have left."""
DOUBTS = 3
DOUBTS_SPAN = 60.0
"""So many unusable answers, over more than so many seconds, make a login doubtful."""


def good_enough(held: Held, min_validity: float = MIN_VALIDITY) -> bool:
    """True if more than `min(min_validity, lifetime / 4)` seconds are left."""
    quarter = held.token.expires_in / 4
    return held.left() > (min_validity if min_validity < quarter else quarter)


def doubtful(doubts: tuple[float, ...]) -> bool:
    """True if the unusable answers are many, and spread over more than a minute."""
    return len(doubts) >= DOUBTS and doubts[-1] - doubts[0] > DOUBTS_SPAN


def doubted_again(doubts: tuple[float, ...], now: float) -> tuple[float, ...]:
    """Return the doubts with one more: the first is kept, or a busy client would never see a minute pass."""
    return (*doubts[: DOUBTS - 1], now)


class Verdict(Enum):
    """What happens to the login after a refresh."""

    STORE = "store the new token, generation + 1"
    LOGIN_ENDED = "the server's final word: a person has to log in"
    REPLY_LOST = "an earlier answer was lost, and with it the login: a person has to log in"
    REGISTRATION_STALE = "the client is unknown: register anew at the next login; the refresh token stays"
    AS_IT_CAME = "raise the server's error; nothing is cleared"
    NO_ANSWER_TO_THIS = "raise; nothing is cleared; three in more than a minute make the login doubtful"
    TRY_LATER = "raise, or go on with a token that is still valid; nothing is cleared"


_BY_ERROR = {
    "invalid_grant": Verdict.LOGIN_ENDED,
    "invalid_client": Verdict.REGISTRATION_STALE,
    "unauthorized_client": Verdict.REGISTRATION_STALE,
    "temporarily_unavailable": Verdict.TRY_LATER,
    "server_error": Verdict.TRY_LATER,
    "slow_down": Verdict.TRY_LATER,
}

_BY_KIND: dict[type[Answer], Verdict] = {
    Granted: Verdict.STORE,
    Unusable: Verdict.NO_ANSWER_TO_THIS,
    TryLater: Verdict.TRY_LATER,
}


def judge(answer: Answer, *, sent_before: bool) -> Verdict:
    """Look an answer up in the table; the JSON member `error` counts, whatever 4xx carried it.

    Args:
        answer: What the token endpoint said.
        sent_before: The same refresh token was sent once before and its answer never arrived.
    """
    if not isinstance(answer, Refused):
        return _BY_KIND[type(answer)]
    verdict = _BY_ERROR.get(answer.error, Verdict.AS_IT_CAME)
    return Verdict.REPLY_LOST if verdict is Verdict.LOGIN_ENDED and sent_before else verdict

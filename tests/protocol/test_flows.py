from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mcp_vacuum.errors import (
    AnswerLost,
    AuthenticationError,
    LoginDeclined,
    OAuthError,
    SecurityRefused,
    ServerUnavailable,
)
from mcp_vacuum.models import Binding, ClientCredentials, OAuth2Token
from mcp_vacuum.protocol.authorization import AuthorizationRequest, authorization_request
from mcp_vacuum.protocol.effects import Effect, HttpResponse, Sleep
from mcp_vacuum.protocol.flows import RefreshResult, authorize, exchange, refresh
from mcp_vacuum.protocol.token import Granted, Refused, TryLater, Unusable
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.testing.play import AT, Reply, answers, authorizations, play, requests

ENDPOINT = "https://as.example/token"
CALLBACK = "http://127.0.0.1:4711/callback"
CLIENT = ClientCredentials(client_id="c")
BINDING = Binding(ENDPOINT, "c", "https://as.example", "https://mcp.example/mcp")
OLD = Secret("old-refresh")
GOOD_CALLBACK = f"{CALLBACK}?code=the-code&state=s&iss=https://as.example"
TOKEN = answers(200, access_token="new", token_type="Bearer", expires_in=60, refresh_token="rotated")
NO_CONNECTION = ServerUnavailable("no connection")
LOST = AnswerLost("reset after it was sent")


def pending(resource: str | None = "https://mcp.example/mcp") -> AuthorizationRequest:
    return authorization_request(
        "https://as.example/authorize",
        client_id="c",
        redirect_uri=CALLBACK,
        state=Secret("s"),
        verifier=Secret("v" * 43),
        issuer="https://as.example",
        resource=resource,
    )


def pauses(asked: list[Effect]) -> list[float]:
    return [effect.seconds for effect in asked if isinstance(effect, Sleep)]


class Counted:
    """Replies that count how often something was sent, for flows that end in an error."""

    def __init__(self, *replies: HttpResponse | Exception) -> None:
        self.sent = 0
        self.replies: list[Reply] = []
        for reply in replies:
            self.replies.append(reply if isinstance(reply, Exception) else self._counting(reply))

    def _counting(self, reply: HttpResponse) -> Callable[[Effect], Any]:
        def answer(effect: Effect) -> HttpResponse:
            self.sent += 1
            return reply

        return answer


class TestAuthorize:
    """OAuth 2.1 §4.1: a person, a code, a token."""

    def test_the_code_becomes_a_token_that_is_bound(self) -> None:
        asked, granted = play(authorize(ENDPOINT, CLIENT, pending()), GOOD_CALLBACK, TOKEN)

        assert [visit.redirect_uri for visit in authorizations(asked)] == [CALLBACK]
        assert [request.url for request in requests(asked)] == [ENDPOINT]
        assert requests(asked)[0].form == {
            "grant_type": "authorization_code",
            "code": "the-code",
            "redirect_uri": CALLBACK,
            "code_verifier": "v" * 43,
            "resource": "https://mcp.example/mcp",
            "client_id": "c",
        }
        assert granted.token == OAuth2Token("new", "Bearer", 60, "rotated", None, AT)
        assert granted.token.binding == BINDING

    def test_the_listener_is_given_a_predicate_that_knows_the_state(self) -> None:
        asked, _ = play(authorize(ENDPOINT, CLIENT, pending()), GOOD_CALLBACK, TOKEN)
        (visit,) = authorizations(asked)

        assert visit.accepts(GOOD_CALLBACK)
        assert not visit.accepts(f"{CALLBACK}?code=the-code&state=foreign")

    def test_without_a_resource_none_is_sent(self) -> None:
        asked, _ = play(authorize(ENDPOINT, CLIENT, pending(None)), GOOD_CALLBACK, TOKEN)

        assert "resource" not in requests(asked)[0].form

    def test_an_answer_that_fails_a_check_sends_nothing(self) -> None:
        with pytest.raises(SecurityRefused):
            play(
                authorize(ENDPOINT, CLIENT, pending()), f"{CALLBACK}?code=x&state=s&iss=https://evil.example"
            )

    def test_a_person_who_does_not_answer_ends_it(self) -> None:
        with pytest.raises(LoginDeclined):
            play(authorize(ENDPOINT, CLIENT, pending()), LoginDeclined("nobody"))

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (answers(400, error="invalid_grant"), OAuthError),
            (answers(401, error="invalid_client"), OAuthError),
            (answers(200, body=b"<html>"), AuthenticationError),
            (answers(404, body=b"<html>"), AuthenticationError),
        ],
    )
    def test_a_refusal_is_final(self, answer: HttpResponse, error: type[Exception]) -> None:
        with pytest.raises(error):
            play(exchange(ENDPOINT, CLIENT, pending(), GOOD_CALLBACK), answer)

    def test_a_plain_http_token_endpoint_gets_no_code(self) -> None:
        with pytest.raises(SecurityRefused, match="token_endpoint is plain http"):
            play(exchange("http://as.example/token", CLIENT, pending(), GOOD_CALLBACK))


class TestTheCodeIsNotReplayed:
    """DESIGN §7: retried only when surely not processed, at most twice within 20 s."""

    @pytest.mark.parametrize("failure", [NO_CONNECTION, answers(429), answers(503)])
    def test_what_was_surely_not_processed_is_sent_again(self, failure: HttpResponse | Exception) -> None:
        asked, granted = play(exchange(ENDPOINT, CLIENT, pending(), GOOD_CALLBACK), failure, failure, TOKEN)

        assert [request.form["code"] for request in requests(asked)] == ["the-code"] * 3
        assert len({request.body for request in requests(asked)}) == 1
        assert pauses(asked) == [1.0, 2.0]
        assert granted.token.access_token == "new"

    @pytest.mark.parametrize("failure", [NO_CONNECTION, answers(503)])
    def test_it_is_sent_three_times_at_most(self, failure: HttpResponse | Exception) -> None:
        with pytest.raises(ServerUnavailable):
            play(exchange(ENDPOINT, CLIENT, pending(), GOOD_CALLBACK), failure, failure, failure)

    def test_a_lost_answer_ends_it(self) -> None:
        with pytest.raises(AnswerLost) as caught:
            play(exchange(ENDPOINT, CLIENT, pending(), GOOD_CALLBACK), AnswerLost("timeout"))

        assert "log in again" in (caught.value.hint or "")

    def test_a_lost_answer_to_the_second_try_ends_it_too(self) -> None:
        with pytest.raises(AnswerLost):
            play(exchange(ENDPOINT, CLIENT, pending(), GOOD_CALLBACK), answers(503), AnswerLost("timeout"))

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_other_trouble_of_the_server_ends_it(self, status: int) -> None:
        replies = Counted(answers(status))
        with pytest.raises(ServerUnavailable, match=str(status)):
            play(exchange(ENDPOINT, CLIENT, pending(), GOOD_CALLBACK), *replies.replies)

        assert replies.sent == 1

    def test_retry_after_is_obeyed_within_20_seconds(self) -> None:
        later = answers(503, headers={"retry-after": "15"})
        asked, _ = play(exchange(ENDPOINT, CLIENT, pending(), GOOD_CALLBACK), later, TOKEN)
        assert pauses(asked) == [15.0]

        replies = Counted(later, later)
        with pytest.raises(ServerUnavailable) as caught:
            play(exchange(ENDPOINT, CLIENT, pending(), GOOD_CALLBACK), *replies.replies)
        assert replies.sent == 2
        assert caught.value.hint == "try again in 15 s"


def refreshed(
    *replies: HttpResponse | Exception,
    patience: float = 60.0,
    resend: bool = True,
    jitter: float = 0.5,
    took: float = 0.0,
) -> tuple[list[Effect], RefreshResult]:
    """Refresh with a clock that moves by each pause, and by `took` seconds a request."""
    now = [50.0]
    waiting = list(replies)
    asked: list[Effect] = []
    flow = refresh(
        CLIENT,
        BINDING,
        OLD,
        patience=patience,
        resend=resend,
        jitter=lambda: jitter,
        clock=lambda: now[0],
    )
    reply: Any = None
    error: Exception | None = None
    while True:
        try:
            effect = flow.throw(error) if error else flow.send(reply)
        except StopIteration as done:
            assert not waiting
            result: RefreshResult = done.value
            return asked, result
        asked.append(effect)
        reply, error = None, None
        if isinstance(effect, Sleep):
            now[0] += effect.seconds
            continue
        now[0] += took
        head = waiting.pop(0)
        if isinstance(head, Exception):
            error = head
        else:
            reply = head


class TestRefresh:
    """What a client does with a refresh token (RFC 6749 §6, OAuth 2.1 §4.3)."""

    def test_a_rotated_refresh_token_comes_back_bound(self) -> None:
        asked, result = refreshed(TOKEN)

        assert [request.form["refresh_token"] for request in requests(asked)] == ["old-refresh"]
        assert result == RefreshResult(Granted(OAuth2Token("new", "Bearer", 60, "rotated", None, AT)))
        assert isinstance(result.answer, Granted)
        assert result.answer.token.binding == BINDING

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (answers(400, error="invalid_grant"), Refused),
            (answers(401, error="invalid_grant"), Refused),
            (answers(401, error="invalid_client"), Refused),
            (answers(404, body=b"<html>"), Unusable),
            (answers(200, body=b"<html>"), Unusable),
            (answers(302, headers={"location": "https://evil.example"}), Unusable),
        ],
    )
    def test_an_answer_is_a_value_and_is_not_asked_for_again(self, answer: HttpResponse, kind: type) -> None:
        asked, result = refreshed(answer)

        assert len(asked) == 1
        assert isinstance(result.answer, kind)
        assert (result.failure, result.sent_before, result.outcome_unknown) == (None, False, False)

    @pytest.mark.parametrize("trouble", [answers(429), answers(500), answers(503), NO_CONNECTION])
    def test_trouble_is_tried_again_with_growing_pauses(self, trouble: HttpResponse | Exception) -> None:
        asked, result = refreshed(*[trouble] * 7, TOKEN)

        assert pauses(asked) == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
        assert isinstance(result.answer, Granted)
        assert not result.sent_before

    @pytest.mark.parametrize(("jitter", "first"), [(0.0, 0.125), (1.0, 0.375)])
    def test_jitter_spreads_them_by_half(self, jitter: float, first: float) -> None:
        assert pauses(refreshed(answers(503), TOKEN, jitter=jitter)[0]) == [first]

    def test_retry_after_is_obeyed_within_the_patience(self) -> None:
        later = answers(503, headers={"retry-after": "30"})

        assert pauses(refreshed(later, TOKEN, patience=30.0)[0]) == [30.0]
        asked, result = refreshed(later, patience=29.9)
        assert pauses(asked) == []
        assert result.answer == TryLater(503, 30.0, later.url)

    def test_without_patience_there_is_a_single_try(self) -> None:
        asked, result = refreshed(NO_CONNECTION, patience=0.0)

        assert len(asked) == 1
        assert (result.answer, result.failure, result.outcome_unknown) == (None, NO_CONNECTION, False)

    def test_slow_answers_use_up_the_patience_too(self) -> None:
        asked, _ = refreshed(answers(503), answers(503), patience=5.0, took=3.0)

        assert len(requests(asked)) == 2


class TestALostAnswer:
    """DESIGN §7: the same token once more within 10 s; servers' grace windows are short."""

    @pytest.mark.parametrize("patience", [0.0, 60.0])
    def test_it_is_asked_for_once_more(self, patience: float) -> None:
        asked, result = refreshed(LOST, TOKEN, patience=patience)

        assert [request.form["refresh_token"] for request in requests(asked)] == ["old-refresh"] * 2
        assert isinstance(result.answer, Granted)
        assert result.sent_before
        assert not result.outcome_unknown

    @pytest.mark.parametrize("body", [b'{"access_token": "new", "ref', b"{", b'  {"a": [1, 2]'])
    def test_an_answer_that_breaks_off_is_one(self, body: bytes) -> None:
        asked, result = refreshed(answers(200, body=body), TOKEN)

        assert len(requests(asked)) == 2
        assert isinstance(result.answer, Granted)
        assert result.sent_before
        assert refreshed(answers(200, body=body), answers(200, body=body))[1].outcome_unknown

    @pytest.mark.parametrize("body", [b"", b"<html>", b'{"access_token": tru}\n'])
    def test_nonsense_that_is_whole_is_none(self, body: bytes) -> None:
        asked, result = refreshed(answers(200, body=body))

        assert len(requests(asked)) == 1
        assert isinstance(result.answer, Unusable)

    def test_a_refusal_then_means_that_the_reply_was_lost(self) -> None:
        _, result = refreshed(LOST, answers(400, error="invalid_grant"))

        assert isinstance(result.answer, Refused)
        assert result.sent_before

    def test_lost_twice_its_outcome_is_unknown(self) -> None:
        asked, result = refreshed(LOST, AnswerLost("again"))

        assert len(requests(asked)) == 2
        assert result.answer is None
        assert result.outcome_unknown

    def test_a_second_try_that_finds_no_connection_does_not_make_it_known(self) -> None:
        # The journal may not be closed: the server may have rotated the token at the first try.
        _, result = refreshed(LOST, NO_CONNECTION, patience=0.0)

        assert result.answer is None
        assert result.failure is LOST
        assert result.outcome_unknown

    def test_trouble_after_the_loss_is_waited_out(self) -> None:
        _, result = refreshed(LOST, answers(503), NO_CONNECTION, TOKEN)

        assert isinstance(result.answer, Granted)
        assert result.sent_before

    def test_it_may_be_forbidden(self) -> None:
        asked, result = refreshed(LOST, resend=False)

        assert len(asked) == 1
        assert result.failure is LOST
        assert result.outcome_unknown

    @pytest.mark.parametrize(("took", "sent"), [(9.7, 2), (9.8, 1), (15.0, 1)])
    def test_it_is_never_sent_again_after_ten_seconds(self, took: float, sent: int) -> None:
        asked, _ = refreshed(LOST, *[TOKEN] * (sent - 1), took=took)

        assert len(requests(asked)) == sent

    def test_a_pause_that_would_end_too_late_is_not_begun(self) -> None:
        # Five troubles make the next pause 8 s long; 7.75 s have passed.
        asked, result = refreshed(*[answers(503)] * 5, LOST)

        assert len(requests(asked)) == 6
        assert sum(pauses(asked)) == 7.75
        assert result.outcome_unknown


def test_a_plain_http_endpoint_of_a_record_gets_no_refresh_token() -> None:
    binding = Binding("http://as.example/token", "c")
    flow = refresh(CLIENT, binding, OLD, patience=0, resend=True, jitter=float, clock=float)
    with pytest.raises(SecurityRefused, match="plain http"):
        play(flow)

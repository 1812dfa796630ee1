"""Logins, sound ones and others."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from mcp_vacuum.audit.evidence.active_login import Logins, challenge_of, listen
from mcp_vacuum.drivers.loopback import WideListener
from mcp_vacuum.protocol.pkce import s256
from mcp_vacuum.safety.secret import Secret
from tests.audit.seen_actively import Honest


def test_what_is_sent_is_what_is_written_down(honest: Honest) -> None:
    seen, requests = honest
    visit = seen.visits["first"]
    asked = [each for each in requests if each.query.get("state") == (visit.said("state"),)]

    assert {name: values[0] for name, values in asked[0].query.items()} == dict(visit.sent)
    assert parse_qs(urlsplit(visit.asked.url).query)["state"] == [visit.said("state")]
    assert visit.verb == "GET"


def test_a_late_answer_to_an_earlier_login_is_ignored() -> None:
    accepts = Logins._accepts(frozenset({"old"}))

    assert accepts("http://127.0.0.1:1/callback?code=c&state=another")
    assert accepts("http://127.0.0.1:1/elsewhere?error=e")
    assert not accepts("http://127.0.0.1:1/callback?code=c&state=old")
    assert not accepts("http://127.0.0.1:1/favicon.ico")


def test_a_verifier_need_not_be_a_good_one() -> None:
    assert challenge_of("short") == s256(Secret("short"))


def test_the_callback_is_where_it_was_registered() -> None:
    with listen("http://127.0.0.1/there", 0) as listener:
        assert isinstance(listener, WideListener)
        assert listener.redirect_uri.endswith("/there")
    with listen(None, 0) as listener:
        assert listener.redirect_uri.endswith("/callback")

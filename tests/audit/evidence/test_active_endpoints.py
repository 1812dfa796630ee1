"""The other endpoints."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active_endpoints import GUESSES
from tests.audit.seen_actively import Honest


def test_no_real_secret_stands_in_a_url(honest: Honest) -> None:
    seen, _ = honest
    url = seen.seen["token by GET"].url

    assert "code=made-up" in url
    assert "client_secret" not in url


def test_guessing_ends_where_the_server_has_enough(honest: Honest) -> None:
    seen, _ = honest
    guesses = [each for name, each in seen.seen.items() if name.startswith("guess ")]

    assert guesses[-1].status == 429
    assert len(guesses) == 11 < GUESSES


def test_a_device_login_is_begun_and_polled_twice(honest: Honest) -> None:
    seen, _ = honest

    assert [seen.seen[name].status for name in ("device", "polled", "polled at once")] == [200, 400, 400]

"""Access tokens in memory: shared by the process, dated by two clocks."""

from __future__ import annotations

import os

import pytest

from mcp_vacuum.models import OAuth2Token
from mcp_vacuum.storage.access import ACCESS_TOKENS, AccessTokens, Held
from mcp_vacuum.testing.clock import Clock

PLACE = ("store", "server", "default")


def held(generation: int = 1, lifetime: int = 100) -> Held:
    return Held(OAuth2Token("access", expires_in=lifetime), generation)


def test_what_was_put_is_found_and_can_be_forgotten() -> None:
    tokens = AccessTokens()
    tokens.put(PLACE, held())

    assert tokens.get(PLACE) is not None
    tokens.forget(PLACE)
    assert tokens.get(PLACE) is None
    tokens.forget(PLACE)


def test_the_last_one_to_write_the_record_counts_even_if_its_generations_began_anew() -> None:
    tokens = AccessTokens()
    tokens.put(PLACE, held(generation=5))
    tokens.put(PLACE, held(generation=1))  # logged out and in again by somebody else

    found = tokens.get(PLACE)
    assert found is not None
    assert found.generation == 1


class TestLeft:
    """How much life is surely left, whatever happens to the clocks."""

    def test_both_clocks_going_on_count_once(self) -> None:
        with Clock().installed() as clock:
            token = held()
            clock.advance(30)

            assert token.left() == pytest.approx(70)

    def test_a_machine_that_slept_counts_the_sleep(self) -> None:
        with Clock().installed() as clock:
            token = held()
            clock.sleep(200)

            assert token.left() < 0

    def test_a_wall_clock_set_back_by_an_hour_makes_nothing_younger(self) -> None:
        with Clock().installed() as clock:
            token = held()
            clock.advance(90)
            clock.set_back(3600)

            assert token.left() == pytest.approx(10)

    def test_a_wall_clock_set_forward_by_an_hour_ends_the_token_early_which_is_safe(self) -> None:
        with Clock().installed() as clock:
            token = held()
            clock.set_back(-3600)

            assert token.left() < 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_with_the_lock_held_does_not_hang_the_child() -> None:
    with ACCESS_TOKENS._lock:
        child = os.fork()
        if child == 0:
            ACCESS_TOKENS.put(PLACE, held())
            os._exit(0)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def test_a_held_token_shows_no_secret() -> None:
    token = OAuth2Token("very-secret-access-token", refresh_token="very-secret-refresh-token")

    assert "very-secret" not in repr(Held(token, 1))

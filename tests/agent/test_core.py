"""What the agent does with a request, case by case."""

from __future__ import annotations

import pytest

from mcp_vacuum.agent import core, wire
from mcp_vacuum.agent.core import CloseStore, End, OpenStore, Refuse, Serve, State, handle, opened, should_end
from mcp_vacuum.errors import VaultLocked
from mcp_vacuum.safety.secret import Secret

OPEN = State(locked=False, active_at=0.0)
LOCKED = State(locked=True, active_at=0.0)
OF_TOKENS: list[wire.Request] = [
    wire.Find("n", "a"),
    wire.Token("n", "a", 60.0),
    wire.Headers("s", "a", "GET", "u"),
    wire.Adopt("s", "a", 1, Secret("t"), "Bearer", 1, 1.0, 1.0),
    wire.Forget("s", "a"),
]


def refusal(effect: core.Effect) -> VaultLocked:
    assert isinstance(effect, Refuse)
    assert isinstance(effect.error, VaultLocked)
    return effect.error


class TestHandle:
    @pytest.mark.parametrize("request_", OF_TOKENS, ids=lambda r: type(r).__name__)
    def test_an_open_agent_serves(self, request_: wire.Request) -> None:
        assert handle(OPEN, request_, 5.0) == (State(locked=False, active_at=5.0), Serve(request_))

    @pytest.mark.parametrize("request_", OF_TOKENS, ids=lambda r: type(r).__name__)
    def test_a_locked_agent_refuses_and_names_the_command(self, request_: wire.Request) -> None:
        state, effect = handle(LOCKED, request_, 5.0)

        assert state.locked
        assert refusal(effect).hint == "mcp-vacuum agent unlock"

    @pytest.mark.parametrize("state", [OPEN, LOCKED])
    def test_status_is_served_and_is_no_activity(self, state: State) -> None:
        assert handle(state, wire.Status(), 5.0) == (state, Serve(wire.Status()))

    @pytest.mark.parametrize("state", [OPEN, LOCKED])
    def test_stop_ends_it(self, state: State) -> None:
        after, effect = handle(state, wire.Stop(), 5.0)

        assert (after.stopping, effect) == (True, End())

    @pytest.mark.parametrize("state", [OPEN, LOCKED])
    def test_lock_closes_the_store_at_once(self, state: State) -> None:
        after, effect = handle(state, wire.Lock(), 5.0)

        assert (after.locked, effect) == (True, CloseStore())

    def test_unlock_opens_the_store_and_changes_nothing_until_it_has_worked(self) -> None:
        after, effect = handle(LOCKED, wire.Unlock(Secret("key")), 5.0)

        assert (after.locked, effect) == (True, OpenStore(Secret("key")))


class TestUnlocking:
    def test_it_is_open_after_it_worked(self) -> None:
        tried, _ = handle(LOCKED, wire.Unlock(), 5.0)
        after = opened(tried, True, 6.0)

        assert (after.locked, after.failures, after.closed_until) == (False, 0, 0.0)

    def test_the_delays_double_up_to_a_minute(self) -> None:
        state, now, delays = LOCKED, 100.0, []
        for _ in range(9):
            state, effect = handle(state, wire.Unlock(), now)
            assert isinstance(effect, OpenStore)
            state = opened(state, False, now)
            delays.append(state.closed_until - now)
            now = state.closed_until

        assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]

    def test_the_delay_is_bounded_after_any_number_of_failures(self) -> None:
        state = opened(State(locked=True, active_at=0.0, failures=100_000), False, 5.0)

        assert state.closed_until == 65.0

    def test_before_its_end_no_attempt_is_made(self) -> None:
        state = opened(LOCKED, False, 10.0)
        _, early = handle(state, wire.Unlock(), 10.99)
        _, late = handle(state, wire.Unlock(), 11.0)

        assert "an attempt to unlock failed" in str(refusal(early))
        assert isinstance(late, OpenStore)

    def test_attempts_at_once_are_slowed_down_too(self) -> None:
        """Ten that arrive before the first has failed are not ten guesses."""
        state, effects = LOCKED, []
        for _ in range(10):
            state, effect = handle(state, wire.Unlock(), 10.0)
            effects.append(type(effect))

        assert effects == [OpenStore] + [Refuse] * 9

    def test_success_ends_the_delays(self) -> None:
        state = opened(opened(opened(LOCKED, False, 0.0), False, 0.0), True, 0.0)
        again = opened(handle(state, wire.Lock(), 1.0)[0], False, 1.0)

        assert again.closed_until == 2.0

    def test_waiting_for_the_passphrase_stops_no_status_and_no_stop(self) -> None:
        state = opened(LOCKED, False, 10.0)

        assert isinstance(handle(state, wire.Status(), 10.1)[1], Serve)
        assert isinstance(handle(state, wire.Stop(), 10.1)[1], End)


class TestShouldEnd:
    @pytest.mark.parametrize(
        ("now", "needed", "ends"),
        [(99.9, False, False), (100.0, False, True), (1e6, True, False), (50.0, True, False)],
    )
    def test_when_idle_for_long_enough_and_nothing_would_be_lost(
        self, now: float, needed: bool, ends: bool
    ) -> None:
        assert should_end(OPEN, now, 100.0, needed) is ends

    def test_when_told_to_whatever_would_be_lost(self) -> None:
        assert should_end(State(locked=False, active_at=0.0, stopping=True), 0.0, 100.0, True)

    def test_requests_keep_it_alive_and_status_does_not(self) -> None:
        asked, _ = handle(OPEN, wire.Token("n", "a", 60.0), 90.0)
        looked_at, _ = handle(OPEN, wire.Status(), 90.0)

        assert not should_end(asked, 100.0, 100.0, False)
        assert should_end(looked_at, 100.0, 100.0, False)

    def test_a_locked_agent_that_only_refuses_stays_as_long(self) -> None:
        asked, _ = handle(LOCKED, wire.Token("n", "a", 60.0), 90.0)

        assert not should_end(asked, 100.0, 100.0, False)

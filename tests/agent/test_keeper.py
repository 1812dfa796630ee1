"""The tokens of an unlocked agent, over a real vault and a real login."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mcp_vacuum.agent.keeper import Keeper, has_unsaved
from mcp_vacuum.agent.wire import Adopt
from mcp_vacuum.errors import GenerationConflict, LoginRequired
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.models import Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.access import ACCESS_TOKENS, Held
from tests.agent.running import Home
from tests.helpers import log_in, refreshes


@pytest.fixture
def keeper(home: Home, url: str) -> Iterator[Keeper]:
    keeper = Keeper(home.store())
    yield keeper
    keeper.store.close()


def record(keeper: Keeper, server: str) -> Credential:
    found = keeper.store.get(server)
    assert found is not None
    return found


def adopted(server: str, generation: int = 1, **changes: object) -> Adopt:
    request = Adopt(
        server,
        "default",
        generation,
        Secret("an-adopted-token"),
        "Bearer",
        600,
        time.time(),
        time.monotonic(),
    )
    return replace(request, **changes)  # type: ignore[arg-type]


def held(keeper: Keeper, server: str) -> Held | None:
    return ACCESS_TOKENS.get((keeper.store.location, server, "default"))


class TestLogins:
    def test_all_are_shown_or_one_without_a_secret(self, keeper: Keeper, url: str) -> None:
        login = record(keeper, url)
        keeper.store.put(replace(login, account="second", alias="work", generation=1), 0)
        told = keeper.logins(None, "default")
        (one,) = keeper.logins("work", "default")["logins"]

        assert [(each["account"], each["in_agent"]) for each in told["logins"]] == [
            ("default", False),
            ("second", False),
        ]
        assert (told["damaged"], told["key_source"]) == (0, keeper.store.key_source)
        assert (one["account"], one["refreshable"]) == ("second", True)
        assert login.refresh_token is not None
        assert login.refresh_token.reveal() not in json.dumps(told)

    def test_it_says_which_tokens_it_holds(self, keeper: Keeper, url: str) -> None:
        keeper.find(url, "default").tokens.obtain()

        assert keeper.logins(url, "default")["logins"][0]["in_agent"] is True

    def test_no_such_login(self, keeper: Keeper) -> None:
        with pytest.raises(LoginRequired):
            keeper.logins("https://nobody.example/mcp", "default")


class TestFind:
    def test_what_was_found_is_known_until_the_store_changes(
        self, home: Home, keeper: Keeper, url: str
    ) -> None:
        assert keeper.known("127.0.0.1", "default") is None
        found = keeper.find("127.0.0.1", "default")
        keeper.remember("127.0.0.1", "default", found)
        assert keeper.known("127.0.0.1", "default") is found
        home.store().set_alias(url, "default", "work")

        assert keeper.known("127.0.0.1", "default") is None

    def test_a_token_of_an_older_generation_is_dropped(self, home: Home, keeper: Keeper, url: str) -> None:
        keeper.find(url, "default").tokens.obtain()
        other = home.store()
        newer = replace(record(keeper, url), generation=3)
        other.put(newer, expected_generation=2)
        keeper.find(url, "default")

        assert held(keeper, url) is None

    def test_a_token_that_came_since_the_record_was_read_stays(self, keeper: Keeper, url: str) -> None:
        """A refresh of this process may end between the two."""
        keeper.find(url, "default").tokens.obtain()
        token = held(keeper, url)
        assert token is not None
        keeper._drop_if_replaced(
            (keeper.store.location, url, "default"), replace(record(keeper, url), generation=1)
        )

        assert held(keeper, url) is token

    def test_a_login_made_anew_has_nothing_to_do_with_the_old_token(
        self, home: Home, lab: Lab, keeper: Keeper, url: str
    ) -> None:
        """Its generations begin at 1 again."""
        keeper.find(url, "default")
        keeper.adopt(adopted(url))
        other = home.store()
        other.delete(url)
        held_before = held(keeper, url)
        log_in(lab, other, force=True)
        assert held_before is not None
        ACCESS_TOKENS.put((keeper.store.location, url, "default"), held_before)
        assert record(keeper, url).generation == held_before.generation == 1
        keeper.find(url, "default")

        assert held(keeper, url) is None

    def test_after_a_logout_elsewhere_nothing_is_left(self, home: Home, keeper: Keeper, url: str) -> None:
        keeper.adopt(adopted(url))
        home.store().delete(url)
        with pytest.raises(LoginRequired):
            keeper.find(url, "default")

        assert held(keeper, url) is None
        assert keeper.held() == []


class TestAdopt:
    def test_the_token_is_used_and_nothing_is_refreshed(self, lab: Lab, keeper: Keeper, url: str) -> None:
        keeper.adopt(adopted(url))

        assert keeper.find(url, "default").tokens.obtain().token.access_token == "an-adopted-token"
        assert refreshes(lab) == ()
        assert [(server, account) for server, account, _ in keeper.held()] == [(url, "default")]

    @pytest.mark.parametrize("generation", [0, 2, 99])
    def test_a_token_of_another_generation_is_refused(
        self, keeper: Keeper, url: str, generation: int
    ) -> None:
        with pytest.raises(GenerationConflict):
            keeper.adopt(adopted(url, generation))

        assert held(keeper, url) is None

    def test_a_token_of_no_login_is_refused(self, keeper: Keeper, url: str) -> None:
        with pytest.raises(LoginRequired):
            keeper.adopt(adopted("https://other.example/mcp"))

    def test_it_never_replaces_the_only_living_refresh_token(self, keeper: Keeper, url: str) -> None:
        """The disk was full: the new generation is in memory, the old one is what is stored."""
        tokens = keeper.find(url, "default").tokens
        keeper.adopt(adopted(url))
        before = held(keeper, url)
        assert before is not None
        unsaved = replace(record(keeper, url), generation=2, refresh_token=Secret("the-only-one"))
        ACCESS_TOKENS.put(tokens.place, replace(before, generation=2, unsaved=unsaved))
        with pytest.raises(GenerationConflict):
            keeper.adopt(adopted(url))

        assert has_unsaved()
        keeper.save_unsaved()
        assert record(keeper, url).refresh_token == Secret("the-only-one")

    def test_neither_clock_can_be_told_a_lie_that_makes_it_live_longer(
        self, keeper: Keeper, url: str
    ) -> None:
        keeper.adopt(adopted(url, created_at=time.time() + 1e6, mono=time.monotonic() + 1e6))
        token = held(keeper, url)

        assert token is not None
        assert token.left() <= 600

    def test_a_token_without_life_is_held_and_not_used(self, lab: Lab, keeper: Keeper, url: str) -> None:
        keeper.adopt(adopted(url, expires_in=0, created_at=time.time() - 5))
        keeper.find(url, "default").tokens.obtain()

        assert len(refreshes(lab)) == 1


class TestNeeded:
    def test_a_login_that_can_be_refreshed_needs_no_agent(self, keeper: Keeper, url: str) -> None:
        keeper.adopt(adopted(url))

        assert not keeper.needed()

    def test_one_that_cannot_does_until_its_token_ends(self, home: Home) -> None:
        with Lab(LabConfig(issue_refresh_token=False)) as lab:
            home.log_in(lab)
            keeper = Keeper(home.store())
            keeper.adopt(adopted(lab.mcp_url))
            assert keeper.needed()
            keeper.adopt(adopted(lab.mcp_url, expires_in=1, created_at=time.time() - 2))
            assert not keeper.needed()
            keeper.adopt(adopted(lab.mcp_url))
            keeper.forget(lab.mcp_url, "default")
            assert not keeper.needed()

    def test_a_refresh_token_that_is_stored_nowhere_does(self, keeper: Keeper, url: str) -> None:
        keeper.adopt(adopted(url))
        token = held(keeper, url)
        assert token is not None
        place = (keeper.store.location, url, "default")
        unsaved = replace(record(keeper, url), generation=2)
        ACCESS_TOKENS.put(place, replace(token, generation=2, unsaved=unsaved))
        assert keeper.needed()
        keeper.drop_all()
        assert keeper.needed()  # dropping all is not losing a login
        keeper.save_unsaved()

        assert not keeper.needed()
        assert record(keeper, url).generation == 2

    def test_one_that_was_logged_out_meanwhile_does_not(self, home: Home, keeper: Keeper, url: str) -> None:
        keeper.adopt(adopted(url))
        token = held(keeper, url)
        assert token is not None
        unsaved = replace(record(keeper, url), generation=2)
        ACCESS_TOKENS.put((keeper.store.location, url, "default"), replace(token, unsaved=unsaved))
        home.store().delete(url)
        keeper.save_unsaved()

        assert not keeper.needed()


def test_forgetting_all_leaves_no_token(keeper: Keeper, url: str) -> None:
    keeper.adopt(adopted(url))
    keeper.drop_all()

    assert held(keeper, url) is None
    assert keeper.held() == []

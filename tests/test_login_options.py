"""The words that the entries share: what is wanted of a login, and how it ended."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from mcp_vacuum import login
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.login_options import DEFAULTS, LoginOptions, LoginResult, by_browser
from mcp_vacuum.models import ClientCredentials, OAuth2Token
from mcp_vacuum.safety.limits import PERSON_TIMEOUT
from mcp_vacuum.safety.secret import Secret

SECRET = "options-secret-0123456789"


def test_nothing_is_tolerated_and_nothing_forced_unless_asked() -> None:
    assert LoginOptions() == DEFAULTS
    assert (DEFAULTS.quirks, DEFAULTS.legacy, DEFAULTS.allow_private_network) == ((), False, False)
    assert (DEFAULTS.force, DEFAULTS.own_callback, DEFAULTS.timeout) == (False, False, PERSON_TIMEOUT)


def test_options_are_the_same_for_the_whole_login() -> None:
    with pytest.raises(FrozenInstanceError):
        DEFAULTS.legacy = True  # type: ignore[misc]


def test_neither_options_nor_results_show_a_secret() -> None:
    client = ClientCredentials(client_id="mine", client_secret=Secret(SECRET))
    result = LoginResult("new", "https://mcp.example", None, OAuth2Token(SECRET, refresh_token=SECRET))

    assert SECRET not in repr(LoginOptions(client=client)) + repr(result)


def test_the_default_way_is_the_browser_of_this_machine() -> None:
    with LoopbackListener() as listener:
        assert isinstance(by_browser(listener, 1.0), BrowserVisit)


def test_the_entry_has_them_under_its_own_name() -> None:
    assert (login.LoginOptions, login.LoginResult) == (LoginOptions, LoginResult)

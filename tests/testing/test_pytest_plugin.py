from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

from mcp_vacuum.errors import LoginDeclined
from mcp_vacuum.lab import Lab, User
from mcp_vacuum.storage.credentials import CredentialStore

if TYPE_CHECKING:
    from mcp_vacuum.testing.pytest_plugin import LogIn
    from mcp_vacuum.tokens.source import LoginTokens


def test_pytest_finds_it_where_the_package_is_installed(pytestconfig: pytest.Config) -> None:
    (entry,) = entry_points(group="pytest11", name="mcp_vacuum")

    assert entry.value == "mcp_vacuum.testing.pytest_plugin"
    assert pytestconfig.pluginmanager.has_plugin("mcp_vacuum")


def test_a_login_goes_into_the_store_of_the_test(
    vacuum_lab: Lab, vacuum_login: LogIn, vacuum_store: CredentialStore
) -> None:
    result = vacuum_login(vacuum_lab.mcp_url)

    assert result.outcome == "new"
    assert result.credential is not None
    assert vacuum_store.get(result.server, "default") == result.credential


def test_options_and_another_user_are_passed_on(
    vacuum_lab: Lab, vacuum_login: LogIn, vacuum_store: CredentialStore
) -> None:
    with pytest.raises(LoginDeclined):
        vacuum_login(vacuum_lab.mcp_url, user=User(decision="deny"), account="work")

    assert vacuum_store.get(vacuum_lab.mcp_url, "work") is None


def test_a_source_has_a_token_that_the_server_takes(vacuum_lab: Lab, vacuum_source: LoginTokens) -> None:
    held = vacuum_source.obtain()

    assert held.token.access_token
    assert not held.token.is_expired


def test_each_test_has_a_store_of_its_own(vacuum_store: CredentialStore) -> None:
    assert vacuum_store.logins() == []
